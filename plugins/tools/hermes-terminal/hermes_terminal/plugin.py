"""What hermes-terminal contributes: two tools, `/stop`, a check, and a few lines of the system prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    PluginInfo,
    PromptSectionSpec,
    SectionSpec,
    SlashCommandSpec,
    ToolsetSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Run commands and background processes, judged on a parsed syntax tree",
        sections=(SectionSpec(name="terminal", target="hermes_host.config.sections:TerminalSection"),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolset `terminal`."""
    yield ToolSpec(
        name="terminal",
        summary="Run a shell command. Directory, variables and functions stay for the next command. "
        "Standard input is empty: use options that do not prompt. Servers, watchers and long jobs: "
        "background=true, then `process`.",
        parameters="hermes_terminal.arguments:TerminalArguments",
        target="hermes_terminal.terminal:terminal",
        assess="hermes_terminal.assess:assess_terminal",
        effects=frozenset({"process"}),
        toolset="terminal",
        shows="command",
    )
    yield ToolSpec(
        name="process",
        summary="Background processes of this session. poll: new output; log: lines of all output; wait: "
        "until it ends or timeout; write: data as it is; submit: data and Enter; close: end of input.",
        parameters="hermes_terminal.arguments:ProcessArguments",
        target="hermes_terminal.process:process",
        assess="hermes_terminal.assess:assess_process",
        effects=frozenset({"process"}),
        toolset="terminal",
        shows="action",
    )


@hookimpl
def hermes_toolsets() -> Iterable[ToolsetSpec]:
    """Describe the toolset."""
    yield ToolsetSpec(name="terminal", summary="Commands and background processes", tools=("terminal", "process"))


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """Offer `/stop`, in place of the host's own, which knows only the turn."""
    yield SlashCommandSpec(
        name="stop",
        summary="Interrupt the turn and kill this session's background processes",
        target="hermes_terminal.slash:stop",
        while_busy=True,
        priority=10,
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Tell the model where its commands run."""
    yield PromptSectionSpec(
        name="terminal",
        summary="Operating system, shell, working directory and terminal backend",
        target="hermes_terminal.prompt:environment",
        order=710,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Check that commands can be judged."""
    yield CheckSpec(
        name="terminal-judge", summary="Can shell commands be judged?", target="hermes_terminal.checks:grammar_loads"
    )
