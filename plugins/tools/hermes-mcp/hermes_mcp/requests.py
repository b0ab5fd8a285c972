"""What servers may ask of us while they work on a call: the user's model, the user, and where the work happens.

All of it belongs to one call of one conversation. A server that serves several conversations at the same moment cannot
say whose call it asks for, so it gets no answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_host.messages import Media, Message, Text
from hermes_host.protocols import ModelSettings
from hermes_host.services import Auxiliary
from hermes_host.visible import exact, visible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from hermes_host.context import PluginContext, ToolContext
    from hermes_host.errors import ToolError
    from hermes_mcp.logfile import LogFile
    from hermes_mcp.settings import ServerSettings

__all__ = ["SIGN_IN_LIMIT", "Clock", "Requests"]

SIGN_IN_LIMIT = 300.0
"""Seconds a person gets in the browser."""

_ALLOW, _DENY, _DECLINE, _SIGNED_IN = "Allow once", "Deny", "Decline", "I signed in"
_SHOWN = 1_500


class Clock:
    """A time limit that stands still while somebody else is waited for."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._timeout: asyncio.Timeout | None = None
        self._paused = 0

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Raises `TimeoutError`."""
        async with asyncio.timeout(self._left) as self._timeout:
            return await work

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The limit does not run in here."""
        loop = asyncio.get_running_loop()
        timeout = self._timeout
        if timeout is not None and not self._paused and (end := timeout.when()) is not None:
            self._left = max(0.0, end - loop.time())
            timeout.reschedule(None)
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1
            if timeout is not None and not self._paused and not timeout.expired():
                timeout.reschedule(loop.time() + self._left)


