"""`hermes model`: which provider and which model conversations use."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.errors import HermesError, NotFound, ProviderError, Unsupported
from hermes_host.models import split_reference
from hermes_host.protocols import ModelInfo
from hermes_host.registry import Contribution, near_names
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.specs import ProviderSpec, SecretSpec

__all__ = ["missing_key", "model"]

_ANSWER_LIMIT = 15.0
"""Seconds a provider may take to say which models it has, where that is only a check."""


@click.group(invoke_without_command=True, epilog="Example: hermes model set acme:large-1")
@click.pass_context
def model(ctx: click.Context) -> None:
    """Choose provider and model."""
    if ctx.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        ctx.invoke(choose)
    else:
        ctx.invoke(list_models, provider="", as_json=False)


@model.command("show", epilog="Example: hermes model show --json")
@json_option
@pass_host
def show(host: Host, as_json: bool) -> None:
    """Show what the next conversation would use, and where that was set."""
    chosen, name = host.resolve_model()
    configured = host.config.get("model.provider") or host.config.get("model.default")
    origin = host.config.origin("model.provider" if host.config.get("model.provider") else "model.default")
    facts = {
        "provider": chosen.name,
        "model": name,
        "origin": origin if configured else "default",
        "key": _key_state(host, chosen),
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{chosen.name}:{name}" if name else f"{chosen.name} (its only model)")
    click.echo(f"set by: {facts['origin']} · key: {facts['key']}")


@model.command(
    "list",
    epilog="\b\nExamples:\n"
    "  hermes model list                providers\n"
    "  hermes model list acme           the models of one",
)
@click.argument("provider", default="")
@json_option
@pass_host
def list_models(host: Host, provider: str, as_json: bool) -> None:
    """List the providers, or ask one PROVIDER for its models."""
    if provider:
        _list_one(host, host.providers.get(provider), as_json)
        return
    current = _current(host)
    if as_json:
        print_json([_provider_object(host, item, current) for item in _sorted(host)])
        return
    _print_providers(host, current)
    click.echo("\nhermes model list PROVIDER shows its models, hermes model set PROVIDER:MODEL chooses one.")


@model.command("set", epilog="\b\nExamples:\n  hermes model set acme:large-1\n  hermes model set acme")
@click.argument("reference", metavar="PROVIDER[:MODEL]")
@click.option("--force", is_flag=True, help="Without asking the provider whether it has that model.")
@pass_host
def set_model(host: Host, reference: str, force: bool) -> None:
    """Choose the provider and the model of the conversations to come."""
    provider, name = split_reference(host, reference)
    if not provider and reference in host.providers:
        provider, name = reference, ""
    if not provider:
        current = _current(host)
        if not current or ":" in reference:
            host.providers.get(reference.partition(":")[0])  # says which there are
        provider = current
    chosen = host.providers.get(provider)
    _choose(host, chosen, name, check=not force)


@click.command()
@pass_host
def choose(host: Host) -> None:
    """Ask which provider and model to use."""
    providers = _sorted(host)
    _print_providers(host, _current(host), numbered=True)
    number = click.prompt("\nProvider (number; Ctrl+C leaves it as it is)", type=click.IntRange(1, len(providers)))
    chosen = providers[number - 1]
    name = click.prompt(
        "Model (empty: its default; ? lists them)", default=chosen.spec.default_model, show_default=True
    )
    while name.strip() == "?":
        _list_one(host, chosen, as_json=False)
        name = click.prompt("Model", default=chosen.spec.default_model, show_default=True)
    _choose(host, chosen, name.strip(), check=True)


def _choose(host: Host, chosen: Contribution[ProviderSpec], name: str, *, check: bool) -> None:
    if name and check:
        _check_model(host, chosen, name)
    host.config.set("model.provider", chosen.name)
    host.config.set("model.default", name or chosen.spec.default_model)
    named = name or chosen.spec.default_model
    click.echo(
        f"The next conversation uses {chosen.name}:{named}." if named else f"The next conversation uses {chosen.name}."
    )
    if _key_state(host, chosen) == "missing":
        click.echo(missing_key(chosen))


def _check_model(host: Host, chosen: Contribution[ProviderSpec], name: str) -> None:
    """Refuse a model that the provider says it does not have; where it cannot be asked, say so and go on."""
    if _key_state(host, chosen) == "missing":
        return
    try:
        offered = [info.id for info in _ask_models(host, chosen, _ANSWER_LIMIT)]
    except Unsupported:
        return
    except (ProviderError, TimeoutError) as error:
        reason = one_line(str(error)) or "no answer in time"
        click.echo(f"Not checked whether {chosen.name} has {name!r}: {reason}", err=True)
        return
    if offered and name not in offered:
        near = near_names(name, offered)
        raise NotFound(
            f"{chosen.name} has no model {name!r}.",
            remedy=f"Did you mean {near}?"
            if near
            else f"`hermes model list {chosen.name}` shows its models; --force skips this.",
        )


def _list_one(host: Host, chosen: Contribution[ProviderSpec], as_json: bool) -> None:
    try:
        offered = _ask_models(host, chosen, None)
    except HermesError as error:
        if _key_state(host, chosen) == "missing":
            raise type(error)(f"{chosen.name} cannot be asked: {error.message}", remedy=missing_key(chosen)) from error
        raise
    if as_json:
        print_json([{name: getattr(info, name) for name in ModelInfo.__struct_fields__} for info in offered])
        return
    rows = [(info.id, f"{info.context:,}" if info.context else "", info.name) for info in offered]
    print_table(("model", "context", "name"), rows)


def _ask_models(host: Host, chosen: Contribution[ProviderSpec], limit: float | None) -> Sequence[ModelInfo]:
    async def ask() -> Sequence[ModelInfo]:
        try:
            async with asyncio.timeout(limit):
                provider = await host.part(chosen)
                offered: Sequence[ModelInfo] = await provider.models()
                return offered
        finally:
            await host.aclose()

    return asyncio.run(ask())


def _sorted(host: Host) -> list[Contribution[ProviderSpec]]:
    """Usable providers first, then by name."""
    return sorted(host.providers, key=lambda item: (_key_state(host, item) == "missing", item.name))


def _print_providers(host: Host, current: str, *, numbered: bool = False) -> None:
    rows = [
        (
            *((str(number),) if numbered else ()),
            f"{item.name} *" if item.name == current else item.name,
            _key_state(host, item),
            item.spec.default_model,
            item.spec.summary,
        )
        for number, item in enumerate(_sorted(host), 1)
    ]
    if not rows:
        raise NotFound("No provider is installed.", remedy="Try `pip install 'hermes-host[standard]'`.")
    print_table((*(("",) if numbered else ()), "provider", "key", "default model", "summary"), rows)


def _provider_object(host: Host, item: Contribution[ProviderSpec], current: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "summary": item.spec.summary,
        "plugin": item.plugin,
        "aliases": list(item.spec.aliases),
        "default_model": item.spec.default_model,
        "key": _key_state(host, item),
        "secrets": list(item.spec.secrets),
        "url": item.spec.url,
        "current": item.name == current,
    }


def _current(host: Host) -> str:
    try:
        return host.resolve_model()[0].name
    except NotFound:
        return ""


def _key_state(host: Host, item: Contribution[ProviderSpec]) -> str:
    """`set`, `missing`, or `not needed`."""
    if not item.spec.secrets:
        return "not needed"
    settings = host.config.section("model")
    if settings.api_key and settings.provider in (item.name, *item.spec.aliases):
        return "set"
    return "set" if any(host.secrets.get(name) for name in item.spec.secrets) else "missing"


def missing_key(item: Contribution[ProviderSpec]) -> str:
    """What to do about the missing key of a provider: which variable, and where to get one."""
    declared: dict[str, SecretSpec] = {
        secret.name: secret for secret in (item.record.info.secrets if item.record.info else ())
    }
    name = item.spec.secrets[0]
    url = item.spec.url or (declared[name].url if name in declared else "")
    where = f" Get one at {url}." if url else ""
    return f"Its key is missing.{where} Set it with `hermes config set {name}`, or in the environment."
