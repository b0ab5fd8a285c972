"""What hermes-local contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, PromptSectionSpec, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files on this machine",
        sections=(
            SectionSpec(name="local", target="hermes_local.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_local.settings:TerminalSettings"),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="local",
        summary="Commands and files on this machine, confined where `terminal.sandbox` says so",
        target="hermes_local.backend:connect",
        features=frozenset({"files", "pty", "background", "network", "local"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="local", summary="Can commands run on this machine?", target="hermes_local.checks:check")


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Tell the model, and where it is less than was asked for the user, how commands are confined."""
    yield PromptSectionSpec(
        name="sandbox",
        summary="What commands on this machine may not do",
        target="hermes_local.notice:prompt",
        order=720,
    )
