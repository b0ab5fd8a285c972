"""The composition root: configuration, plugins, registries and services, put together once.

    async with Host() as host:
        session = await host.start()
        async for event in session.run("list the files here"):
            ...

Making a `Host` does no I/O. Each thing is read, imported or built when it is first looked at.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hermes_host.context import PluginContext, Services
from hermes_host.dispatch import collect
from hermes_host.errors import HermesError, NotFound, PluginError
from hermes_host.plugins import PluginRecord, Plugins, describe, import_foreign
from hermes_host.registry import Contribution, Registry

if TYPE_CHECKING:
    from types import TracebackType

    from hermes_host.agent.approvals import Rules
    from hermes_host.agent.schema import Parameters
    from hermes_host.agent.session import Session
    from hermes_host.config import Config
    from hermes_host.config.secrets import Secrets
    from hermes_host.protocols import Approver, Questioner, SessionStore, SessionWriter
    from hermes_host.specs import (
        CheckSpec,
        CommandSpec,
        Effect,
        FrontendSpec,
        MiddlewareSpec,
        PromptSectionSpec,
        ProviderSpec,
        SessionStoreSpec,
        SlashCommandSpec,
        TerminalSpec,
        ToolsetSpec,
        ToolSpec,
    )
    from hermes_host.terminals import Terminals

__all__ = ["Host"]

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])

BUILTIN = {"host": "hermes_host.builtin"}
"""The host's own contributions, through the same hooks as everybody's."""


class Host:
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
        """`home` defaults to `$HERMES_HOME`, else `~/.hermes`. `plugins` limits which installed plugins are used (by
        name; empty: none), `blocked` leaves some out; `overrides` are settings by dotted path that win over all else;
        `project` is the folder whose trusted `.hermes/config.yaml` counts."""
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.home = home or Path(self.environ.get("HERMES_HOME") or Path.home() / ".hermes")
        self.project = project
        self.services = Services()
        self._only = plugins if plugins is not None else _names(self.environ.get("HERMES_PLUGINS"))
        self._block = tuple(blocked)
        self._overrides = dict(overrides or {})
        self._parts: dict[tuple[str, str, str], Any] = {}
        self._parameters: dict[tuple[str, str], Parameters | None] = {}
        self._contexts: dict[str, PluginContext] = {}
        self._sessions: list[Session] = []
        self._registries: dict[str, Registry[Any]] = {}

    # -------------------------------------------------------------------------------------- configuration, secrets

    @cached_property
    def config(self) -> Config:
        """All settings."""
        from hermes_host.config import Config

        return Config.load(self.home, environ=self.environ, overrides=self._overrides, project=self.project)

    @cached_property
    def secrets(self) -> Secrets:
        """All secrets."""
        from hermes_host.config.secrets import Secrets

        return Secrets(self.home, self.environ)

    @cached_property
    def rules(self) -> Rules:
        """Approvals a person chose to keep."""
        from hermes_host.agent.approvals import Rules

        return Rules(self.home)

    # ---------------------------------------------------------------------------------------- plugins, registries

    @cached_property
    def plugins(self) -> Plugins:
        """All plugins; loaded at the first look."""
        plugins = Plugins(
            builtin=BUILTIN,
            only=self._only,
            blocked=lambda: (*self._block, *self.config.section("plugins").disabled),
            strict=self.environ.get("HERMES_STRICT") == "1",
        )
        if self.environ.get("HERMES_TRACE_PLUGINS") == "1":
            plugins.trace()
        plugins.load()
        for record in plugins.records:
            self._declare(record)
        return plugins

    def _declare(self, record: PluginRecord) -> None:
        for section in record.info.sections if record.info and record.state == "loaded" else ():
            self.config.declare(section.name, section.target, record.name)

    def registry(self, kind: str) -> Registry[Any]:
        """The registry of one of `hermes_host.registry.KINDS`; its hook is called at the first look."""
        if kind not in self._registries:
            prefer = self.config.section("plugins").prefer
            self._registries[kind] = Registry(kind, collect(self.plugins, kind, self._hook_values), prefer)
        return self._registries[kind]

    def _hook_values(self, plugin: str) -> Mapping[str, Any]:
        return {"config": _LazySections(self, plugin)}

    @property
    def providers(self) -> Registry[ProviderSpec]:
        """Ways to reach models."""
        return self.registry("providers")

    @property
    def tools(self) -> Registry[ToolSpec]:
        """All tools of all plugins."""
        return self.registry("tools")

    @property
    def toolsets(self) -> Registry[ToolsetSpec]:
        """Named groups of tools that plugins declare; see also `hermes_host.toolsets`."""
        return self.registry("toolsets")

    @property
    def terminal_backends(self) -> Registry[TerminalSpec]:
        """Places where commands run."""
        return self.registry("terminals")

    @property
    def session_stores(self) -> Registry[SessionStoreSpec]:
        """Places where conversations can be kept."""
        return self.registry("session_stores")

    @property
    def prompt_sections(self) -> Registry[PromptSectionSpec]:
        """Parts of the system prompt."""
        return self.registry("prompt_sections")

    @property
    def middleware(self) -> Registry[MiddlewareSpec]:
        """Code around model and tool calls."""
        return self.registry("middleware")

    @property
    def commands(self) -> Registry[CommandSpec]:
        """Commands of the command line."""
        return self.registry("commands")

    @property
    def slash_commands(self) -> Registry[SlashCommandSpec]:
        """Commands of every front end."""
        return self.registry("slash_commands")

    @property
    def frontends(self) -> Registry[FrontendSpec]:
        """Conversation surfaces."""
        return self.registry("frontends")

    @property
    def checks(self) -> Registry[CheckSpec]:
        """Checks of `hermes doctor`."""
        return self.registry("checks")

    # ------------------------------------------------------------------------------------------------- the parts

    def context(self, plugin: str) -> PluginContext:
        """What the parts of `plugin` may touch."""
        if plugin not in self._contexts:
            record = self.plugins.record(plugin)
            secrets = record.info.secrets if record.info else ()
            self._contexts[plugin] = PluginContext(
                plugin,
                home=self.home,
                section=self._section_reader(record),
                secret=self.secrets.get,
                declared_secrets=frozenset(secret.name for secret in secrets),
                services=self.services,
            )
        return self._contexts[plugin]

    def _section_reader(self, record: PluginRecord) -> Callable[[str], Any]:
        own = frozenset(section.name for section in record.info.sections) if record.info else frozenset()

        def read(name: str) -> Any:
            if name not in own:
                raise PluginError(
                    f"Plugin {record.name!r} asked for the section {name!r}, which it does not declare.",
                    remedy="Add it to PluginInfo.sections.",
                )
            return self.config.section(name, plugin=record.name)

        return read

    def target(self, contribution: Contribution[Any], target: str) -> Any:
        """Import what a contribution names. Raises `PluginError` with the plugin's name."""
        key = ("target", contribution.plugin, target)
        if key not in self._parts:
            try:
                self._parts[key] = import_foreign(target)
            except PluginError as error:
                record = contribution.record
                problem = record.add_problem(f"{contribution.kind} {contribution.name!r}", describe(error))
                raise type(error)(problem.line(), remedy=error.remedy) from error
        return self._parts[key]

    async def part(self, contribution: Contribution[Any]) -> Any:
        """The live part behind a spec, made at first use and then kept. Raises `HermesError`."""
        key = (contribution.kind, contribution.plugin, contribution.name)
        if key not in self._parts:
            make = self.target(contribution, contribution.spec.target)
            try:
                made = make(self.context(contribution.plugin), contribution.spec)
                self._parts[key] = await made if inspect.isawaitable(made) else made
            except HermesError:
                raise
            except Exception as error:
                problem = contribution.record.add_problem(f"{contribution.kind} {contribution.name!r}", describe(error))
                raise PluginError(problem.line()) from error
        return self._parts[key]

    async def middleware_parts(self, around: str) -> Sequence[Any]:
        """The live middleware around `model` or `tool`, outermost first."""
        return [await self.part(item) for item in self.middleware if item.spec.around == around]

    def parameters(self, tool: Contribution[ToolSpec]) -> Parameters | None:
        """What a tool accepts; None, with a problem noted, when its declaration cannot be used."""
        key = (tool.plugin, tool.name)
        if key not in self._parameters:
            from hermes_host.agent.schema import Parameters

            try:
                declared = tool.spec.parameters
                loaded = self.target(tool, declared) if isinstance(declared, str) else dict(declared)
                self._parameters[key] = Parameters(loaded)
            except (HermesError, TypeError) as error:
                if not isinstance(error, HermesError):
                    tool.record.add_problem(f"tool {tool.name!r}", str(error))
                self._parameters[key] = None
        return self._parameters[key]

    @cached_property
    def terminals(self) -> Terminals:
        """The terminals of all sessions."""
        from hermes_host.terminals import Terminals

        settings = self.config.section("terminal")

        async def connect(name: str) -> Any:
            return await self.part(self.terminal_backends.get(name))

        return Terminals(connect, default=settings.backend, results=self.home / "cache" / "results")

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
    ) -> Session:
        """Begin a conversation.

        `toolsets` names toolsets and tools (None: those configured for `source`; empty: none). Without an `approver`
        nobody can be asked, and what needs consent is refused; `yolo` allows what would be asked, never what is denied.
        """
        chosen, name = self.resolve_model(model, provider)
        selected = self._select_tools(toolsets, source)
        writer = self.sessions.create(
            source=source,
            model=f"{chosen.name}:{name}",
            directory=directory or os.getcwd(),
            parent=parent,
            title=title,
        )
        return await self._open(writer, (), chosen, name, selected, approver, questioner, yolo)

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
    ) -> Session:
        """Go on with a conversation, by id, unique prefix of an id, or title. Raises `NotFound`, `SessionError`.

        Without `model` and `provider` it goes on with the model it used last, if that still exists.
        """
        info = self.sessions.find(reference)
        chosen, name = (
            self._model_of(info.id, info.model) if not (model or provider) else self.resolve_model(model, provider)
        )
        selected = self._select_tools(toolsets, info.source)
        writer = self.sessions.open(info.id)
        records = self.sessions.load(info.id)
        return await self._open(writer, records, chosen, name, selected, approver, questioner, yolo)

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

    async def _open(
        self,
        writer: SessionWriter,
        records: Sequence[Any],
        provider: Contribution[ProviderSpec],
        model_name: str,
        tools: Sequence[Contribution[ToolSpec]],
        approver: Approver | None,
        questioner: Questioner | None,
        yolo: bool,
    ) -> Session:
        from hermes_host.agent.session import Session
        from hermes_host.dispatch import notify

        session = Session(
            self,
            writer,
            records,
            provider=provider,
            model_name=model_name,
            tools=tools,
            approver=approver,
            questioner=questioner,
            yolo=yolo,
        )
        self._sessions.append(session)
        await notify(self.plugins, "hermes_session_started", session=session.context)
        return session

    async def preload(self, session: Session) -> None:
        """Import and build what the first turn needs, while the user still types. Faults wait for the turn."""
        try:
            await session.prepare()
            session.toolbox.definitions()
        except HermesError as error:
            log.info("preloading failed: %s", error)

    async def release(self, session: Session) -> None:
        """Free what a session holds; called when it is closed."""
        if session in self._sessions:
            self._sessions.remove(session)
        if "terminals" in self.__dict__:
            await self.terminals.close(session.id)

    # --------------------------------------------------------------------------------------------------- adding

    def add_plugin(self, name: str, plugin: object) -> None:
        """Add a plugin that is not installed: a module, or an object whose methods are hook implementations.

        Raises `PluginError` when its hooks are not valid or the name is taken, `ValueError` when it offers something
        of a name that is taken.
        """
        record = self.plugins.add(name, plugin)
        self._declare(record)
        for kind, registry in self._registries.items():
            for contribution in collect(self.plugins, kind, self._hook_values, only=name):
                registry.add(contribution)

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

    def _program_record(self) -> PluginRecord:
        try:
            return self.plugins.record("program")
        except KeyError:
            return self.plugins.add("program", _Program())

    # ---------------------------------------------------------------------------------------------- life and end

    async def __aenter__(self) -> Host:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every session, terminal and provider. May be called twice."""
        for session in list(self._sessions):
            await session.close()
        if "terminals" in self.__dict__:
            await self.terminals.aclose()
        for part in list(self._parts.values()):
            close = getattr(part, "aclose", None) if not isinstance(part, type) else None
            if close is not None:
                await close()
        self._parts.clear()
        if "sessions" in self.__dict__:
            self.sessions.close()


class _Program:
    """The embedding program, seen as a plugin, so that what it adds is listed like everything else."""


class _LazySections(Mapping[str, Any]):
    """A plugin's own sections as written; the file is read at the first look."""

    def __init__(self, host: Host, plugin: str) -> None:
        self._host = host
        self._plugin = plugin

    @cached_property
    def _sections(self) -> dict[str, Any]:
        info = self._host.plugins.record(self._plugin).info
        names = [section.name for section in info.sections] if info else []
        found = {name: self._host.config.raw(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        return self._sections[name]

    def __iter__(self) -> Any:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


def _names(value: str | None) -> Sequence[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]
