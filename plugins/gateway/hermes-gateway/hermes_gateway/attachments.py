"""Files that come with messages: fetched once the sender is known, bounded, kept under names of our own."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import time
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import HermesError, NotFound
from hermes_host.messages import ATTACHED, Media, Part, Text
from hermes_host.services import SpeechToText
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_gateway.shared import Shared
    from hermes_host.protocols import Adapter, Attachment

__all__ = ["Attachments", "safe_name"]

log = logging.getLogger(__name__)

FETCH_SECONDS = 120.0
TRANSCRIBE_SECONDS = 120.0

_TEXT_SUFFIXES = tuple(
    f".{word}"
    for word in (
        *("c", "cfg", "conf", "cpp", "css", "csv", "go", "h", "html", "ini", "java", "js", "json", "log", "md", "py"),
        *("rb", "rs", "rst", "sh", "sql", "toml", "ts", "txt", "xml", "yaml", "yml"),
    )
)
_IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
"""What models take as images; others are files."""

_UNSAFE = re.compile(r"[^\w.\- ]")


def safe_name(name: str, default: str = "file") -> str:
    """A file name without folders and without characters that mean something to programs, at most 80 long."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = _UNSAFE.sub("_", last).strip(" .")
    stem, suffix = os.path.splitext(cleaned)
    return (stem[:60] or default) + suffix[:20]


class Attachments:
    """Fetches the attachments of one message; `provenance` tells of text that came in files."""

    def __init__(self, shared: Shared, adapter: Adapter | None) -> None:
        self._shared = shared
        self._adapter = adapter
        self._limits = shared.settings.gateway.media
        self._left = self._limits.message_bytes
        self.notices: list[str] = []
        """What the sender is to be told."""
        self.hints: list[str] = []
        """What the sender is to be told once, not with every message."""
        self.read_file = False
        """Whether words of a file are in the message."""

    async def parts(self, attachment: Attachment) -> list[Part]:
        """What the agent gets of an attachment. A failure becomes a note, never an error."""
        shown = one_line(attachment.name or attachment.kind, 80)
        if attachment.kind == "sticker":
            return [_note(f"[A sticker: {shown}]")]
        try:
            data = await self._fetch(attachment)
        except HermesError as error:
            return self._missing(shown, error.message)
        except TimeoutError:
            return self._missing(shown, f"It did not arrive within {FETCH_SECONDS:g} s.")
        except Exception as error:  # the boundary to adapters: the words are answered all the same
            log.warning("an adapter could not fetch an attachment", exc_info=error)
            return self._missing(shown, "The platform's adapter failed.")
        self._left -= len(data)
        if attachment.kind == "image" and attachment.mime in _IMAGES:
            return [Media(kind="image", mime=attachment.mime, data=data, name=safe_name(attachment.name, "image"))]
        path = await asyncio.to_thread(self._keep, attachment, data)
        if attachment.kind in ("voice", "audio"):
            return await self._spoken(attachment, data, path)
        return [*self._inlined(attachment, data, shown), _note(f"[The file {safe_name(shown)} is in {path}]")]

    def _missing(self, shown: str, why: str) -> list[Part]:
        self.notices.append(f"“{shown}” could not be taken: {why}")
        return [_note(f"[An attachment, {shown}, could not be fetched: {why}]")]

    async def _fetch(self, attachment: Attachment) -> bytes:
        if self._adapter is None:
            raise NotFound("The platform is not connected.")
        limit = min(self._limits.file_bytes, self._left, self._adapter.limits.media_in)
        if attachment.size > limit or limit <= 0:
            raise NotFound(f"It is larger than the {limit / 1e6:.0f} MB that are taken.")
        async with asyncio.timeout(FETCH_SECONDS):
            return await self._adapter.fetch(attachment, limit=limit)

    def _keep(self, attachment: Attachment, data: bytes) -> Path:
        folder = private_directory(self._shared.cache / "incoming")
        path = folder / f"{secrets.token_hex(6)}_{safe_name(attachment.name, attachment.kind)}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        return path

    async def _spoken(self, attachment: Attachment, data: bytes, path: Path) -> list[Part]:
        kept = _note(f"[A recording; it is in {path}]")
        audio = Media(kind="audio", mime=attachment.mime, data=data, name=path.name)
        try:
            service = await self._shared.host.services.find(SpeechToText)
            if service is None:
                raise NotFound("Nothing is installed that writes down what is said.", remedy="Try hermes-voice.")
            async with asyncio.timeout(TRANSCRIBE_SECONDS):
                transcript = await service.transcribe(audio)
        except (HermesError, TimeoutError) as error:
            why = error.message if isinstance(error, HermesError) else "It took too long."
            self.hints.append(f"I cannot listen to recordings: {error if isinstance(error, HermesError) else why}")
            return [_note(f"[A voice message that could not be written down: {why}]"), kept]
        return [_note("[Spoken:]"), Text(text=transcript.text), kept]

    def _inlined(self, attachment: Attachment, data: bytes, shown: str) -> list[Part]:
        readable = attachment.mime.startswith("text/") or attachment.name.lower().endswith(_TEXT_SUFFIXES)
        if not readable or len(data) > self._limits.inline_bytes:
            return []
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return []
        self.read_file = True
        fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
        return [_note(f"[The file {safe_name(shown)}:]\n{fence}\n{text}\n{fence}")]

    @staticmethod
    def sweep(folder: Path, hours: float) -> None:
        """Remove what was kept long enough."""
        before = time.time() - hours * 3600
        try:
            for entry in os.scandir(folder):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)
        except FileNotFoundError:
            return


def _note(text: str) -> Text:
    return Text(text=f"\n{text}\n", meta={ATTACHED: "gateway"})
