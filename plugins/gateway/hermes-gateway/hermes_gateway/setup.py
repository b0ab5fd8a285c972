"""`hermes gateway setup`: choose a platform, give what it needs, see whether that works."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import run_async
from hermes_host.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.protocols import CheckResult
    from hermes_host.registry import Contribution
    from hermes_host.specs import AdapterSpec, SecretSpec

__all__ = ["set_up"]

_CHECK_SECONDS = 20.0


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
    if interactive:
        _check(host, chosen)
    name = chosen.name
    click.echo(f"{name} is set up. Now start the gateway (or restart it, where it runs):\n  hermes gateway start")
    click.echo(f"Then write to it: you get a code, and this lets you in:\n  hermes pairing approve {name} CODE --owner")


def _check(host: Host, chosen: Contribution[AdapterSpec]) -> None:
    """See whether what was given works. Raises `ConfigError` with what is wrong."""
    checks = [item for item in host.checks if item.plugin == chosen.plugin]
    if not checks:
        return

    async def work() -> list[CheckResult]:
        async with asyncio.timeout(_CHECK_SECONDS):
            return [found for item in checks for found in await host.target(item, item.spec.target)(context)]

    context = host.context(chosen.plugin)
    click.echo("Checking …", err=True)
    try:
        results = run_async(host, work)
    except TimeoutError:
        click.echo(f"! It did not answer in {_CHECK_SECONDS:.0f} s; `hermes doctor` tries again.", err=True)
        return
    for result in results:
        if result.status == "error":
            raise ConfigError(f"{result.name}: {result.detail}", remedy=result.remedy)
        mark = "!" if result.status == "warning" else "✓"
        click.echo(f"{mark} {result.name}: {result.detail} {result.remedy}".rstrip())


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
        hints = ["not shown"] if secret.sensitive else []
        hints += ["Enter keeps what is set"] if host.secrets.get(secret.name) else []
        hint = f" ({', '.join(hints)})" if hints else ""
        value = click.prompt(
            f"{secret.summary or secret.name}{hint}",
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
