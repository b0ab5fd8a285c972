"""What hermes-accounting contributes: a middleware that writes the ledger, the service `Accounts`, and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    MiddlewareSpec,
    PluginInfo,
    SectionSpec,
    ServiceSpec,
    SlashCommandSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="A ledger of every model call, usage reports and budgets",
        sections=(SectionSpec(name="budget", target="hermes_accounting.settings:Budget"),),
    )


@hookimpl
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    # Below every other observer, so that each real request is one row, with whom it really went to.
    yield MiddlewareSpec(
        name="accounting",
        summary="Writes every model call into the ledger and keeps the budgets",
        target="hermes_accounting.accounting:middleware",
        around="model",
        priority=-100,
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="accounts",
        summary="What model calls used and cost",
        provides="hermes_host.services:Accounts",
        target="hermes_accounting.accounting:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="usage",
        summary="Show tokens and cost by model, day or session.",
        target="hermes_accounting.commands:usage",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    # Its priority lets it take the place of the host's /usage, which knows no cost.
    yield SlashCommandSpec(
        name="usage",
        summary="Show tokens, calls and cost of this conversation.",
        target="hermes_accounting.slash:usage",
        while_busy=True,
        priority=10,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="accounting.ledger",
        summary="Whether the ledger can be used, and whether budgets can work",
        target="hermes_accounting.checks:ledger",
    )
