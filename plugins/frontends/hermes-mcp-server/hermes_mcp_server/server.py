"""The server of the official SDK, with this host behind its handlers."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.shared.exceptions import MCPError

from hermes_host import __version__
from hermes_host.errors import HermesError, NotFound
from hermes_mcp_server.clients import Client, Clients
from hermes_mcp_server.conversations import CONVERSE, Conversations
from hermes_mcp_server.desk import Desk
from hermes_mcp_server.offered import OfferedTools
from hermes_mcp_server.sessions import session_uri
from hermes_mcp_server.shelf import Shelf
from hermes_mcp_server.watching import watch
from hermes_mcp_server.workbench import Workbench

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from mcp.server.context import ServerRequestContext
    from mcp.server.models import InitializationOptions

    from hermes_host.context import PluginContext
    from hermes_host.host import Host
    from hermes_mcp_server.caller import Caller
    from hermes_mcp_server.settings import Settings

__all__ = ["HostServer"]

log = logging.getLogger(__name__)

_RESOURCE_NOT_FOUND = -32002

Context = Any


class _Sdk(Server[Any]):
    """Says to every client that its lists may change, whatever the transport."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *arguments: Any, **more: Any
    ) -> InitializationOptions:
        told = notification_options or NotificationOptions(resources_changed=True, tools_changed=True)
        return super().create_initialization_options(told, *arguments, **more)


