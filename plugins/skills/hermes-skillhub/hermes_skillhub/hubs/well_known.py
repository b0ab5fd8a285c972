"""Web sites that publish skills below `/.well-known/agent-skills/` (or, the older name, `/.well-known/skills/`).

All three forms of the index that were published are read: 0.1 (`files` are names), the 0.2 draft (`files` have digests,
perhaps a `package`), and 0.2 (one artifact with `type`, `url` and `digest`). Every digest an index gives is checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from hermes_host.cli.listing import count
from hermes_host.errors import NotFound
from hermes_skillhub.archives import ARCHIVE_BYTES_AT_MOST, unpack
from hermes_skillhub.bundles import FILE_BYTES_AT_MOST, FILES_AT_MOST, NAME, TOTAL_BYTES_AT_MOST, path_fault
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import BundleRefused, HubUnavailable
from hermes_skillhub.hubs.gathering import gathered
from hermes_skillhub.protocol import BundleFile, Origin, SkillBundle, SkillListing
from hermes_skillhub.ranking import best

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_skillhub.transport import Transport

__all__ = ["WellKnown", "connect"]

_PLACES = ("/.well-known/agent-skills/", "/.well-known/skills/")
_ELSEWHERE = re.compile(r"https://(www\.)?(github\.com|skills\.sh|clawhub\.ai)(/|$)", re.IGNORECASE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


async def connect(context: PluginContext, _spec: Any) -> WellKnown:
    """The target of the hub `well-known`."""
    connections = await context.services.get(Connections)
    return WellKnown(connections.transport, connections.settings.sites)


class _Index(msgspec.Struct, frozen=True):
    """An index that was read, and where it was."""

    folder: str
    """The address of the folder it lies in, with a slash at the end."""
    skills: tuple[Mapping[str, Any], ...]


class WellKnown:
    """Identifiers are addresses: `https://host/.well-known/skills/<name>`, or a site that publishes one skill."""

    def __init__(self, transport: Transport, sites: Sequence[str]) -> None:
        self._transport = transport
        self._sites = sites

    def claims(self, reference: str) -> str:
        """Any web address that is not of a hub of its own; `site#name` names a skill of a site."""
        reference = reference.removeprefix("well-known:")
        try:
            parts = urlsplit(reference)
        except ValueError:
            return ""
        if parts.scheme not in ("https", "http") or not parts.netloc or _ELSEWHERE.match(reference):
            return ""
        return reference.removesuffix("/SKILL.md").rstrip("/")

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """In the sites of `skillhub.sites`; when the query is an address, in that site."""
        sites = [query] if self.claims(query.strip()) else list(self._sites)
        indexes = {site: self._listings(site) for site in sites}
        listings = await gathered(indexes, report)
        return listings[:limit] if sites == [query] else best(listings, query, limit)

    async def _listings(self, site: str) -> list[SkillListing]:
        index = await self._index(site, cached=True)
        return [_listing(index, entry) for entry in index.skills]

    async def inspect(self, identifier: str) -> SkillListing:
        """What the index says."""
        index, entry = await self._entry(identifier)
        return _listing(index, entry)

    async def fetch(self, identifier: str) -> SkillBundle:
        """Every file the index names, or its archive."""
        index, entry = await self._entry(identifier)
        name = str(entry["name"])
        if "url" in entry:
            files, notes = await self._artifact(index, entry)
        else:
            files, notes = await self._listed_files(index, entry)
        return SkillBundle(
            name=name,
            identifier=f"{index.folder}{name}",
            files=files,
            origin=Origin(url=f"{index.folder}{name}", revision=str(entry.get("digest") or "")),
            notes=notes,
        )

    async def _entry(self, identifier: str) -> tuple[_Index, Mapping[str, Any]]:
        index = await self._index(identifier, cached=False)
        wanted = _wanted(identifier)
        if not wanted and len(index.skills) == 1:
            return index, index.skills[0]
        for entry in index.skills:
            if entry["name"] == wanted:
                return index, entry
        names = ", ".join(str(entry["name"]) for entry in index.skills[:12])
        what = f"no skill {wanted!r}" if wanted else count(len(index.skills), "skill")
        example = f"{index.folder}{index.skills[0]['name']}" if index.skills else ""
        raise NotFound(
            f"{urlsplit(index.folder).netloc} has {what}; it has {names or 'none'}.",
            remedy=f"Name one: {example}" if example else "",
        )

    async def _index(self, reference: str, *, cached: bool) -> _Index:
        missing: NotFound | None = None
        for folder in _folders(reference):
            try:
                document = await self._transport.json(f"{folder}index.json", cached=cached)
            except NotFound as error:
                missing = error
                continue
            return _Index(folder, _skills(document, folder))
        raise NotFound(
            f"{urlsplit(reference).netloc} publishes no skills: it has no index below /.well-known/.",
        ) from missing

    async def _listed_files(
        self, index: _Index, entry: Mapping[str, Any]
    ) -> tuple[tuple[BundleFile, ...], tuple[str, ...]]:
        name, listed = str(entry["name"]), entry.get("files")
        if not isinstance(listed, list) or not listed:
            listed = ["SKILL.md"]
        if len(listed) > FILES_AT_MOST:
            raise BundleRefused(f"The index lists {len(listed)} files; a skill may have {FILES_AT_MOST}.")
        wanted = [
            (str(file.get("path", "")), file.get("digest")) if isinstance(file, dict) else (str(file), None)
            for file in listed
        ]
        for path, _ in wanted:
            # Before anything is asked for: `../` in an index would otherwise choose what is fetched.
            fault = path_fault(path)
            if fault:
                raise BundleRefused(f"The index names a file {ascii(path)}: {fault}.")
        files: list[BundleFile] = []
        total = 0
        for path, digest in wanted:
            answer = await self._transport.get(f"{index.folder}{name}/{quote(path)}", limit=FILE_BYTES_AT_MOST)
            total += len(answer.body)
            if total > TOTAL_BYTES_AT_MOST:
                raise BundleRefused("The files are more than a skill may have.")
            _check_digest(answer.body, digest, path)
            files.append(BundleFile(path, answer.body))
        unsigned = any(not digest for _, digest in wanted)
        return tuple(files), (("The site gives no digests for its files.",) if unsigned else ())

    async def _artifact(
        self, index: _Index, entry: Mapping[str, Any]
    ) -> tuple[tuple[BundleFile, ...], tuple[str, ...]]:
        address = urljoin(f"{index.folder}index.json", str(entry["url"]))
        digest = entry.get("digest")
        if not digest and urlsplit(address).netloc != urlsplit(index.folder).netloc:
            raise BundleRefused("The index leads to another host without saying what must be found there.")
        limit = ARCHIVE_BYTES_AT_MOST if entry.get("type") == "archive" else FILE_BYTES_AT_MOST
        answer = await self._transport.get(address, limit=limit)
        _check_digest(answer.body, digest, address)
        notes = () if digest else ("The site gives no digest for its files.",)
        if entry.get("type") == "archive":
            return unpack(answer.body), notes
        if entry.get("type") in (None, "skill-md"):
            return (BundleFile("SKILL.md", answer.body),), notes
        raise BundleRefused(f"The index has a skill of an unknown type: {entry.get('type')!r}.")


def _folders(reference: str) -> list[str]:
    """Where the index may be for what a person or an index named."""
    address = reference.partition("#")[0]
    for place in _PLACES:
        if place in f"{address}/":
            return [address[: f"{address}/".index(place)] + place]
    parts = urlsplit(address)
    root = f"{parts.scheme}://{parts.netloc}"
    bases = dict.fromkeys([f"{root}{parts.path.rstrip('/')}", root])
    return [f"{base}{place}" for base in bases for place in _PLACES]


def _wanted(reference: str) -> str:
    """The name of the skill within a reference; empty where it names only a site."""
    address, _, name = reference.partition("#")
    if name:
        return name
    for place in _PLACES:
        if place in f"{address}/":
            rest = f"{address}/".partition(place)[2].strip("/")
            return "" if rest == "index.json" else rest.partition("/")[0]
    return ""


def _skills(document: Any, folder: str) -> tuple[Mapping[str, Any], ...]:
    skills = document.get("skills") if isinstance(document, dict) else None
    if not isinstance(skills, list):
        raise HubUnavailable(f"{folder}index.json is not an index of skills.")
    # A name becomes part of an address and of a path; what cannot be one is left out.
    return tuple(entry for entry in skills if isinstance(entry, dict) and NAME.fullmatch(str(entry.get("name", ""))))


def _listing(index: _Index, entry: Mapping[str, Any]) -> SkillListing:
    return SkillListing(
        name=str(entry["name"]),
        identifier=f"{index.folder}{entry['name']}",
        description=str(entry.get("description") or ""),
        version=str(entry.get("version") or ""),
        url=f"{index.folder}{entry['name']}",
        details={"type": str(entry["type"])} if "type" in entry else {},
    )


def _check_digest(data: bytes, digest: Any, what: str) -> None:
    if not digest:
        return
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise BundleRefused(f"The index has a digest for {what!r} that is none.")
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        raise BundleRefused(f"{what!r} is not what the index says it is.")
