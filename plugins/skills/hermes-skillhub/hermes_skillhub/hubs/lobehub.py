"""LobeHub's index of chat agents. An agent is a prompt; it becomes a skill of one file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hermes_host.errors import NotFound
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import BundleRefused, HubUnavailable
from hermes_skillhub.protocol import BundleFile, Origin, SkillBundle, SkillListing
from hermes_skillhub.ranking import best

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.context import PluginContext
    from hermes_skillhub.transport import Transport

__all__ = ["LobeHub", "connect"]

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.IGNORECASE)


async def connect(context: PluginContext, _spec: Any) -> LobeHub:
    """The target of the hub `lobehub`."""
    connections = await context.services.get(Connections)
    return LobeHub(connections.transport, connections.settings.addresses.lobehub)


class LobeHub:
    """Identifiers are those of the agents."""

    def __init__(self, transport: Transport, address: str) -> None:
        self._transport = transport
        self._address = address.rstrip("/")

    def claims(self, reference: str) -> str:
        """An agent's identifier."""
        identifier = reference.removeprefix("lobehub/")
        return identifier if _ID.fullmatch(identifier) else ""

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """In the whole index, which is one document."""
        document = await self._transport.json(f"{self._address}/index.json", cached=True)
        agents = document.get("agents") if isinstance(document, dict) else document
        if not isinstance(agents, list):
            raise HubUnavailable("LobeHub's index is not a list of agents.")
        listings = [_listing(agent) for agent in agents if isinstance(agent, dict)]
        return best((listing for listing in listings if listing is not None), query, limit)

    async def inspect(self, identifier: str) -> SkillListing:
        """One agent."""
        listing = _listing(await self._agent(identifier))
        if listing is None:
            raise HubUnavailable("LobeHub's agent has no identifier.")
        return listing

    async def fetch(self, identifier: str) -> SkillBundle:
        """The agent's prompt as a SKILL.md."""
        agent = await self._agent(identifier)
        config = agent.get("config")
        prompt = config.get("systemRole") if isinstance(config, dict) else None
        if not isinstance(prompt, str) or not prompt.strip():
            raise BundleRefused(f"The agent {identifier!r} has no prompt.")
        listing = _listing(agent)
        description = (listing.description if listing else "") or f"The agent {identifier} of LobeHub."
        text = _skill(identifier, description, str(agent.get("author") or ""), listing.tags if listing else (), prompt)
        origin = Origin(url=f"{self._address}/{identifier}.json")
        files = (BundleFile("SKILL.md", text.encode()),)
        return SkillBundle(name=identifier, identifier=identifier, files=files, origin=origin)

    async def _agent(self, identifier: str) -> dict[str, Any]:
        try:
            agent = await self._transport.json(f"{self._address}/{identifier}.json")
        except NotFound as error:
            raise NotFound(f"LobeHub has no agent {identifier!r}.") from error
        if not isinstance(agent, dict) or agent.get("identifier", identifier) != identifier:
            raise HubUnavailable("LobeHub's answer is not the agent that was asked for.")
        return {**agent, "identifier": identifier}


def _listing(agent: dict[str, Any]) -> SkillListing | None:
    identifier = str(agent.get("identifier", ""))
    if not _ID.fullmatch(identifier):
        return None
    meta = agent.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    tags = meta.get("tags")
    title, description = str(meta.get("title") or ""), str(meta.get("description") or "")
    return SkillListing(
        name=identifier.lower(),
        identifier=identifier,
        description=description or title,
        tags=tuple(str(tag) for tag in tags)[:10] if isinstance(tags, list) else (),
        url=str(agent.get("homepage") or ""),
        details={"title": title, "author": str(agent.get("author") or "")},
    )


def _skill(name: str, description: str, author: str, tags: Sequence[str], prompt: str) -> str:
    import yaml

    head = {
        "name": name.lower(),
        "description": " ".join(description.split())[:1000],
        **({"author": author} if author else {}),
        **({"metadata": {"hermes": {"tags": list(tags)}}} if tags else {}),
    }
    written = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{written}---\n\n{prompt.strip()}\n"