class HostServer:
    """One host for any number of clients."""

    def __init__(self, host: Host, context: PluginContext, settings: Settings, toolsets: Sequence[str]) -> None:
        self._host = host
        self._context = context
        self._settings = settings
        self._clients = Clients(self._left)
        self._desk = Desk(elicitation=settings.elicitation)
        own = frozenset({CONVERSE.name}) if settings.converse else frozenset[str]()
        self._offered = OfferedTools(host, toolsets, reserved=own)
        self._conversations = Conversations(host, context, settings, changed=self._conversed)
        self._benches: dict[bool, Workbench] = {}
        """For the client on the pipe, where it speaks a protocol without connections."""
        self._shelf = Shelf(context)
        self._watch: asyncio.Task[None] | None = None
        self.sdk: Server[Any]

    async def prepare(self) -> None:
        """Look at what there is to offer. Raises `HermesError` for a toolset that does not exist."""
        await self._offered.refresh()
        await self._shelf.fill()
        self.sdk = self._made()
        self._watch = self._context.spawn(watch(self._context, self.look), name="watch the tools")

    async def aclose(self) -> None:
        """End what runs, and leave every session. May be called twice."""
        if self._watch is not None:
            self._watch.cancel()
        self._clients.listen.close()
        await self._desk.aclose()
        await self._conversations.aclose()
        for bench in self._benches.values():
            await bench.aclose()
        self._benches.clear()

    def summary(self) -> str:
        """What is offered, in a line for the person who started it."""
        number = len(self._offered.tools)
        also = ", converse" if self._settings.converse else ""
        return f"{number} tool{'' if number == 1 else 's'}{also}"

    def _made(self) -> Server[Any]:
        prompts: dict[str, Any] = {}
        if self._shelf.has_prompts:
            prompts = {"on_list_prompts": self._list_prompts, "on_get_prompt": self._get_prompt}
        sdk = _Sdk(
            "hermes-host",
            title="hermes-host",
            version=__version__,
            instructions=_INSTRUCTIONS if self._settings.converse else None,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_subscriptions_listen=self._clients.listen,
            on_completion=self._complete,
            **prompts,
        )
        sdk.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self._set_level)
        return sdk

    # ------------------------------------------------------------------------------------------------------ tools

    async def _list_tools(self, context: Context, params: Any) -> types.ListToolsResult:
        self._clients.of(context)
        if await self._offered.refresh():
            # Seen first by whoever asked; the others have to be told all the same.
            self._context.spawn(self._clients.tools_changed(), name="tell clients of other tools")
        own = [CONVERSE] if self._settings.converse else []
        return types.ListToolsResult(tools=[*own, *self._offered.tools])

    async def _call_tool(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        client = self._clients.of(context)
        level = client.level if client is not None else "info"
        arguments = params.arguments or {}
        if params.name == CONVERSE.name and self._settings.converse:
            return await self._desk.handle(
                context, params, lambda caller: self._conversations.converse(caller, arguments), level=level
            )
        if self._offered.get(params.name) is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:100]}")

        async def work(caller: Caller) -> types.CallToolResult:
            if client is None and context.request is not None:
                return await self._call_once(caller, params.name, arguments)
            return await (await self._bench(client, caller)).call(caller, params.name, arguments)

        return await self._desk.handle(context, params, work, level=level)

    async def _call_once(self, caller: Caller, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """A call over HTTP without a connection: nothing tells one client from another, so nothing is shared."""
        bench = self._new_bench(attended=caller.can_elicit, lasting=False)
        try:
            return await bench.call(caller, name, arguments)
        finally:
            await bench.aclose()

    def _new_bench(self, *, attended: bool, lasting: bool = True) -> Workbench:
        tools, origin = self._offered.names(), self._settings.callers
        return Workbench(self._host, tools=tools, attended=attended, origin=origin, lasting=lasting)

    async def _bench(self, client: Client | None, caller: Caller) -> Workbench:
        """Where this client's calls run. New tools need a new one; what runs in the old one goes on."""
        held: dict[Any, Workbench] = client.data if client is not None else self._benches
        attended = caller.can_elicit
        bench = held.get(attended)
        if bench is None or bench.tools != self._offered.names():
            held[attended] = self._new_bench(attended=attended)
            if bench is not None:
                await bench.aclose()
        return held[attended]

    async def _left(self, client: Client) -> None:
        for bench in client.data.values():
            await bench.aclose()

    async def look(self) -> None:
        """See whether the tools are other ones now, and tell the clients."""
        try:
            if await self._offered.refresh():
                await self._clients.tools_changed()
        except HermesError as error:
            log.warning("the tools cannot be listed: %s", error)

    def _conversed(self, session_id: str, new: bool) -> None:
        self._context.spawn(self._tell_of(session_id, new), name="tell clients of a conversation")

    async def _tell_of(self, session_id: str, new: bool) -> None:
        if new:
            await self._clients.resources_changed()
        await self._clients.resource_updated(session_uri(session_id))
        await self.look()

    # -------------------------------------------------------------------------------------- resources and prompts

    async def _list_resources(self, context: Context, params: Any) -> types.ListResourcesResult:
        self._clients.of(context)
        page, following = await self._shelf.page(params.cursor if params is not None else None)
        return types.ListResourcesResult(resources=list(page), next_cursor=following)

    async def _list_templates(self, context: Context, params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=list(await self._shelf.templates()))

    async def _read_resource(self, context: Context, params: types.ReadResourceRequestParams) -> Any:
        missing = types.INVALID_PARAMS if self._clients.of(context) is None else _RESOURCE_NOT_FOUND
        try:
            contents = await self._shelf.read(str(params.uri))
        except NotFound as error:
            raise MCPError(missing, str(error), {"uri": str(params.uri)}) from None
        except HermesError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None
        return types.ReadResourceResult(contents=list(contents))

    async def _subscribe(self, context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        client = self._clients.of(context)
        if client is not None:
            if len(client.watched) >= 1_000:
                raise MCPError(types.INVALID_PARAMS, "1,000 resources can be subscribed to.")
            client.watched.add(str(params.uri))
        return types.EmptyResult()

    async def _unsubscribe(self, context: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        client = self._clients.of(context)
        if client is not None:
            client.watched.discard(str(params.uri))
        return types.EmptyResult()

    async def _list_prompts(self, context: Context, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=list(await self._shelf.prompts()))

    async def _get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        try:
            return await self._shelf.prompt(params.name, params.arguments or {})
        except HermesError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None

    async def _complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        reference = getattr(params.ref, "name", "") or str(getattr(params.ref, "uri", ""))
        values = await self._shelf.complete(reference, params.argument.name, params.argument.value)
        completion = types.Completion(values=list(values[:100]), total=len(values), has_more=len(values) > 100)
        return types.CompleteResult(completion=completion)

    async def _set_level(self, context: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        client = self._clients.of(context)
        if client is not None:
            client.level = params.level
        return types.EmptyResult()


_INSTRUCTIONS = (
    "The tools act on the machine this host runs on. What needs a person's consent is refused where nobody can be "
    "asked. `converse` gives a message to the host's own agent, which works on its own and answers in the end."
)
