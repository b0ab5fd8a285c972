"""What hermes-code contributes: the tool `execute_code`, and a line of the system prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, PromptSectionSpec, SectionSpec, ToolsetSpec, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Python scripts that run on the terminal backend and call the conversation's tools",
        sections=(SectionSpec(name="code_execution", target="hermes_code.settings:Settings"),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolset `code_execution`."""
    yield ToolSpec(
        name="execute_code",
        summary="Run a Python script that can call your tools: `from hermes_tools import ...`. For several calls with "
        "loops, conditions or filtering between them, when only a digest of their results is needed: you see what the "
        "script prints and nothing else. Not for a single call.",
        parameters="hermes_code.execute:ExecuteCode",
        target="hermes_code.execute:execute_code",
        assess="hermes_code.assess:assess",
        effects=frozenset({"process"}),
        toolset="code_execution",
    )


@hookimpl
def hermes_toolsets() -> Iterable[ToolsetSpec]:
    """Describe the toolset."""
    yield ToolsetSpec(
        name="code_execution", summary="Python scripts that call the other tools", tools=("execute_code",)
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Tell the model what its scripts can import."""
    yield PromptSectionSpec(
        name="code_execution",
        summary="What scripts can import, and their limits",
        target="hermes_code.prompt:guidance",
        order=190,
    )
