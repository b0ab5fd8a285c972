"""What hermes-approvals contributes: the user's rules as a service, commands to keep them, and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec, ServiceSpec, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Rules of your own about what an agent may do, a second look by a model, and an audit log",
        sections=(SectionSpec(name="approvals", target="hermes_approvals.settings:Settings"),),
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="approvals",
        summary="The rules in approvals.yaml, and the audit log",
        provides="hermes_host.services:ApprovalPolicy",
        target="hermes_approvals.policy:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    # The host's own command of that name knows only exact actions; this one does all it does, and more.
    yield CommandSpec(
        name="approvals",
        summary="Keep rules about what an agent may do, try them out, read the audit log.",
        target="hermes_approvals.commands:approvals",
        group="Set up",
        priority=10,
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="approvals",
        summary="Rules: list, add the last question, remove",
        target="hermes_approvals.slash:approvals",
        usage="[list | add [NAME] | remove NAME]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="approvals",
        summary="Can the approval rules be read, and is the audit log whole?",
        target="hermes_approvals.checks:sound",
    )
