"""The composition root: configuration, plugins, registries and services, put together once.

    async with Host() as host:
        session = await host.start()
        async for event in session.run("list the files here"):
            ...

Making a `Host` does no I/O. Each thing is read, imported or built when it is first looked at.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hermes_host.catalogue import Catalogue
from hermes_host.errors import HermesError, NotFound
from hermes_host.registry import Contribution

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from hermes_host.agent.approvals import Rules
    from hermes_host.agent.memories import MemoryUse
    from hermes_host.agent.session import Session
    from hermes_host.messages import Message
    from hermes_host.model_calls import ModelCalls
    from hermes_host.protocols import Approver, Chat, Questioner, SessionStore, SessionWriter
    from hermes_host.specs import (
        Effect,
        ProviderSpec,
        ToolSpec,
    )
    from hermes_host.terminals import Terminals

__all__ = ["Host"]

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


class Host(Catalogue):
    """Everything one process needs to hold conversations."""

    def __init__(
        self,
        *,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        plugins: Sequence[str] | None = None,
        blocked: Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
        project: Path | None = None,
    ) -> None:
        """Arguments as for `Catalogue`."""
        super().__init__(
            home=home, environ=environ, plugins=plugins, blocked=blocked, overrides=overrides, project=project
        )
        self._sessions: dict[str, Session] = {}

    @cached_property
    def rules(self) -> Rules:
        """Approvals a person chose to keep."""
        from hermes_host.agent.approvals import Rules

        return Rules(self.home)

    @cached_property
    def terminals(self) -> Terminals:
        """The terminals of all sessions."""
        from hermes_host.terminals import Terminals

        settings = self.config.section("terminal")

        async def connect(name: str) -> Any:
            return await self.part(self.terminal_backends.get(name))

        return Terminals(
            connect,
            default=settings.backend,
            results=self.home / "cache" / "results",
            value_of=self.secrets.get,
            redactor=self.secrets.redactor,
        )

    @cached_property
    def model_calls(self) -> ModelCalls:
        """Where models are called."""
        from hermes_host.model_calls import ModelCalls

        return ModelCalls(self)

    @cached_property
    def sessions(self) -> SessionStore:
        """Where conversations are kept."""
        wanted = self.config.section("sessions").store
        stores = self.session_stores
        chosen = stores.get(wanted) if wanted else next(iter(stores))
        store: SessionStore = self.target(chosen, chosen.spec.target)(self.context(chosen.plugin), chosen.spec)
        return store

    # --------------------------------------------------------------------------------------------------- models

    def resolve_model(
        self, model: str = "", provider: str = "", *, default_provider: str = ""
    ) -> tuple[Contribution[ProviderSpec], str]:
        """The provider and the model's name for what the user asked, else for what is configured.

        The name is empty when only the provider can tell. With nothing asked and nothing configured the answer is a
        provider that needs no set-up. Raises `NotFound`.
        """
        from hermes_host.models import resolve_model

        return resolve_model(self, model, provider, default_provider)

    # ------------------------------------------------------------------------------------------------- sessions

    async def start(
        self,
        *,
        model: str = "",
        provider: str = "",
        toolsets: Sequence[str] | None = None,
        source: str = "cli",
        directory: str = "",
        approver: Approver | None = None,
        questioner: Questioner | None = None,
        yolo: bool = False,
        title: str = "",
        parent: str = "",
        messages: Sequence[Message] = (),
        system: str = "",
        memory: MemoryUse = "full",
        max_turns: int = 0,
        terminal: str = "",
        behind: str = "",
        chat: Chat | None = None,
        extra_tools: Sequence[ToolSpec] = (),
    ) -> Session:
        """Begin a conversation.

        `toolsets` names toolsets and tools (None: those configured for `source`; empty: none). Without an `approver`
        nobody can be asked, and what needs consent is refused; `yolo` allows what would be asked, never what is denied.
        `messages` are the conversation's past; `system` stands in place of the assembled system prompt. `memory` says
        whether memories are read and told of it, only read, or left out; `max_turns` replaces `agent.max_turns`;
        `terminal` names a terminal backend; `behind` is the live session this one works for: its approver, questioner
        and consents count here, and interrupting or steering it reaches this one. `chat` is where it is held.

        `extra_tools` are tools that this conversation has besides, and no other: each belongs to the plugin whose code
        its target names. Raises `PluginError` for one that cannot be used or whose name is taken, and `NotFound`.
        """
        from hermes_host.agent.history import past
        from hermes_host.toolsets import handed_down

        leader = self.session(behind) if behind else None
        if behind and leader is None:
            raise NotFound(f"There is no live session {behind!r}.")
        if leader is not None:
            approver, questioner = approver or leader.approver, questioner or leader.questioner
            yolo = yolo or leader.yolo
        if terminal:
            self.terminal_backends.get(terminal)
        chosen, name = self.resolve_model(model, provider)
        await self.refresh_tools()
        wanted, inherited = handed_down(self, leader.extra_tools if leader is not None else (), toolsets)
        selected = self._select_tools(wanted, source)
        extra = self._extra_tools(extra_tools, inherited)
        writer = self.sessions.create(
            source=source,
            model=f"{chosen.name}:{name}",
            directory=self.start_directory(directory),
            parent=parent,
            title=title,
        )
        records = past(messages, system)
        writer.append(*records)
        return await self._open(
            writer,
            records,
            provider=chosen,
            model_name=name,
            tools=selected,
            extra_tools=extra,
            approver=approver,
            questioner=questioner,
            yolo=yolo,
            memory=memory,
            max_turns=max_turns,
            terminal=terminal,
            behind=leader,
            chat=chat,
        )

    async def resume(
        self,
        reference: str,
        *,
        model: str = "",
        provider: str = "",
        toolsets: Sequence[str] | None = None,
        approver: Approver | None = None,
        questioner: Questioner | None = None,
        yolo: bool = False,
        memory: MemoryUse = "full",
        chat: Chat | None = None,
        directory: str = "",
        extra_tools: Sequence[ToolSpec] = (),
    ) -> Session:
        """Go on with a conversation, by id, unique prefix of an id, or title. Raises `NotFound`, `SessionError`.

        Without `model` and `provider` it goes on with the model it used last, if that still exists; without `directory`
        where it began. `extra_tools` as for `start`.
        """
        info = self.sessions.find(reference)
        chosen, name = (
            self._model_of(info.id, info.model) if not (model or provider) else self.resolve_model(model, provider)
        )
        await self.refresh_tools()
        selected = self._select_tools(toolsets, info.source)
        extra = self._extra_tools(extra_tools)
        writer = self.sessions.open(info.id)
        records = self.sessions.load(info.id)
        return await self._open(
            writer,
            records,
            provider=chosen,
            model_name=name,
            tools=selected,
            extra_tools=extra,
            approver=approver,
            questioner=questioner,
            yolo=yolo,
            memory=memory,
            chat=chat,
            directory=self.start_directory(directory) if directory else "",
        )

    def start_directory(self, directory: str = "") -> str:
        """Where a conversation starts that asks for `directory`: absolute; empty for the configured place."""
        return os.path.abspath(os.path.expanduser(directory or self.config.section("terminal").cwd))

    def _model_of(self, session_id: str, first: str) -> tuple[Contribution[ProviderSpec], str]:
        from hermes_host.agent.history import recorded_state

        last = str(recorded_state(self.sessions.load(session_id)).get("host.model", {}).get("model", first))
        try:
            return self.resolve_model(last)
        except NotFound:
            return self.resolve_model()

    def _select_tools(self, toolsets: Sequence[str] | None, source: str) -> Sequence[Contribution[ToolSpec]]:
        from hermes_host.toolsets import select_tools

        return select_tools(self, toolsets, source)

    def _extra_tools(
        self, specs: Sequence[ToolSpec], inherited: Sequence[Contribution[ToolSpec]] = ()
    ) -> Sequence[Contribution[ToolSpec]]:
        from hermes_host.toolsets import contributed

        return contributed(self, specs, self._program_record, inherited) if specs else inherited

    async def _open(self, writer: SessionWriter, records: Sequence[Any], **choices: Any) -> Session:
        from hermes_host.agent.session import Session
        from hermes_host.dispatch import notify

        session = Session(self, writer, records, **choices)
        self._sessions[session.id] = session
        await notify(self.plugins, "hermes_session_started", session=session.context)
        return session

    def session(self, session_id: str) -> Session | None:
        """The live session of that id, or None."""
        return self._sessions.get(session_id)

    def forget(self, session_id: str) -> None:
        """Delete a conversation and the files kept for it. Raises `NotFound`, or `SessionError` while it is in use."""
        self.sessions.delete(session_id)
        rmtree(self.home / "cache" / "results" / session_id, ignore_errors=True)

    async def preload(self, session: Session) -> None:
        """Import and build what the first turn needs, while the user still types. Faults wait for the turn."""
        try:
            await session.prepare()
            session.toolbox.definitions()
            session.toolbox.import_handlers()
        except HermesError as error:
            log.info("preloading failed: %s", error)

    async def release(self, session: Session) -> None:
        """Free what a session holds; called when it is closed."""
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]
        if "terminals" in self.__dict__:
            await self.terminals.close(session.id)

    # --------------------------------------------------------------------------------------------------- adding

    def tool(
        self, function: F | None = None, *, name: str = "", effects: Sequence[Effect] = ("read",), **options: Any
    ) -> Any:
        """Register a function as a tool, as a decorator or by a call; sessions begun later have it.

        Its typed parameters become the tool's parameters (one of type `ToolContext` receives the call's context), its
        docstring the description. `options` are further fields of `ToolSpec`. Raises `TypeError`, `ValueError`.
        """
        if function is None:
            return lambda wrapped: self.tool(wrapped, name=name, effects=effects, **options)
        from hermes_host.agent.function_tools import adapt

        spec, handler, struct = adapt(function, name, frozenset(effects), options)
        record = self._program_record()
        contribution: Contribution[ToolSpec] = Contribution("tools", spec, record)
        self.tools.add(contribution)
        self._parts[("target", record.name, spec.target)] = handler
        self._parts[("target", record.name, str(spec.parameters))] = struct
        return function

    # ---------------------------------------------------------------------------------------------- life and end

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every session, terminal and provider. May be called twice."""
        for session in list(self._sessions.values()):
            await session.close()
        if "background" in self.__dict__:
            await self.background.aclose()
        if "terminals" in self.__dict__:
            await self.terminals.aclose()
        if "model_calls" in self.__dict__:
            await self.model_calls.aclose()
        for part in list(self._parts.values()):
            close = getattr(part, "aclose", None) if not isinstance(part, type) else None
            if close is not None:
                await close()
        self._parts.clear()
        if "sessions" in self.__dict__:
            self.sessions.close()
