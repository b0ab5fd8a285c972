"""`hermes gateway setup`: choose a platform, give what it needs, see whether that works."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hermes_host.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import AdapterSpec, SecretSpec

__all__ = ["set_up"]


def set_up(host: Host, platform: str) -> None:
    """Ask for what `platform` needs (chosen from a list when empty). Raises `NotFound`, `ConfigError`."""
    adapters = list(host.registry("adapters"))
    if not adapters:
        raise NotFound(
            "No adapter is installed.", remedy="Install one, such as `pip install hermes-telegram`, and come back."
        )
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if not platform and not interactive:
        for item in adapters:
            click.echo(f"{item.name}: {host.context('gateway').lacking(item) or 'is set up'}")
        return
    chosen = host.registry("adapters").get(platform) if platform else _choose(host, adapters)
    if interactive:
        _ask(host, chosen)
    missing = host.context("gateway").lacking(chosen)
    if missing:
        raise ConfigError(f"{chosen.name} is not set up: {missing}", remedy=_how(host, chosen))
    click.echo(f"{chosen.name} is set up. `hermes gateway start` starts the gateway (or `restart`).")
    click.echo("Then write to it: you get a code, and `hermes pairing approve PLATFORM CODE --owner` lets you in.")


def _choose(host: Host, adapters: list[Contribution[AdapterSpec]]) -> Contribution[AdapterSpec]:
    for number, item in enumerate(adapters, 1):
        mark = " (set up)" if not host.context("gateway").lacking(item) else ""
        click.echo(f"{number:3}  {item.name}{mark}: {item.spec.summary}")
    number = click.prompt("Which one", type=click.IntRange(1, len(adapters)))
    return adapters[number - 1]


def _ask(host: Host, chosen: Contribution[AdapterSpec]) -> None:
    if chosen.spec.url:
        click.echo(f"An account for the agent: {chosen.spec.url}")
    for secret in _secrets(chosen):
        known = "(set; Enter keeps it)" if host.secrets.get(secret.name) else ""
        value = click.prompt(
            f"{secret.name}: {secret.summary} {known}".strip(),
            default="",
            show_default=False,
            hide_input=secret.sensitive,
        )
        if value:
            host.secrets.set(secret.name, value)


def _secrets(chosen: Contribution[AdapterSpec]) -> list[SecretSpec]:
    declared = {secret.name: secret for secret in (chosen.record.info.secrets if chosen.record.info else ())}
    return [declared[name] for name in chosen.spec.secrets if name in declared]


def _how(host: Host, chosen: Contribution[AdapterSpec]) -> str:
    lines = [
        f"hermes config set {secret.name} VALUE" for secret in _secrets(chosen) if not host.secrets.get(secret.name)
    ]
    return "; ".join(lines) or f"See the README of {chosen.record.distribution or chosen.name}."