class Requests:
    """Answers the requests of one server."""

    def __init__(self, name: str, settings: ServerSettings, context: PluginContext, logfile: LogFile) -> None:
        self._name = name
        self._settings = settings
        self._context = context
        self._logfile = logfile
        self._calls: list[tuple[ToolContext, Clock]] = []
        self._recent: deque[float] = deque()
        self.refused: ToolError | None = None
        """Why a sign-in did not come about. The SDK ends the connection over it and says only that it ended."""

    def callbacks(self) -> dict[str, Any]:
        """What the client is given: nothing that is not allowed, so that the server knows what it can ask."""
        found: dict[str, Any] = {}
        if self._settings.sampling.enabled:
            found["sampling_callback"] = self._sample
        if self._settings.elicitation.enabled:
            found["elicitation_callback"] = self._elicit
        if self._settings.roots:
            found["list_roots_callback"] = self._roots
        return found

    @asynccontextmanager
    async def during(self, call: ToolContext | None) -> AsyncIterator[Clock]:
        """A call runs: what the server asks meanwhile is asked for it."""
        clock = Clock(self._settings.timeout)
        if call is not None:
            self._calls.append((call, clock))
        try:
            yield clock
        finally:
            if call is not None:
                self._calls.remove((call, clock))

    def _current(self) -> tuple[ToolContext, Clock] | None:
        sessions = {call.session.id for call, _ in self._calls}
        return self._calls[-1] if len(sessions) == 1 else None

    # ------------------------------------------------------------------------------------------------ the model

    async def _sample(self, context: Any, params: Any) -> Any:
        import mcp_types as types

        current = self._current()
        refusal = self._refusal(current)
        if refusal or current is None:
            self._logfile.write(f"sampling refused: {refusal}", origin="hermes")
            return types.ErrorData(code=types.INVALID_REQUEST, message=refusal)
        call, clock = current
        limits = self._settings.sampling
        async with clock.stopped():
            messages = [_message(item) for item in params.messages]
            if limits.ask and not await self._consents(call, params, messages):
                self._logfile.write("sampling refused: nobody allowed it", origin="hermes")
                return types.ErrorData(code=-1, message="The user did not allow it.")
            try:
                auxiliary = await self._context.services.get(Auxiliary)
                ended = await auxiliary.ask(
                    "mcp_sampling",
                    messages,
                    system=params.system_prompt or "",
                    session_id=call.session.id,
                    settings=ModelSettings(
                        max_output_tokens=min(params.max_tokens, limits.max_tokens_cap), temperature=params.temperature
                    ),
                    timeout=limits.timeout,
                )
            except HermesError as error:
                self._logfile.write(f"sampling failed: {error}", origin="hermes")
                return types.ErrorData(code=types.INTERNAL_ERROR, message=f"The model gave no answer: {error}")
        self._logfile.write(f"sampling answered: {len(ended.message.text)} characters", origin="hermes")
        return types.CreateMessageResult(
            role="assistant",
            content=types.TextContent(type="text", text=ended.message.text),
            model="hermes",
            stop_reason="endTurn",
        )

    def _refusal(self, current: tuple[ToolContext, Clock] | None) -> str:
        if current is None:
            return "Nothing is answered outside a call, or while several conversations have calls here."
        now = time.monotonic()
        while self._recent and now - self._recent[0] > 60.0:
            self._recent.popleft()
        if len(self._recent) >= self._settings.sampling.max_rpm:
            return f"More than {self._settings.sampling.max_rpm} requests in a minute."
        self._recent.append(now)
        return ""

    async def _consents(self, call: ToolContext, params: Any, messages: list[Message]) -> bool:
        asked = "\n".join(f"{message.role}: {message.text}" for message in messages)
        system = f"system: {params.system_prompt}\n" if params.system_prompt else ""
        text = (
            f"The MCP server {self._name!r} wants your model to answer this, and will see the answer:\n\n"
            f"{exact(_cut(system + asked))}"
        )
        return await call.ask(text, (_ALLOW, _DENY)) == _ALLOW

    # ------------------------------------------------------------------------------------------------ the user

    async def _elicit(self, context: Any, params: Any) -> Any:
        import mcp_types as types

        current = self._current()
        if current is None or not current[0].can_ask:
            return types.ElicitResult(action="cancel")
        call, clock = current
        intro = (
            f"The MCP server {self._name!r} asks (do not give it passwords or keys):\n{visible(_cut(params.message))}"
        )
        async with clock.stopped():
            if isinstance(params, types.ElicitRequestURLParams):
                text = f"{intro}\n\nIt wants you to open this address in a browser: {exact(params.url)}"
                answer = await self._ask(call, text, ("I opened it", _DECLINE))
                action = "accept" if answer == "I opened it" else "cancel" if answer is None else "decline"
                return types.ElicitResult(action=action)  # type: ignore[arg-type]
            content: dict[str, Any] = {}
            schema = params.requested_schema
            fields = list(schema.get("properties", {}).items())
            if not fields:
                answer = await self._ask(call, intro, ("Accept", _DECLINE))
                action = "accept" if answer == "Accept" else "cancel" if answer is None else "decline"
                return types.ElicitResult(action=action, content={} if action == "accept" else None)  # type: ignore[arg-type]
            for name, field in fields[:20]:
                value = await self._field(call, intro, name, field, name in schema.get("required", ()))
                if value in (_CANCELLED, _DECLINED):
                    return types.ElicitResult(action="cancel" if value is _CANCELLED else "decline")
                if value is not None:
                    content[name] = value
            return types.ElicitResult(action="accept", content=content)

    async def _field(self, call: ToolContext, intro: str, name: str, field: dict[str, Any], required: bool) -> Any:
        choices = _choices(field)
        label = visible(str(field.get("title") or field.get("description") or name)[:300])
        default = field.get("default")
        hint = "" if required else " (empty to leave it out)"
        if default is not None:
            hint = f" (empty for {visible(str(default)[:100])})"
        complaint = ""
        for _ in range(3):
            text = f"{intro}\n\n{label}{hint}{complaint}"
            answer = await self._ask(call, text, (*choices, _DECLINE))
            if answer is None:
                return _CANCELLED
            if answer.strip() == _DECLINE:
                return _DECLINED
            if not answer.strip() and (default is not None or not required):
                return default
            value = _typed(field, answer.strip(), choices)
            if value is not None:
                return value
            complaint = f"\n{answer.strip()[:60]!r} is not one of the answers it takes."
        return _CANCELLED

    async def _ask(self, call: ToolContext, text: str, choices: tuple[str, ...]) -> str | None:
        return await call.ask(text, choices, timeout=self._settings.elicitation.timeout)

    # -------------------------------------------------------------------------------------------------- signing in

    @property
    def can_sign_in(self) -> bool:
        """Whether a call is under way whose conversation has somebody who can be asked."""
        current = self._current()
        return current is not None and current[0].can_ask

    async def sign_in(self, address: str, rights: str, done: asyncio.Task[Any]) -> bool:
        """Have the person of the running call open an address; ends when `done` does. False when they decline."""
        current = self._current()
        if current is None or not current[0].can_ask:
            return False
        call, clock = current
        wanted = f" and give it these rights: {visible(_cut(rights))}" if rights else ""
        text = (
            f"The MCP server {self._name!r} wants you to sign in{wanted}.\n"
            f"Open this address in a browser on this machine:\n\n{exact(address)}"
        )
        async with clock.stopped():
            asking = asyncio.ensure_future(call.ask(text, (_SIGNED_IN, _DECLINE), timeout=SIGN_IN_LIMIT))
            try:
                await asyncio.wait({asking, done}, return_when=asyncio.FIRST_COMPLETED)
                if not done.done() and asking.result() != _SIGNED_IN:
                    return False
                await asyncio.wait({done}, timeout=SIGN_IN_LIMIT)
            finally:
                asking.cancel()
        return done.done()

    # ------------------------------------------------------------------------------------------------ the place

    async def _roots(self, context: Any) -> Any:
        import mcp_types as types

        current = self._current()
        directory = Path(current[0].session.directory) if current is not None else None
        if directory is None or not directory.is_absolute() or not directory.is_dir():
            return types.ListRootsResult(roots=[])
        return types.ListRootsResult(roots=[types.Root.model_validate({"uri": directory.as_uri()})])


_CANCELLED, _DECLINED = object(), object()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n[… {len(text) - _SHOWN} characters more]"


def _message(item: Any) -> Message:
    import base64

    contents = item.content if isinstance(item.content, list) else [item.content]
    parts: list[Text | Media] = []
    for content in contents:
        if content.type == "text":
            parts.append(Text(text=content.text))
        elif content.type in ("image", "audio"):
            data = base64.b64decode(content.data)
            parts.append(Media(kind=content.type, mime=content.mime_type, data=data))
    return Message(role=item.role, parts=tuple(parts), provenance="external")


def _choices(field: dict[str, Any]) -> tuple[str, ...]:
    if field.get("type") == "boolean":
        return ("yes", "no")
    listed = field.get("enum") or [item.get("const") for item in field.get("oneOf", ()) if isinstance(item, dict)]
    return tuple(str(item) for item in listed if isinstance(item, str))[:20]


def _typed(field: dict[str, Any], answer: str, choices: tuple[str, ...]) -> Any:
    """The answer as the field wants it; None where it is none."""
    kind = field.get("type", "string")
    try:
        if kind == "boolean":
            return {"yes": True, "true": True, "no": False, "false": False}.get(answer.lower())
        if kind == "integer":
            return int(answer)
        if kind == "number":
            return float(answer)
    except ValueError:
        return None
    if kind == "array":
        wanted = [part.strip() for part in answer.split(",") if part.strip()]
        return wanted or None
    return answer if not choices or answer in choices else None
