"""What the plugin's code gets in place of the host's contexts: its own folders, settings and secrets, no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hermes_host.context import PluginContext, SessionContext, ToolContext, private_directory
from hermes_host.errors import ToolError
from hermes_host.host import Host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

__all__ = ["GuestHost", "GuestSession", "GuestToolContext"]


class GuestHost(Host):
    """A host in which one plugin is loaded. Its settings come from `scratch`, its folders lie below `home`."""

    def __init__(self, plugin: str, *, scratch: Path, folders: Path, secrets: Mapping[str, str]) -> None:
        """`secrets` are all it may have; nothing is taken from this process's environment."""
        super().__init__(home=scratch, environ={**secrets, "PATH": os.environ.get("PATH", "")}, plugins=[plugin])
        self.plugin = plugin
        self._folders = folders
        self._given = dict(secrets)
        self._guest: PluginContext | None = None

    def context(self, plugin: str) -> PluginContext:
        """See `Catalogue.context`."""
        if plugin != self.plugin:
            return super().context(plugin)
        if self._guest is None:
            info = self.plugins.record(plugin).info
            own = frozenset(section.name for section in info.sections) if info else frozenset()
            self._guest = PluginContext(
                plugin,
                home=self._folders,
                section=lambda name: self.config.section(name, plugin=plugin) if name in own else None,
                secret=lambda name: self._given.get(name, ""),
                declared_secrets=frozenset(secret.name for secret in info.secrets) if info else frozenset(),
                services=self.services,
                catalogue=self,
                background=self.background,
            )
        return self._guest


class GuestSession(SessionContext):
    """A conversation, as far as the plugin may see it."""

    def __init__(self, session_id: str, **options: Any) -> None:
        """As for `SessionContext`."""
        super().__init__(session_id, **options)
        self.say: Callable[[str, str, str], None] = lambda text, level, code: None

    def announce(self, text: str, *, level: str = "info", code: str = "") -> None:
        """See `SessionContext.announce`."""
        self.say(text, level, code)

    def pass_environment(self, *names: str) -> None:
        """Refused: what other commands see is not this plugin's to say."""
        raise ToolError("An isolated plugin cannot pass variables to the conversation's commands.")


class GuestToolContext(ToolContext):
    """A call, as far as the plugin may see it: no terminal, no other tools."""

    def __init__(
        self,
        plugin: PluginContext,
        session: SessionContext,
        *,
        ask: Callable[[str, tuple[str, ...], float, bool], Awaitable[str | None]] | None,
        **options: Any,
    ) -> None:
        """`ask` puts a question to the user; None where nobody can be asked."""
        super().__init__(plugin, session, **options)
        self._ask = ask

    async def ask(
        self, text: str, choices: tuple[str, ...] = (), *, timeout: float = 120.0, secret: bool = False
    ) -> str | None:
        """See `ToolContext.ask`."""
        return await self._ask(text, tuple(choices), timeout, secret) if self._ask is not None else None

    @property
    def can_ask(self) -> bool:
        """See `ToolContext.can_ask`."""
        return self._ask is not None

    def keep(self, name: str, data: bytes) -> Path:
        """See `ToolContext.keep`: a file in the plugin's own cache folder."""
        folder = private_directory(self.plugin.cache_directory / "results")
        path = folder / f"{_plain(self.session.id)}-{_plain(self.call_id or self.tool)}-{_plain(name)}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        return path


def _plain(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "_" for char in text)[:80]
