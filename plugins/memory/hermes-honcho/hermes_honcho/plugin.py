"""What hermes-honcho contributes: a memory, four tools, the command `honcho`, and a check.

Nothing of it does anything before an API key or an address is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    MemorySpec,
    PluginInfo,
    SecretSpec,
    SectionSpec,
    ServiceSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="User modelling across conversations with Honcho",
        homepage="https://honcho.dev",
        sections=(SectionSpec(name="honcho", target="hermes_honcho.settings:HonchoSection"),),
        secrets=(
            SecretSpec(name="HONCHO_API_KEY", summary="The key of Honcho", url="https://app.honcho.dev"),
            SecretSpec(name="HONCHO_BASE_URL", summary="The address of a Honcho server of one's own", sensitive=False),
            SecretSpec(name="HONCHO_ENVIRONMENT", summary="production or local", sensitive=False),
        ),
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="honcho",
        summary="The connection to Honcho that the memory, the tools and the commands share",
        provides="hermes_honcho.access:Access",
        target="hermes_honcho.access:connect",
    )


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    yield MemorySpec(
        name="honcho",
        summary="What Honcho knows of the user",
        target="hermes_honcho.entrance:connect",
        features=frozenset({"prompt", "recall", "observe", "flush"}),
        # Before the files of memory, after the guidance.
        order=310,
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    yield ToolSpec(
        name="honcho_profile",
        summary="The most important facts known about the user, as a short list. Fast: no model is asked.",
        parameters="hermes_honcho.tools:Profile",
        target="hermes_honcho.tools:profile",
        effects=frozenset({"read", "net"}),
        toolset="honcho",
        available="hermes_honcho.configuration:tools_unavailable",
        parallel=True,
        timeout=60,
    )
    yield ToolSpec(
        name="honcho_search",
        summary="Search what is known about the user by meaning; gives excerpts as they are, no model is asked.",
        parameters="hermes_honcho.tools:Search",
        target="hermes_honcho.tools:search",
        effects=frozenset({"read", "net"}),
        toolset="honcho",
        available="hermes_honcho.configuration:tools_unavailable",
        parallel=True,
        timeout=60,
        shows="query",
    )
    yield ToolSpec(
        name="honcho_context",
        summary="Ask Honcho a question about the user (or, with peer `ai`, about yourself) in plain words. Slower: a "
        "model answers from all past conversations.",
        parameters="hermes_honcho.tools:Ask",
        target="hermes_honcho.tools:ask",
        effects=frozenset({"read", "net"}),
        toolset="honcho",
        available="hermes_honcho.configuration:tools_unavailable",
        parallel=True,
        timeout=120,
        shows="query",
    )
    yield ToolSpec(
        name="honcho_conclude",
        summary="Store a lasting fact about the user: a preference, a correction, a circumstance. One fact, one "
        "sentence; no task progress.",
        parameters="hermes_honcho.tools:Conclude",
        target="hermes_honcho.tools:conclude",
        assess="hermes_honcho.tools:assess_conclude",
        effects=frozenset({"write", "net"}),
        toolset="honcho",
        available="hermes_honcho.configuration:tools_unavailable",
        timeout=60,
        shows="conclusion",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="honcho",
        summary="Set up and look at the memory kept by Honcho.",
        target="hermes_honcho.commands:honcho",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="honcho.service",
        summary="Whether Honcho is configured and answers, and whether messages wait to be sent",
        target="hermes_honcho.checks:service",
    )
