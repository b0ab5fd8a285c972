"""Every hook on one page: the page plugin authors read.

A plugin is a module named by an entry point of the group `hermes.v1`. It implements any of the functions below, marked
with `@hermes_host.hookimpl`, and imports only the standard library and `hermes_host`: code that needs more is named by
a spec's `target` and imported on first use.

Three kinds:

*Contributions* are synchronous, do no I/O, are called once, and yield specs. A failure drops that one contribution and
is shown by `hermes plugins list`.

*Observers* may be synchronous or `async`, get 5 seconds, and cannot change anything. A failure is logged; after three
in a row the observer is not called again.

*Decisions* may be synchronous or `async`. All implementations are asked and the strictest answer counts: deny, then
ask, then allow. A failure or a time-out counts as ask, and where nobody can be asked, as deny.

An implementation names only the arguments it wants, as ordinary (not keyword-only) parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_host.context import SessionContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Assessment
    from hermes_host.specs import (
        AdapterSpec,
        CheckSpec,
        CommandSpec,
        DaemonSpec,
        FrontendSpec,
        HookSpec,
        MemorySpec,
        MiddlewareSpec,
        PluginInfo,
        PromptSectionSpec,
        ProviderSpec,
        SecretStoreSpec,
        ServiceSpec,
        SessionStoreSpec,
        SkillSourceSpec,
        SlashCommandSpec,
        TerminalSpec,
        ToolsetSpec,
        ToolSourceSpec,
        ToolSpec,
    )

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("hermes")
hookimpl = pluggy.HookimplMarker("hermes")
"""Marks a function of a plugin as the implementation of the hook of that name."""


# --------------------------------------------------------------------------------------------------- contributions


@hookspec
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is, which configuration sections are its own, and which secrets it may ask for.

    Example::

        @hookimpl
        def hermes_plugin_info():
            return PluginInfo(summary="Weather for the agent", secrets=(SecretSpec(name="WEATHER_API_KEY"),))
    """
    raise NotImplementedError


@hookspec
def hermes_providers(config: Mapping[str, Any]) -> Iterable[ProviderSpec]:
    """Yield ways to reach models.

    `config` holds the plugin's own sections as written in `config.yaml`, by section name, not validated; it is read
    from disk when it is first looked at.

    Example::

        @hookimpl
        def hermes_providers():
            yield ProviderSpec(name="acme", summary="ACME's models", target="hermes_acme.client:connect")
    """
    raise NotImplementedError


@hookspec
def hermes_tools(config: Mapping[str, Any]) -> Iterable[ToolSpec]:
    """Yield tools the model can call. `config` as for `hermes_providers`.

    Example::

        @hookimpl
        def hermes_tools():
            yield ToolSpec(
                name="forecast",
                summary="Weather forecast for a place.",
                parameters="hermes_weather.tools:Forecast",
                target="hermes_weather.tools:forecast",
                effects=frozenset({"net"}),
                parallel=True,
            )
    """
    raise NotImplementedError


@hookspec
def hermes_tool_sources() -> Iterable[ToolSourceSpec]:
    """Yield where tools come from that are known only at run time.

    One that can say when its tools change implements `ChangingToolSource`.

    Example::

        @hookimpl
        def hermes_tool_sources():
            yield ToolSourceSpec(name="acme", summary="Tools of ACME's servers", target="hermes_acme.tools:source")
    """
    raise NotImplementedError


@hookspec
def hermes_toolsets() -> Iterable[ToolsetSpec]:
    """Yield named groups of tools, beyond those that tools name themselves in `ToolSpec.toolset`.

    Example::

        @hookimpl
        def hermes_toolsets():
            yield ToolsetSpec(name="outdoors", summary="Weather and maps", tools=("forecast",), includes=("maps",))
    """
    raise NotImplementedError


@hookspec
def hermes_terminals() -> Iterable[TerminalSpec]:
    """Yield places where commands run and files lie.

    Example::

        @hookimpl
        def hermes_terminals():
            yield TerminalSpec(name="vm", summary="A virtual machine", target="hermes_vm.backend:connect",
                               features=frozenset({"files", "network"}))
    """
    raise NotImplementedError


@hookspec
def hermes_session_stores() -> Iterable[SessionStoreSpec]:
    """Yield places where conversations are kept. One of them is used at a time.

    Example::

        @hookimpl
        def hermes_session_stores():
            yield SessionStoreSpec(name="sqlite", summary="One database", target="hermes_sqlite.store:connect")
    """
    raise NotImplementedError


@hookspec
def hermes_secret_stores() -> Iterable[SecretStoreSpec]:
    """Yield places where secrets are kept.

    Example::

        @hookimpl
        def hermes_secret_stores():
            yield SecretStoreSpec(name="vault", summary="The company's vault", target="hermes_vault.store:connect")
    """
    raise NotImplementedError


@hookspec
def hermes_memories() -> Iterable[MemorySpec]:
    """Yield what remembers across conversations. All of them are used.

    Example::

        @hookimpl
        def hermes_memories():
            yield MemorySpec(name="diary", summary="A diary", target="hermes_diary.memory:connect",
                             features=frozenset({"prompt", "observe"}))
    """
    raise NotImplementedError


@hookspec
def hermes_skill_sources() -> Iterable[SkillSourceSpec]:
    """Yield folders of skills that come with the plugin.

    Example::

        @hookimpl
        def hermes_skill_sources():
            yield SkillSourceSpec(name="acme", summary="How to work with ACME", target="hermes_acme.skills:source")
    """
    raise NotImplementedError


