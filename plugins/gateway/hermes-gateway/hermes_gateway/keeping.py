"""Files that are to be sent: kept aside until they are, since what they are copied from may change or go."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.messages import Media

__all__ = ["Keeping", "local_path"]

LARGEST = 2_000_000_000


class Keeping:
    """The folder of files that wait to be sent."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "plugins" / "gateway" / "outgoing"

    def keep(self, media: Media) -> Media:
        """The same with its bytes in a file of ours; what lies elsewhere on the network stays an address.

        Raises `DeliveryRefused` for a file that is not there, is no file, or is too large.
        """
        source = local_path(media)
        if source is None and not media.data:
            return media
        if source is not None and source.is_relative_to(self._folder):
            return media
        name = media.name or (source.name if source else "")
        target = private_directory(self._folder) / f"{secrets.token_hex(8)}{Path(name).suffix[:16]}"
        if source is None:
            _write(target, media.data)
        else:
            _copy(source, target)
        return msgspec.structs.replace(media, data=b"", url=target.as_uri(), name=name)

    def forget(self, media: Iterable[Media]) -> None:
        """Remove what was sent."""
        for item in media:
            path = local_path(item)
            if path is not None and path.is_relative_to(self._folder):
                path.unlink(missing_ok=True)


def local_path(media: Media) -> Path | None:
    """The file of a `file:` URL."""
    parts = urlsplit(media.url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _write(target: Path, data: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _copy(source: Path, target: Path) -> None:
    import shutil
    import stat

    try:
        # Not followed: what was judged is what is read.
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise DeliveryRefused(f"{source.name} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise DeliveryRefused(f"{source.name} is not a file.")
        if facts.st_size > LARGEST:
            raise DeliveryRefused(f"{source.name} is too large to be sent.")
        new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(new, "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
