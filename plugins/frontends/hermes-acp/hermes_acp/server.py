"""The agent's side of the protocol: every method, checked on the way in and answered with errors a person can read."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from acp import PROTOCOL_VERSION, RequestError, schema
from acp.connection import Connection
from pydantic import ValidationError

from hermes_acp.conversation import TurnFailed
from hermes_acp.conversations import Conversations, InvalidRequest
from hermes_acp.editor import Editor
from hermes_acp.setting_up import authentication_methods, fault_of
from hermes_host import __version__
from hermes_host.errors import AuthFailed, HermesError, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_acp.conversation import Conversation
    from hermes_acp.settings import Settings
    from hermes_acp.wires import LineTransport
    from hermes_host.host import Host

__all__ = ["Server"]

log = logging.getLogger(__name__)

_FAILED, _INVALID, _NO_METHOD, _SIGN_IN, _MISSING = -32603, -32602, -32601, -32000, -32002


class Server:
    """One editor, served."""

    def __init__(
        self, host: Host, settings: Settings, *, start: dict[str, Any] | None = None, bypass: bool = False
    ) -> None:
        """`start` and `bypass` as for `Conversations`."""
        self._host = host
        self._settings = settings
        self._editor = Editor()
        self._conversations = Conversations(host, self._editor, settings, start or {}, bypass=bypass)
        self._methods: dict[str, tuple[type[Any], Callable[[Any], Awaitable[dict[str, Any]]]]] = {
            "initialize": (schema.InitializeRequest, self._initialize),
            "authenticate": (schema.AuthenticateRequest, self._authenticate),
            "session/new": (schema.NewSessionRequest, self._new),
            "session/load": (schema.LoadSessionRequest, self._load),
            "session/resume": (schema.ResumeSessionRequest, self._resume),
            "session/fork": (schema.ForkSessionRequest, self._fork),
            "session/list": (schema.ListSessionsRequest, self._list),
            "session/close": (schema.CloseSessionRequest, self._close),
            "session/delete": (schema.DeleteSessionRequest, self._delete),
            "session/prompt": (schema.PromptRequest, self._prompt),
            "session/set_mode": (schema.SetSessionModeRequest, self._set_mode),
            "session/set_config_option": (schema.SetSessionConfigOptionSelectRequest, self._set_option),
            "session/set_model": (_SetModel, self._set_model),
        }

    async def serve(self, transport: LineTransport) -> None:
        """Answer until the editor goes away; then end what still runs."""
        connection = Connection(self._handle, transport, listening=False)
        self._editor.connection, self._editor.transport = connection, transport
        try:
            await connection.main_loop()
        finally:
            self._editor.connection = None
            await asyncio.shield(connection.close())
            await self._conversations.aclose()

    async def _handle(self, method: str, params: Any, is_notification: bool) -> dict[str, Any] | None:
        if is_notification:
            self._notified(method, params)
            return None
        if method not in self._methods:
            raise RequestError(_NO_METHOD, f"There is no method {method!r}.")
        model, answer = self._methods[method]
        try:
            return await answer(model.model_validate({} if params is None else params))
        except ValidationError as error:
            raise RequestError(_INVALID, f"{method}: {_readable(error)}") from None
        except HermesError as error:
            raise RequestError(_code(error), self._host.secrets.redact(str(error))) from None
        except RequestError:
            raise
        except Exception as error:
            log.exception("%s failed", method)
            text = self._host.secrets.redact(f"{method} failed: {type(error).__name__}: {error}")
            raise RequestError(_FAILED, text) from None

    def _notified(self, method: str, params: Any) -> None:
        if method != "session/cancel":
            return
        session_id = params.get("sessionId") if isinstance(params, dict) else None
        try:
            self._conversations.get(str(session_id)).cancel()
        except NotFound as error:
            log.info("session/cancel: %s", error)

    # ------------------------------------------------------------------------------------- getting to know each other

    async def _initialize(self, request: schema.InitializeRequest) -> dict[str, Any]:
        self._editor.learn(request.client_capabilities)
        return {
            "protocolVersion": PROTOCOL_VERSION,
            "agentInfo": {"name": "hermes", "title": "Hermes", "version": __version__},
            "authMethods": authentication_methods(self._host, terminal=self._editor.terminal_sign_in),
            "agentCapabilities": {
                "loadSession": True,
                "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
                "mcpCapabilities": await self._conversations.mcp_servers.capabilities(),
                "sessionCapabilities": {"list": {}, "resume": {}, "fork": {}, "close": {}, "delete": {}},
            },
        }

    async def _authenticate(self, request: schema.AuthenticateRequest) -> dict[str, Any]:
        known = {method["id"] for method in authentication_methods(self._host, terminal=True)}
        if request.method_id not in known:
            raise InvalidRequest(f"There is no way to sign in named {request.method_id!r}.")
        if fault := fault_of(self._host):
            raise RequestError(_SIGN_IN, f"{fault} Run `hermes acp --setup` in a terminal, then restart the agent.")
        return {}

    # ----------------------------------------------------------------------------------------------- conversations

    async def _new(self, request: schema.NewSessionRequest) -> dict[str, Any]:
        conversation = await self._conversations.new(request.cwd, request.mcp_servers)
        return {"sessionId": conversation.id, **self._opened(conversation)}

    async def _load(self, request: schema.LoadSessionRequest) -> dict[str, Any]:
        conversation = await self._conversations.load(request.session_id, request.cwd, request.mcp_servers)
        await conversation.replay()
        return self._opened(conversation)

    async def _resume(self, request: schema.ResumeSessionRequest) -> dict[str, Any]:
        conversation = await self._conversations.load(request.session_id, request.cwd, request.mcp_servers)
        return self._opened(conversation)

    async def _fork(self, request: schema.ForkSessionRequest) -> dict[str, Any]:
        conversation = await self._conversations.fork(request.session_id, request.cwd, request.mcp_servers)
        return {"sessionId": conversation.id, **self._opened(conversation)}

    def _opened(self, conversation: Conversation) -> dict[str, Any]:
        # The answer is written before this task first waits, so the editor knows the id when these reach it.
        servers = conversation.servers
        conversation.spawn(conversation.introduce(servers.notice))
        state = conversation.options.state() if conversation.options is not None else {}
        return {**state, "_meta": {"hermes": {"mcpServersNotUsed": servers.unused}}} if servers.unused else state

    async def _list(self, request: schema.ListSessionsRequest) -> dict[str, Any]:
        return self._conversations.listed(request.cwd, request.cursor)

    async def _close(self, request: schema.CloseSessionRequest) -> dict[str, Any]:
        await self._conversations.close(request.session_id)
        return {}

    async def _delete(self, request: schema.DeleteSessionRequest) -> dict[str, Any]:
        await self._conversations.delete(request.session_id)
        return {}

    async def _prompt(self, request: schema.PromptRequest) -> dict[str, Any]:
        return await self._conversations.get(request.session_id).prompt(request.prompt)

    # ----------------------------------------------------------------------------------------------------- choices

    async def _set_mode(self, request: schema.SetSessionModeRequest) -> dict[str, Any]:
        await self._choose(request.session_id, "mode", request.mode_id)
        return {}

    async def _set_model(self, request: _SetModel) -> dict[str, Any]:
        await self._choose(request.session_id, "model", request.model_id)
        return {}

    async def _set_option(self, request: schema.SetSessionConfigOptionSelectRequest) -> dict[str, Any]:
        conversation = await self._choose(request.session_id, request.config_id, request.value)
        return {"configOptions": conversation.options.listed() if conversation.options is not None else []}

    async def _choose(self, session_id: str, option: str, value: str) -> Conversation:
        conversation = self._conversations.get(session_id)
        if conversation.options is not None:
            await conversation.options.choose(option, value)
        await conversation.tell_changes()
        return conversation


class _SetModel(schema.BaseModel):
    """`session/set_model` of older editors; the protocol has a configuration option for it now."""

    sessionId: str
    modelId: str

    @property
    def session_id(self) -> str:
        return self.sessionId

    @property
    def model_id(self) -> str:
        return self.modelId


def _code(error: HermesError) -> int:
    if isinstance(error, InvalidRequest):
        return _INVALID
    if isinstance(error, AuthFailed) or isinstance(error, TurnFailed) and error.kind == "AuthFailed":
        return _SIGN_IN
    return _MISSING if isinstance(error, NotFound) else _FAILED


def _readable(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'params'}: {fault['msg']}" for fault in faults[:3])