@hookspec
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Yield parts of the system prompt. Each is assembled once per session and then stays as it is.

    Example::

        @hookimpl
        def hermes_prompt_sections():
            yield PromptSectionSpec(name="season", summary="The season", target="hermes_weather.prompt:season")
    """
    raise NotImplementedError


@hookspec
def hermes_services() -> Iterable[ServiceSpec]:
    """Yield what the plugin does for other plugins, found by protocol.

    Example::

        @hookimpl
        def hermes_services():
            yield ServiceSpec(name="catalog", summary="Facts about models", provides="hermes_host.services:Catalog",
                              target="hermes_acme.catalog:connect")
    """
    raise NotImplementedError


@hookspec
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    """Yield code that wraps every model call or every approved tool call.

    Example::

        @hookimpl
        def hermes_middleware():
            yield MiddlewareSpec(name="metrics", summary="Counts calls", target="hermes_metrics:wrap", around="model")
    """
    raise NotImplementedError


@hookspec
def hermes_commands() -> Iterable[CommandSpec]:
    """Yield commands `hermes NAME`. The click command behind `target` is imported when it is called.

    Example::

        @hookimpl
        def hermes_commands():
            yield CommandSpec(name="weather", summary="Ask for the weather", target="hermes_weather.commands:weather")
    """
    raise NotImplementedError


@hookspec
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """Yield commands `/NAME`, the same in every front end.

    Example::

        @hookimpl
        def hermes_slash_commands():
            yield SlashCommandSpec(name="weather", summary="The weather here", target="hermes_weather.slash:weather")
    """
    raise NotImplementedError


@hookspec
def hermes_frontends() -> Iterable[FrontendSpec]:
    """Yield conversation surfaces; bare `hermes` opens the one with the highest priority.

    Example::

        @hookimpl
        def hermes_frontends():
            yield FrontendSpec(name="tui", summary="Full-screen terminal", target="hermes_tui.app:main", priority=100)
    """
    raise NotImplementedError


@hookspec
def hermes_adapters() -> Iterable[AdapterSpec]:
    """Yield places where people write from outside, such as chat platforms.

    Example::

        @hookimpl
        def hermes_adapters():
            yield AdapterSpec(name="acme", summary="ACME's chat", target="hermes_acme.adapter:connect",
                              features=frozenset({"edit", "typing"}))
    """
    raise NotImplementedError


@hookspec
def hermes_daemons() -> Iterable[DaemonSpec]:
    """Yield what runs as long as the gateway does, such as a server.

    Example::

        @hookimpl
        def hermes_daemons():
            yield DaemonSpec(name="tides", summary="Watches the tides", target="hermes_tides.watch:connect")
    """
    raise NotImplementedError


@hookspec
def hermes_checks() -> Iterable[CheckSpec]:
    """Yield checks that `hermes doctor` runs.

    Example::

        @hookimpl
        def hermes_checks():
            yield CheckSpec(name="weather", summary="Is the service there?", target="hermes_weather.checks:reachable")
    """
    raise NotImplementedError


@hookspec
def hermes_addhooks() -> Iterable[HookSpec]:
    """Yield contribution hooks of the plugin's own, for other plugins to implement. Asked before all others.

    Example::

        @hookimpl
        def hermes_addhooks():
            yield HookSpec(name="forecasters", summary="Sources of forecasts", word="forecaster",
                           spec="hermes_weather.specs:ForecasterSpec")
    """
    raise NotImplementedError


# ------------------------------------------------------------------------------------------------------- observers


@hookspec
def hermes_session_started(session: SessionContext) -> None:
    """A conversation was begun or resumed. May be `async`.

    Example::

        import logging

        log = logging.getLogger(__name__)

        @hookimpl
        def hermes_session_started(session):
            log.info("session %s on %s", session.id, session.source)
    """


@hookspec
def hermes_session_ended(session: SessionContext, reason: str) -> None:
    """A conversation was left: `reason` is `exit`, `new_session`, `resumed_other`, `parked` (put aside
    between two messages, to go on soon) or another word of a front end.

    What a plugin holds for the session is released here. May be `async`.

    Example::

        @hookimpl
        async def hermes_session_ended(session, reason):
            socket = session.memory.pop("weather.socket", None)
            if socket is not None:
                await socket.close()
    """


@hookspec
def hermes_turn_finished(session: SessionContext, outcome: str) -> None:
    """A turn ended with one of the outcomes of `TurnFinished`. May be `async`.

    Example::

        from collections import Counter

        outcomes = Counter()

        @hookimpl
        def hermes_turn_finished(session, outcome):
            outcomes[outcome] += 1
    """


# ------------------------------------------------------------------------------------------------------- decisions


@hookspec
def hermes_assess_tool_call(call: ToolCall, session: SessionContext, effects: frozenset[str]) -> Assessment | None:
    """Judge a tool call before it runs; None for no opinion. Can make the verdict stricter, never milder.

    Example::

        from datetime import datetime

        from hermes_host.protocols import Assessment

        @hookimpl
        def hermes_assess_tool_call(call, effects):
            if "send" in effects and datetime.now().hour >= 22:
                return Assessment(verdict="ask", reason="It is late.")
            return None
    """
    raise NotImplementedError
