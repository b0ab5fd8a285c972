"""What all hubs share: one guarded transport, one cache, one GitHub."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hermes_network.guard import Network

from hermes_skillhub.cache import Cache
from hermes_skillhub.github import GitHub
from hermes_skillhub.github_token import GitHubToken
from hermes_skillhub.settings import Settings
from hermes_skillhub.transport import Transport

if TYPE_CHECKING:
    from hermes_network.client import Client

    from hermes_host.context import PluginContext

__all__ = ["Connections", "connect"]


class Connections:
    """Offered as a service, so that hubs of other plugins ask through the same guard:
    `await context.services.get(Connections)`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self.settings = context.section(Settings)
        self._client: Client | None = None

    @cached_property
    def transport(self) -> Transport:
        """HTTP with all limits."""
        cache = Cache(self._context.cache_directory / "answers", self.settings.cache_seconds)
        return Transport(self._connected, cache)

    @cached_property
    def github(self) -> GitHub:
        """GitHub, with the user's token where there is one."""
        token = GitHubToken(self._context.secret, ask_gh=self.settings.gh)
        return GitHub(self.transport, self.settings.addresses, token)

    async def _connected(self) -> Client:
        if self._client is None:
            network = await self._context.services.get(Network)
            self._client = network.client(
                "skill hub",
                allow_private=self.settings.private_hosts,
                https_only=True,
                timeout=self.settings.request_timeout,
            )
        return self._client


def connect(context: PluginContext, _spec: Any) -> Connections:
    """The target of the service."""
    return Connections(context)
