"""The catalogue: a static JSON file with the plugins that are known, where they come from, and what was withdrawn.

The format is described in this plugin's README.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hermes_host.config.files import read_text, write_private
from hermes_host.errors import ConfigError, HermesError
from hermes_host.installed import Agreed
from hermes_installer.fetch import check_address, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_installer.settings import Settings

__all__ = ["Catalogue", "KnownPlugin", "KnownVersion", "Revocation", "load_catalogue"]

FORMAT = 1
_LIMIT = 8_000_000
_BUILTIN = "catalogue.json"


class KnownVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One released version: exactly this file."""

    version: str
    url: str
    """Of the wheel: https, or a path relative to the catalogue's file."""
    sha256: str


class KnownPlugin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One plugin."""

    name: str
    distribution: str
    summary: str = ""
    homepage: str = ""
    publisher: str = ""
    index: str = ""
    """The only index it may come from."""
    versions: tuple[KnownVersion, ...] = ()
    """Where there are any, only these may be installed."""
    capabilities: Agreed = Agreed()


class Revocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something withdrawn: it is not installed, and switched off where it is."""

    distribution: str
    reason: str
    versions: tuple[str, ...] = ()
    """Empty for all."""


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    plugins: tuple[KnownPlugin, ...] = ()
    revoked: tuple[Revocation, ...] = ()


class Catalogue:
    """A catalogue that was read."""

    def __init__(self, document: _Document, *, location: str = "", note: str = "") -> None:
        self.plugins: Sequence[KnownPlugin] = document.plugins
        self._revoked = document.revoked
        self.location = location
        """The file or address it was read from; empty for the one that ships."""
        self.note = note
        """What a person should know about it, such as that it is an old copy."""

    def find(self, name: str) -> KnownPlugin | None:
        """A plugin by its name, or by its distribution's however that is spelled."""
        wanted = canonicalize_name(name)
        for plugin in self.plugins:
            if wanted in (plugin.name, canonicalize_name(plugin.distribution)):
                return plugin
        return None

    def revoked(self, distribution: str, version: str) -> str:
        """Why this version was withdrawn; empty where it was not."""
        wanted = canonicalize_name(distribution)
        for each in self._revoked:
            if canonicalize_name(each.distribution) == wanted and (
                not each.versions or any(_same(version, text) for text in each.versions)
            ):
                return each.reason or "no reason is given."
        return ""

    def search(self, words: Sequence[str]) -> list[KnownPlugin]:
        """The plugins in which every word appears; those with one in the name first."""
        wanted = [word.casefold() for word in words]
        found = [
            plugin
            for plugin in self.plugins
            if all(word in f"{plugin.name} {plugin.distribution} {plugin.summary}".casefold() for word in wanted)
        ]
        return sorted(found, key=lambda plugin: (not any(word in plugin.name for word in wanted), plugin.name))

    def address_of(self, version: KnownVersion) -> str:
        """Where the wheel is: an address or an absolute path."""
        if "://" in version.url:
            return version.url
        if "://" in self.location:
            from urllib.parse import urljoin

            return urljoin(self.location, version.url)
        return str(Path(self.location).parent / version.url) if self.location else version.url


def load_catalogue(settings: Settings, cache: Path, location: str = "") -> Catalogue:
    """The catalogue at `location`, else the configured one, else the one that ships.

    One from the network is kept in `cache` with its ETag, and used from there when the network is away. The configured
    SHA-256 holds for the configured place only. Raises `HermesError`.
    """
    pin = "" if location else settings.catalogue_sha256.lower()
    place = location or settings.catalogue
    note = ""
    if not place:
        text = files("hermes_installer").joinpath(_BUILTIN).read_text(encoding="utf-8")
    elif "://" in place:
        text, note = _from_network(place, cache)
    else:
        path = Path(place).expanduser().absolute()
        place = str(path)
        found = read_text(path, limit=_LIMIT)
        if found is None:
            raise ConfigError(f"There is no catalogue at {path}.", remedy="Check `installer.catalogue`.")
        text = found
    if pin and hashlib.sha256(text.encode()).hexdigest() != pin:
        raise ConfigError(
            f"The catalogue {place or 'that ships'} is not the one that `installer.catalogue_sha256` names.",
            remedy="Nothing was used of it. If the change is right, set the new SHA-256.",
        )
    return Catalogue(_decode(text, place), location=place, note=note)


def _from_network(address: str, cache: Path) -> tuple[str, str]:
    check_address(address)
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    kept, kept_etag = cache / f"catalogue-{name}.json", cache / f"catalogue-{name}.etag"
    text = read_text(kept, limit=_LIMIT)
    etag = (read_text(kept_etag, limit=1000) or "").strip() if text is not None else ""
    try:
        answer = fetch(address, limit=_LIMIT, etag=etag)
        if answer.data is None and text is not None:
            return text, ""
        fresh = (answer.data or b"").decode("utf-8")
        _decode(fresh, address)
    except UnicodeDecodeError as error:
        raise HermesError(f"The catalogue {address} is not UTF-8 text.") from error
    except ConfigError:
        raise
    except HermesError as error:
        if text is None:
            raise
        return text, f"{error.message} The copy from last time is used."
    write_private(kept, fresh)
    write_private(kept_etag, answer.etag)
    return fresh, ""


def _decode(text: str, place: str) -> _Document:
    where = place or "that ships"
    try:
        document = msgspec.json.decode(text, type=_Document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"The catalogue {where} cannot be used: {error}.") from error
    if document.version != FORMAT:
        raise ConfigError(
            f"The catalogue {where} is of format {document.version}, not {FORMAT}.",
            remedy="Upgrade hermes-installer.",
        )
    taken: set[str] = set()
    for plugin in document.plugins:
        fault = _fault(plugin)
        names = {plugin.name, canonicalize_name(plugin.distribution)}
        if not fault and names & taken:
            fault = "there is another of that name"
        if fault:
            raise ConfigError(f"The catalogue {where} cannot be used: plugin {plugin.name!r}: {fault}.")
        taken |= names
    return document


def _fault(plugin: KnownPlugin) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", plugin.name):
        return "this is no plugin's name"
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", plugin.distribution):
        return f"{plugin.distribution!r} is no distribution's name"
    if plugin.index and "://" not in plugin.index:
        return "its index is no address"
    for version in plugin.versions:
        if not re.fullmatch(r"[0-9a-f]{64}", version.sha256):
            return f"version {version.version} has no SHA-256"
        try:
            Version(version.version)
        except InvalidVersion:
            return f"{version.version!r} is no version"
    return ""


def _same(version: str, text: str) -> bool:
    try:
        return Version(version) == Version(text)
    except InvalidVersion:
        return version == text
