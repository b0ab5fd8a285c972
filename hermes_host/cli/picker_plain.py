"""Choosing provider and model by number, for terminals that cannot draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hermes_host.cli.picker_providers import sorted_providers

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec

__all__ = ["choose_plainly"]


def choose_plainly(
    host: Host, list_providers: Callable[[], None], list_models: Callable[[Contribution[ProviderSpec]], None]
) -> tuple[Contribution[ProviderSpec], str]:
    """Ask which provider and model to use; the name is empty for the provider's only one. Ctrl+C leaves."""
    providers = sorted_providers(host)
    list_providers()
    number = click.prompt("\nProvider (number; Ctrl+C leaves it as it is)", type=click.IntRange(1, len(providers)))
    chosen = providers[number - 1]
    default = chosen.spec.default_model
    name = click.prompt("Model (empty: its default; ? lists them)", default=default, show_default=True)
    while name.strip() == "?":
        list_models(chosen)
        name = click.prompt("Model", default=default, show_default=True)
    return chosen, name.strip()
