"""skills.sh: a directory of skills that lie on GitHub. It is asked where they are, never for their content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hermes_host.errors import HermesError
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import HubUnavailable
from hermes_skillhub.github import REPOSITORY, GitHub, split_reference
from hermes_skillhub.protocol import SkillBundle, SkillListing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.context import PluginContext
    from hermes_skillhub.transport import Transport

__all__ = ["SkillsSh", "connect"]

_PREFIX = re.compile(r"(?:https://(?:www\.)?skills\.sh/|ski?l?ls?[-.]sh/)", re.IGNORECASE)


async def connect(context: PluginContext, _spec: Any) -> SkillsSh:
    """The target of the hub `skills-sh`."""
    connections = await context.services.get(Connections)
    return SkillsSh(connections.transport, connections.github, connections.settings.addresses.skills_sh)


class SkillsSh:
    """Identifiers are `owner/repo/skill`."""

    def __init__(self, transport: Transport, github: GitHub, address: str) -> None:
        self._transport = transport
        self._github = github
        self._address = address.rstrip("/")

    def claims(self, reference: str) -> str:
        """`owner/repo/skill`, also behind `skills.sh/` and near spellings of it, or a page on skills.sh."""
        bare = _PREFIX.sub("", reference).strip("/")
        parts = split_reference(bare) if "://" not in bare else None
        return bare if parts is not None and parts[1] and not parts[2] else ""

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """The directory's own ranking. It answers nothing to a single letter."""
        if len(query.strip()) == 1:
            return ()
        asked = urlencode({"q": query, "limit": limit} if query.strip() else {"limit": limit, "sort": "trending"})
        path = "search" if query.strip() else "skills"
        document = await self._transport.json(f"{self._address}/api/{path}?{asked}", cached=True)
        items = document.get("skills") if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise HubUnavailable("skills.sh did not answer with a list of skills.")
        found = [listing for item in items if isinstance(item, dict) and (listing := _listing(item)) is not None]
        return found[:limit]

    async def inspect(self, identifier: str) -> SkillListing:
        """From the repository itself."""
        name, skill = _split(identifier)
        repository = await self._github.repository(name)
        folder = await self._github.find(repository, skill)
        tree = await self._github.tree(repository, folder)
        head = (await self._github.heads(tree, folder)).get(folder)
        return SkillListing(
            name=skill.rpartition("/")[2],
            identifier=identifier,
            description=head.description if head else "",
            repository=repository.name,
            version=head.version if head else "",
            tags=head.tags if head else (),
            url=f"https://skills.sh/{identifier}",
            details={"commit": repository.commit, "folder": folder},
        )

    async def fetch(self, identifier: str) -> SkillBundle:
        """From the repository itself."""
        name, skill = _split(identifier)
        repository = await self._github.repository(name)
        folder = await self._github.find(repository, skill)
        return await self._github.bundle(repository, folder, name=skill.rpartition("/")[2], identifier=identifier)


def _listing(item: dict[str, Any]) -> SkillListing | None:
    """A skill as the API gives it; None for one that does not lie on GitHub."""
    repository = str(item.get("source") or item.get("topSource") or "")
    skill = str(item.get("skillId") or item.get("name") or "")
    if not REPOSITORY.fullmatch(repository) or split_reference(f"{repository}/{skill}") is None or not skill:
        return None
    installs = item.get("installs")
    return SkillListing(
        name=skill,
        identifier=f"{repository}/{skill}",
        description=str(item.get("description") or ""),
        repository=repository,
        url=f"https://skills.sh/{repository}/{skill}",
        details={"installs": installs} if isinstance(installs, int) else {},
    )


def _split(identifier: str) -> tuple[str, str]:
    parts = split_reference(identifier)
    if parts is None or not parts[1]:
        raise HermesError(f"{identifier!r} is not of the form owner/repo/skill.")
    return parts[0], parts[1]
