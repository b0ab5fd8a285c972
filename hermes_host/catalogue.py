"""What is installed and how it is set up: configuration, secrets, plugins, registries, and the parts behind specs.

Making a `Catalogue` does no I/O. Each thing is read, imported or built when it is first looked at.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.context import PluginContext, Services
from hermes_host.errors import HermesError, PluginError
from hermes_host.plugins import PluginRecord, Plugins, describe, import_foreign
from hermes_host.registry import KINDS, Contribution, Kind, Registry, collect, fault_of

if TYPE_CHECKING:
    from hermes_host.agent.schema import Parameters
    from hermes_host.background import Background
    from hermes_host.config import Config
    from hermes_host.config.secrets import Secrets
    from hermes_host.protocols import SecretStore, ToolSource
    from hermes_host.specs import (
        CheckSpec,
        CommandSpec,
        FrontendSpec,
        HookSpec,
        MemorySpec,
        MiddlewareSpec,
        PromptSectionSpec,
        ProviderSpec,
        SecretStoreSpec,
        ServiceSpec,
        SessionStoreSpec,
        SkillSourceSpec,
        SlashCommandSpec,
        TerminalSpec,
        ToolsetSpec,
        ToolSpec,
    )

__all__ = ["Catalogue"]

log = logging.getLogger(__name__)

SOURCE_LIMIT = 2.0
"""Seconds a source of tools may take to say what it offers."""


BUILTIN = {"host": "hermes_host.builtin"}
"""The host's own contributions, through the same hooks as everybody's."""

OWN_SERVICES = {
    "hermes_host.services:Auxiliary": "model_calls",
    "hermes_host.services:Conversations": "",
    "hermes_host.services:Credentials": "secrets",
    "hermes_host.protocols.sessions:SessionStore": "sessions",
}
"""What the host itself offers, and which of its attributes does it (empty: the host)."""


class Catalogue:
    """Everything plugins contribute to one process, under one configuration."""

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
        self.services = Services(self._find_services)
        self._only = plugins if plugins is not None else _names(self.environ.get("HERMES_PLUGINS"))
        self._block = tuple(blocked)
        self._overrides = dict(overrides or {})
        self._parts: dict[tuple[str, str, str], Any] = {}
        self._parameters: dict[tuple[str, str], Parameters | None] = {}
        self._contexts: dict[str, PluginContext] = {}
        self._registries: dict[str, Registry[Any]] = {}
        self._opening_stores = False
        self._sourced: dict[str, dict[str, ToolSpec]] = {}

    # -------------------------------------------------------------------------------------- configuration, secrets

    @cached_property
    def config(self) -> Config:
        """All settings."""
        from hermes_host.config import Config

        return Config.load(
            self.home, environ=self.environ, overrides=self._overrides, project=self.project, secrets=self.secrets
        )

    @cached_property
    def secrets(self) -> Secrets:
        """All secrets."""
        from hermes_host.config.secrets import Secrets

        secrets = Secrets(self.home, self.environ)
        secrets.stores = self._secret_stores
        return secrets

    def _secret_stores(self) -> Sequence[tuple[str, SecretStore]] | None:
        """The live stores that the settings name; None while they are being made, when nothing may be looked for in
        them. One that cannot be made is left out."""
        if self._opening_stores:
            return None
        self._opening_stores = True
        try:
            found = [(name, self._secret_store(name)) for name in self.config.section("secrets").stores]
        finally:
            self._opening_stores = False
        return [(name, store) for name, store in found if store is not None]

    def _secret_store(self, name: str) -> SecretStore | None:
        try:
            contribution = self.secret_stores.get(name)
            key = (contribution.kind, contribution.plugin, contribution.name)
            if key not in self._parts:
                make = self.target(contribution, contribution.spec.target)
                self._parts[key] = make(self.context(contribution.plugin), contribution.spec)
        except HermesError as error:
            log.warning("the secret store %r cannot be used: %s", name, error)
            return None
        store: SecretStore = self._parts[key]
        return store

    # ---------------------------------------------------------------------------------------- plugins, registries

    @cached_property
    def background(self) -> Background:
        """What plugins do beside conversations."""
        from hermes_host.background import Background

        return Background()

    @cached_property
    def plugins(self) -> Plugins:
        """All plugins; loaded at the first look."""
        plugins = Plugins(
            builtin=BUILTIN,
            only=self._only,
            blocked=lambda: (*self._block, *self.config.section("plugins").disabled),
            strict=self.environ.get("HERMES_STRICT") == "1",
            lock=self.home / "plugins.lock",
        )
        if self.environ.get("HERMES_TRACE_PLUGINS") == "1":
            plugins.trace()
        plugins.load()
        for record in plugins.records:
            self._declare(record)
        return plugins

    def _declare(self, record: PluginRecord) -> None:
        if record.info is None or record.state != "loaded":
            return
        self.secrets.declare(*(secret.name for secret in record.info.secrets if secret.sensitive))
        for section in record.info.sections:
            self.config.declare(section.name, section.target, record.name)

    def registry(self, kind: str) -> Registry[Any]:
        """The registry of one of `hermes_host.registry.KINDS`, or of a kind that a plugin brought; its hook is called
        at the first look. Empty for a kind that nobody knows."""
        if kind not in self._registries:
            table = self._kind(kind)
            if table is None:
                return Registry(Kind(f"hermes_{kind}", object, kind))
            found = collect(self.plugins, kind, self._hook_values, table=table)
            self._registries[kind] = Registry(table, found, self.config.section("plugins").prefer)
        return self._registries[kind]

    def _kind(self, kind: str) -> Kind | None:
        if kind in KINDS:
            return KINDS[kind]
        for record, spec in self.plugins.added_hooks:
            if spec.name == kind:
                return self._brought_kind(record, spec)
        return None

    def _brought_kind(self, record: PluginRecord, spec: HookSpec) -> Kind | None:
        try:
            return Kind(f"hermes_{spec.name}", import_foreign(spec.spec), spec.word)
        except PluginError as error:
            record.add_problem(f"hook 'hermes_{spec.name}'", describe(error), record.remedy)
            return None

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
    def secret_stores(self) -> Registry[SecretStoreSpec]:
        """Places where secrets are kept."""
        return self.registry("secret_stores")

    @property
    def memories(self) -> Registry[MemorySpec]:
        """What remembers across conversations."""
        return self.registry("memories")

    @property
    def skill_sources(self) -> Registry[SkillSourceSpec]:
        """Folders of skills that plugins bring."""
        return self.registry("skill_sources")

    @property
    def prompt_sections(self) -> Registry[PromptSectionSpec]:
        """Parts of the system prompt."""
        return self.registry("prompt_sections")

    @property
    def offered_services(self) -> Registry[ServiceSpec]:
        """What plugins do for each other."""
        return self.registry("services")

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
                catalogue=self,
                background=self.background,
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
                remedy = error.remedy or record.remedy
                problem = record.add_problem(contribution.title, describe(error), remedy)
                raise type(error)(problem.line()) from error
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
                record = contribution.record
                problem = record.add_problem(contribution.title, describe(error), record.remedy)
                raise PluginError(problem.line()) from error
        return self._parts[key]

    async def _find_services(self, protocol: type[Any]) -> Sequence[Any]:
        wanted = f"{protocol.__module__}:{protocol.__qualname__}"
        if wanted in OWN_SERVICES:
            return [getattr(self, OWN_SERVICES[wanted]) if OWN_SERVICES[wanted] else self]
        return [await self.part(item) for item in self.offered_services if item.spec.provides == wanted]

    async def middleware_parts(self, around: str) -> Sequence[Any]:
        """The live middleware around `model` or `tool`, outermost first."""
        return [await self.part(item) for item in self.middleware if item.spec.around == around]

    async def refresh_tools(self) -> None:
        """Ask the sources of tools what they offer now. One that fails keeps what it offered before."""
        import asyncio

        for source in self.registry("tool_sources"):
            try:
                part: ToolSource = await self.part(source)
                async with asyncio.timeout(SOURCE_LIMIT):
                    specs = list(await part.tools())
            except Exception as error:
                late = isinstance(error, TimeoutError)
                text = f"it did not answer within {SOURCE_LIMIT:g} s." if late else describe(error)
                if not any(problem.where == source.title for problem in source.record.problems):
                    log.warning("%s", source.record.add_problem(source.title, text).line(), exc_info=error)
                continue
            self._replace_tools(source, specs)

    def _replace_tools(self, source: Contribution[Any], specs: Sequence[ToolSpec]) -> None:
        """Have exactly these tools of a source; one whose name is taken is left out."""
        wanted = {spec.name: spec for spec in specs if not fault_of(spec, KINDS["tools"])}
        offered = self._sourced.setdefault(source.name, {})
        for name in [name for name, spec in offered.items() if wanted.get(name) != spec]:
            self.tools.remove(name)
            self._parameters.pop((source.plugin, name), None)
            del offered[name]
        for name, spec in wanted.items():
            if name not in offered and name not in self.tools:
                self.tools.add(Contribution("tools", spec, source.record))
                offered[name] = spec

    def parameters(self, tool: Contribution[ToolSpec]) -> Parameters | None:
        """What a tool accepts; None, with a problem noted, when its declaration cannot be used."""
        key = (tool.plugin, tool.name)
        if key not in self._parameters:
            self._parameters[key] = self.read_parameters(tool)
        return self._parameters[key]

    def read_parameters(self, tool: Contribution[ToolSpec]) -> Parameters | None:
        """As `parameters`, for a tool that is in no registry: read anew."""
        from hermes_host.agent.schema import Parameters

        try:
            declared = tool.spec.parameters
            loaded = self.target(tool, declared) if isinstance(declared, str) else dict(declared)
            return Parameters(loaded)
        except (HermesError, TypeError) as error:
            if not isinstance(error, HermesError):
                tool.record.add_problem(f"tool {tool.name!r}", str(error))
            return None

    # --------------------------------------------------------------------------------------------------- adding

    def add_plugin(self, name: str, plugin: object) -> None:
        """Add a plugin that is not installed: a module, or an object whose methods are hook implementations.

        Raises `PluginError` when its hooks are not valid or the name is taken, `ValueError` when it offers something
        of a name that is taken.
        """
        record = self.plugins.add(name, plugin)
        self._declare(record)
        for kind, registry in self._registries.items():
            for contribution in collect(self.plugins, kind, self._hook_values, only=name, table=registry.kind):
                registry.add(contribution)

    def _program_record(self) -> PluginRecord:
        try:
            return self.plugins.record("program")
        except KeyError:
            return self.plugins.add("program", _Program())


class _Program:
    """The embedding program, seen as a plugin, so that what it adds is listed like everything else."""


class _LazySections(Mapping[str, Any]):
    """A plugin's own sections as written; the file is read at the first look."""

    def __init__(self, catalogue: Catalogue, plugin: str) -> None:
        self._catalogue = catalogue
        self._plugin = plugin

    @cached_property
    def _sections(self) -> dict[str, Any]:
        info = self._catalogue.plugins.record(self._plugin).info
        names = [section.name for section in info.sections] if info else []
        found = {name: self._catalogue.config.raw(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        return self._sections[name]

    def __iter__(self) -> Any:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


def _names(value: str | None) -> Sequence[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]
