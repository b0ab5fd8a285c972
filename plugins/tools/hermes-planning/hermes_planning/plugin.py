"""What hermes-planning contributes: a todo list, questions to the user, and a command that shows the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, SectionSpec, SlashCommandSpec, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="A todo list for the agent, and questions to the user",
        sections=(SectionSpec(name="clarify", target="hermes_planning.clarify:ClarifySettings"),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolsets `todo` and `clarify`."""
    yield ToolSpec(
        name="todo",
        summary="Your list of steps, for work that has three or more. `todos` replaces the list; with merge=true it "
        "changes or adds the items it names; without `todos` the list is only shown. Mark an item in_progress before "
        "you begin it, one at a time, and completed when it is really done.",
        parameters="hermes_planning.todo:TodoArguments",
        target="hermes_planning.todo:todo",
        effects=frozenset({"read"}),
        toolset="todo",
    )
    yield ToolSpec(
        name="clarify",
        summary="Ask the user one question, when only they can decide and a wrong guess would cost much. They pick a "
        "choice or write something else. Not for consent to a dangerous action: that is asked anyway.",
        parameters="hermes_planning.clarify:ClarifyArguments",
        target="hermes_planning.clarify:clarify",
        effects=frozenset({"ask"}),
        toolset="clarify",
        shows="question",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """Let people see the list."""
    yield SlashCommandSpec(
        name="todo",
        summary="Show the agent's todo list, or clear it.",
        target="hermes_planning.todo:show",
        usage="[clear]",
        while_busy=True,
    )
