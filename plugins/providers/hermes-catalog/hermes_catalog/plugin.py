"""What hermes-catalog contributes: the service `Catalog`, the command `hermes catalog`, and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="What models can do and cost: context, output limit, prices, modalities",
        sections=(
            SectionSpec(name="catalog", target="hermes_catalog.settings:Settings"),
            SectionSpec(name="model", target="hermes_catalog.settings:ConfiguredModel"),
        ),
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="catalog",
        summary="Facts about models: the user's, the vendor's, and a bundled snapshot",
        provides="hermes_host.services:Catalog",
        target="hermes_catalog.catalog:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="catalog", summary="Show what models can do and cost.", target="hermes_catalog.commands:catalog"
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="catalog.models",
        summary="How old the facts about models are, and whether the user's can be used",
        target="hermes_catalog.checks:models",
    )
