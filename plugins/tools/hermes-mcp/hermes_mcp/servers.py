"""All configured servers, or those of one conversation: their tools under names of this host, and news of them."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, NotFound, ToolError
from hermes_host.specs import Effect, SlashCommandSpec, ToolSpec
from hermes_host.visible import one_line
from hermes_mcp.names import Target, file_name, name_all, plain
from hermes_mcp.offers import Shelf
from hermes_mcp.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hermes_host.context import PluginContext, SessionContext
    from hermes_mcp.offers import Offer, ToolOffer
    from hermes_mcp.settings import ServerSettings

__all__ = ["Servers", "connect"]

_AT_ONCE = 3
"""Servers that are asked for their first list at the same moment."""
_JUDGED = 500
_SUMMARY = 2_000
_READS: frozenset[Effect] = frozenset({"read", "net"})
_ACTS: frozenset[Effect] = frozenset({"process", "net"})
_CALL = "hermes_mcp.calls:call"
_ASSESS = "hermes_mcp.calls:assess"


def connect(context: PluginContext, spec: object) -> Servers:
    """The service."""
    return Servers(context)


class Servers:
    """Starts nothing before it is needed."""

    def __init__(
        self,
        context: PluginContext,
        settings: Mapping[str, ServerSettings] | None = None,
        shelf: Shelf | None = None,
        *,
        beside: Servers | None = None,
        directory: str = "",
    ) -> None:
        """Without `settings` those of the configuration. No name is given that `beside` gave; `directory` is where
        programs run that have none of their own."""
        self.context = context
        self._beside = beside
        wanted: Mapping[str, Any] = settings if settings is not None else context.section(dict, "mcp_servers")
        self._servers: dict[str, Server] = {}
        if wanted:
            shelf = shelf or Shelf(context.cache_directory, context.state_directory)
            self._servers = {
                name: Server(name, each, context, shelf, self._learned, directory=directory)
                for name, each in wanted.items()
            }
        self._specs: list[ToolSpec] | None = None
        self._routes: dict[str, Target] = {}
        self._prompts: dict[str, Target] = {}
        self._first: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._sessions: weakref.WeakSet[SessionContext] = weakref.WeakSet()
        self._news: list[str] = []
        self._change = asyncio.Event()
        self.judged: dict[tuple[str, str], str | HermesError] = {}
        """For each call what was judged: the fingerprint of the tool, or why the server could not be reached."""

    def __contains__(self, name: object) -> bool:
        return name in self._servers

    def __iter__(self) -> Iterator[Server]:
        return iter(self._servers.values())

    @property
    def enabled(self) -> Iterable[Server]:
        """Those that are switched on."""
        return [server for server in self if server.settings.enabled]

    def get(self, name: str) -> Server:
        """The server of that name. Raises `NotFound`."""
        if name not in self._servers:
            known = ", ".join(sorted(self._servers)) or "none"
            raise NotFound(f"There is no MCP server {name!r}.", remedy=f"There are: {known}.")
        return self._servers[name]

    def leave_out(self, name: str) -> None:
        """Have a server no more. What runs of it goes on."""
        del self._servers[name]
        self._specs = None

    def has(self, tool: str) -> bool:
        """Whether a tool of that name was given to one of them."""
        return tool in self._routes

    def has_prompt(self, command: str) -> bool:
        """Whether a slash command of that name was given to a prompt of one of them."""
        return command in self._prompts

    def route(self, tool: str) -> tuple[Server, str, str]:
        """The server, the kind and the own name of a tool. Raises `ToolError`."""
        server, kind, name = self._routes.get(tool, ("", "", ""))
        if server not in self._servers:
            raise ToolError(f"No MCP server offers the tool {tool!r} any more.")
        return self._servers[server], kind, name

    def prompt(self, command: str) -> tuple[Server, str]:
        """The server and the own name of a prompt. Raises `NotFound`."""
        server, _, name = self._prompts.get(command, ("", "", ""))
        if server not in self._servers:
            raise NotFound(f"No MCP server offers the prompt {command!r}.")
        return self._servers[server], name

    def judge(self, key: tuple[str, str], found: str | HermesError) -> None:
        """Remember what was judged, for the call that follows."""
        self.judged[key] = found
        while len(self.judged) > _JUDGED:
            self.judged.pop(next(iter(self.judged)))

    # -------------------------------------------------------------------------------------------------- the tools

    def specs(self) -> list[ToolSpec]:
        """All tools, from the cached lists. A server without one is asked for it beside the conversation."""
        for server in self.enabled:
            if server.offer is None:
                self._fetch_first(server)
        if self._specs is None:
            targets: dict[Target, ToolOffer | None] = {}
            for server in self.enabled:
                targets |= {(server.name, "tool", tool.name): tool for tool in server.tools()}
                if server.settings.tools.resources and server.offer is not None and server.offer.resources:
                    targets |= {(server.name, "resources", name): None for name in ("list_resources", "read_resource")}
            taken = self._beside._routes if self._beside is not None else {}
            named = name_all(targets, {**taken, **self._routes})
            self._routes |= named
            self._specs = [self._spec(name, target, targets[target]) for name, target in named.items()]
        return self._specs

    def _spec(self, name: str, target: Target, tool: ToolOffer | None) -> ToolSpec:
        server = self._servers[target[0]]
        toolset = f"mcp-{plain(server.name).replace('_', '-')}"
        if tool is None:
            return _resource_spec(name, server.name, target[2], toolset)
        summary, parameters = tool.description, tool.parameters
        accepted = server.accepted
        known = accepted.tools.get(tool.name) if accepted is not None else None
        if tool.warnings and not (known is not None and known.cleared and known.fingerprint == tool.fingerprint):
            # What is suspicious must not reach the model before a person has accepted it.
            until = (
                "; every call asks" if self._beside else f" until the user accepts it (hermes mcp accept {server.name})"
            )
            summary = f"{one_line(tool.name, 80)} of the MCP server {server.name}. Its description is withheld{until}."
            parameters = _without_words(parameters)
        elif not summary:
            summary = f"{one_line(tool.name, 80)} of the MCP server {server.name}."
        if len(summary) > _SUMMARY:
            summary = f"{summary[: _SUMMARY - 1]}…"
        return ToolSpec(
            name=name,
            summary=f"{summary} {tool.note}".strip(),
            parameters=parameters,
            target=_CALL,
            assess=_ASSESS,
            effects=_READS if tool.read_only else _ACTS,
            toolset=toolset,
            parallel=tool.parallel,
        )

    def prompt_commands(self) -> list[SlashCommandSpec]:
        """A slash command for each prompt."""
        found = {
            (server.name, "prompt", prompt.name): prompt
            for server in self.enabled
            if server.settings.tools.prompts and server.offer is not None
            for prompt in server.offer.prompts
        }
        taken = self._beside._prompts if self._beside is not None else {}
        named = name_all(found, {**taken, **self._prompts})
        self._prompts |= named
        return [
            SlashCommandSpec(
                name=name,
                summary=found[target].description or f"The prompt {target[2]} of the MCP server {target[0]}.",
                target="hermes_mcp.slash:run_prompt",
                usage=" ".join(
                    f"{argument.name}=…" if argument.required else f"[{argument.name}=…]"
                    for argument in found[target].arguments
                ),
            )
            for name, target in named.items()
        ]

    # ------------------------------------------------------------------------------------------- lists that come in

    def _fetch_first(self, server: Server) -> None:
        if server.name not in self._first:
            self._first[server.name] = self.context.spawn(self._first_list(server), name=f"list of {server.name}")

    async def _first_list(self, server: Server) -> None:
        async with self._turns:
            try:
                offer = await server.refresh()
            except HermesError as error:
                self._tell(f"{error} {error.remedy}".strip(), "warning")
                return
        self._tell(
            f"The MCP server {server.name!r} offers {count(len(offer.tools), 'tool')}, for use in the next "
            f"conversation (/new)."
        )

    async def changed(self) -> None:
        """Wait until a server offers other tools than now."""
        await self._change.wait()

    async def first_lists(self) -> None:
        """Wait until every list that is being fetched for the first time is there, or failed."""
        if self._first:
            await asyncio.wait(self._first.values())

    def _learned(self, server: Server, before: Offer | None, now: Offer) -> None:
        self._specs = None
        if before is None or (before.tools, before.resources) != (now.tools, now.resources):
            self._change.set()
            self._change = asyncio.Event()
        if before is not None and before.tools != now.tools:
            changed = {tool.name for tool in now.tools} ^ {tool.name for tool in before.tools}
            changed |= {tool.name for tool in now.tools if before.tool(tool.name) not in (None, tool)}
            names = one_line(", ".join(sorted(changed)), 200)
            self._tell(f"The MCP server {server.name!r} changed its tools ({names}); the next conversation sees it.")

    def _tell(self, text: str, level: str = "info") -> None:
        sessions = list(self._sessions)
        for session in sessions:
            session.announce(text, level=level, code="mcp")  # type: ignore[arg-type]
        if not sessions:
            self._news = [*self._news[-9:], text]

    def introduce(self, session: SessionContext) -> list[str]:
        """Tell a conversation what is new, from now on; gives the servers whose first list is still to come."""
        if session not in self._sessions:
            self._sessions.add(session)
            for text in self._news:
                session.announce(text, code="mcp")
            self._news = []
        return [server.name for server in self.enabled if server.offer is None]

    def log_path(self, name: str) -> str:
        """Where a server's log lies, also of one that is not configured any more."""
        return str(self.context.home / "logs" / f"mcp-{file_name(name)}.log")


def _resource_spec(name: str, server: str, kind: str, toolset: str) -> ToolSpec:
    reads = kind == "read_resource"
    field = (
        {"uri": {"type": "string"}} if reads else {"cursor": {"type": "string", "description": "For the next page."}}
    )
    return ToolSpec(
        name=name,
        summary=f"Read a resource of the MCP server {server}." if reads else f"Resources of the MCP server {server}.",
        parameters={"type": "object", "properties": field, "required": ["uri"] if reads else []},
        target=_CALL,
        assess=_ASSESS,
        effects=_READS,
        toolset=toolset,
        parallel=True,
        shows="uri" if reads else "",
    )


def _without_words(node: Any, *, named: bool = False) -> Any:
    """A schema without its texts. `named` where the keys are names of properties."""
    if isinstance(node, list):
        return [_without_words(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_words(value, named=key == "properties" and not named)
        for key, value in node.items()
        if named or key not in ("description", "default", "examples")
    }
