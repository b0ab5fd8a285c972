"""ClawHub, the registry of OpenClaw's skills, by its public API v1. Everything from there is of the community."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hermes_host.errors import NotFound
from hermes_skillhub.archives import ARCHIVE_BYTES_AT_MOST, unpack
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import BundleRefused, HubUnavailable
from hermes_skillhub.protocol import Origin, SkillBundle, SkillListing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.context import PluginContext
    from hermes_skillhub.transport import Transport

__all__ = ["ClawHub", "connect"]

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
_PAGE = re.compile(r"https://(?:www\.)?clawhub\.ai/(?:[^/\s]+/)?(?:skills/)?([^/\s]+)/?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}")


async def connect(context: PluginContext, _spec: Any) -> ClawHub:
    """The target of the hub `clawhub`."""
    connections = await context.services.get(Connections)
    return ClawHub(connections.transport, connections.settings.addresses.clawhub)


class ClawHub:
    """Identifiers are slugs."""

    def __init__(self, transport: Transport, address: str) -> None:
        self._transport = transport
        self._api = f"{address.rstrip('/')}/api/v1"

    def claims(self, reference: str) -> str:
        """A slug, or a page on clawhub.ai."""
        page = _PAGE.fullmatch(reference)
        slug = page[1] if page else reference
        return slug.lower() if _SLUG.fullmatch(slug) else ""

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """The registry's own ranking; without a query its most downloaded skills."""
        if query.strip():
            asked = urlencode({"q": query, "limit": limit, "nonSuspiciousOnly": "true"})
            items = _list(await self._transport.json(f"{self._api}/search?{asked}", cached=True), "results")
        else:
            asked = urlencode({"limit": min(limit, 200), "sort": "downloads", "nonSuspiciousOnly": "true"})
            items = _list(await self._transport.json(f"{self._api}/skills?{asked}", cached=True), "items")
        return [_listing(item) for item in items if _SLUG.fullmatch(str(item.get("slug", "")))][:limit]

    async def inspect(self, identifier: str) -> SkillListing:
        """What the registry says of one skill, its moderation included."""
        document = await self._about(identifier)
        owner = document.get("owner")
        handle = str(owner.get("handle", "")) if isinstance(owner, dict) else ""
        moderation = document.get("moderation")
        verdict = str(moderation.get("verdict", "")) if isinstance(moderation, dict) else ""
        listing = _listing(document["skill"], _version(document))
        details = {"owner": handle, "moderation": verdict}
        return SkillListing(
            name=listing.name,
            identifier=listing.identifier,
            description=listing.description,
            version=listing.version,
            url=f"https://clawhub.ai/{handle}/{listing.name}" if handle else listing.url,
            details={key: value for key, value in details.items() if value},
        )

    async def fetch(self, identifier: str) -> SkillBundle:
        """The newest version. What the registry blocks as malware is refused here too."""
        document = await self._about(identifier)
        slug, version = str(document["skill"]["slug"]), _version(document)
        moderation = document.get("moderation")
        moderation = moderation if isinstance(moderation, dict) else {}
        if moderation.get("isMalwareBlocked"):
            raise BundleRefused(f"ClawHub blocks {slug!r} as malware.")
        notes = ("ClawHub marks it as suspicious.",) if moderation.get("isSuspicious") else ()
        asked = urlencode({"slug": slug, **({"version": version} if version else {})})
        answer = await self._transport.get(f"{self._api}/download?{asked}", limit=ARCHIVE_BYTES_AT_MOST)
        origin = Origin(revision=version, url=f"https://clawhub.ai/skills/{slug}")
        return SkillBundle(name=slug, identifier=slug, files=unpack(answer.body), origin=origin, notes=notes)

    async def _about(self, identifier: str) -> dict[str, Any]:
        try:
            document = await self._transport.json(f"{self._api}/skills/{identifier}")
        except NotFound as error:
            raise NotFound(f"ClawHub has no skill {identifier!r}.") from error
        skill = document.get("skill") if isinstance(document, dict) else None
        if not isinstance(skill, dict) or not _SLUG.fullmatch(str(skill.get("slug", ""))):
            raise HubUnavailable("ClawHub's answer is not what its API promises.")
        return dict(document)


def _list(document: Any, key: str) -> list[dict[str, Any]]:
    items = document.get(key) if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise HubUnavailable("ClawHub's answer is not what its API promises.")
    return [item for item in items if isinstance(item, dict)]


def _version(document: dict[str, Any]) -> str:
    latest = document.get("latestVersion")
    said = str(latest.get("version") or "") if isinstance(latest, dict) else ""
    return said if _VERSION.fullmatch(said) else ""


def _listing(item: dict[str, Any], version: str = "") -> SkillListing:
    slug = str(item["slug"])
    return SkillListing(
        name=slug,
        identifier=slug,
        description=str(item.get("summary") or item.get("displayName") or ""),
        version=version or str(item.get("version") or "") or _version(item),
        url=f"https://clawhub.ai/skills/{slug}",
    )
