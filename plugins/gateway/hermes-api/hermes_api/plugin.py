"""What hermes-api contributes: a daemon of the gateway, its settings, commands and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    DaemonSpec,
    PluginInfo,
    PromptSectionSpec,
    SecretSpec,
    SectionSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="The agent behind an OpenAI-compatible API",
        sections=(SectionSpec(name="api", target="hermes_api.settings:ApiSettings"),),
        secrets=(
            SecretSpec(name="API_SERVER_KEY", summary="The key of whoever may do everything; 16 characters or more"),
        ),
    )


@hookimpl
def hermes_daemons() -> Iterable[DaemonSpec]:
    yield DaemonSpec(
        name="api",
        summary="Chat completions, responses and sessions over HTTP",
        target="hermes_api.daemon:connect",
        configured="hermes_api.keys:missing",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    yield PromptSectionSpec(
        name="api-instructions",
        summary="What a client of the API wants the agent to know",
        target="hermes_api.instructions:section",
        order=900,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(name="api", summary="Keys and state of the API.", target="hermes_api.commands:api")


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="api", summary="Is the API safe to reach?", target="hermes_api.checks:check")
