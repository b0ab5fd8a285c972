"""`hermes catalog`: what is known of models, and fetching what vendors say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from hermes_catalog.catalog import ModelCatalog
from hermes_catalog.facts import as_object
from hermes_catalog.rows import price_text, rows, tokens_text
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import HermesError, NotFound, Unsupported
from hermes_host.services import Catalog
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_catalog.facts import PricedFacts
    from hermes_host.host import Host

__all__ = ["catalog"]


@click.group(epilog="Example: hermes catalog show anthropic:claude-sonnet-5-5")
def catalog() -> None:
    """Show what models can do and cost."""


@catalog.command(
    "show",
    epilog="\b\nExamples:\n  hermes catalog show openai:gpt-5\n  hermes catalog show    the configured model",
)
@click.argument("model", metavar="[PROVIDER:MODEL]", default="")
@json_option
@pass_host
def show(host: Host, model: str, as_json: bool) -> None:
    """Show everything known of one model, and where it is from."""

    async def look() -> PricedFacts:
        known = await _catalog(host)
        prefix, _, name = model.partition(":")
        if name and prefix not in host.providers and prefix in known.snapshot.providers():
            return known.facts(prefix, name)
        if model and prefix not in host.providers:
            return known.facts(_configured_provider(host), model)
        chosen, name = host.resolve_model(model)
        return known.facts(chosen.name, name)

    facts = run_async(host, look)
    if as_json:
        print_json(as_object(facts))
        return
    click.echo(f"{facts.provider}:{facts.model}{f' ({facts.name})' if facts.name else ''}")
    for label, value in _lines(facts):
        click.echo(f"  {label}: {value}")


@catalog.command(
    "list",
    epilog="\b\nExamples:\n  hermes catalog list anthropic\n  hermes catalog list --search 'flash lite' --json",
)
@click.argument("provider", default="")
@click.option("--search", default="", metavar="WORDS", help="Only models that match, best first.")
@json_option
@pass_host
def list_models(host: Host, provider: str, search: str, as_json: bool) -> None:
    """List the known models of all providers, or of one PROVIDER."""

    async def look() -> Sequence[PricedFacts]:
        name = host.providers.get(provider).name if provider in host.providers else provider
        return (await _catalog(host)).models(name)

    found = run_async(host, look)
    shown = rows(found, search)
    if as_json:
        by_reference = {f"{facts.provider}:{facts.model}": facts for facts in found}
        print_json([as_object(by_reference[row.reference]) for row in shown])
        return
    if not shown:
        raise NotFound(
            f"No model of {provider or 'any provider'} {f'matches {search!r}' if search else 'is in the catalog'}.",
            remedy=f"`hermes catalog update {provider}` asks the provider." if provider else "",
        )
    print_table(
        ("model", "context", "$ per M in/out", "name"), [(r.reference, r.context, r.price, r.name) for r in shown]
    )


@catalog.command("update", epilog="\b\nExamples:\n  hermes catalog update\n  hermes catalog update openrouter ollama")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
@pass_host
def update(host: Host, providers: tuple[str, ...]) -> None:
    """Ask providers which models they have, and remember it.

    Without PROVIDER, all are asked that have a key, and the configured one.
    """

    async def ask_all() -> Sequence[bool]:
        known = await _catalog(host)
        names = [host.providers.get(name).name for name in providers] or _usable(host)
        if not names:
            raise NotFound("No provider has a key.", remedy="`hermes model list` says which keys are missing.")
        return await asyncio.gather(*(_ask(known, name) for name in names))

    answered = run_async(host, ask_all)
    if not all(answered) and (providers or not any(answered)):
        raise click.exceptions.Exit(1)


async def _ask(known: ModelCatalog, provider: str) -> bool:
    try:
        number = await known.refresh(provider)
    except Unsupported:
        click.echo(f"{provider}: it cannot say which models it has")
        return True
    except (HermesError, TimeoutError, OSError) as error:
        click.echo(f"{provider}: {one_line(str(error), 0) or 'no answer in time'}", err=True)
        return False
    click.echo(f"{provider}: {count(number, 'model')}")
    return True


def _usable(host: Host) -> Sequence[str]:
    names = [item.name for item in host.providers if any(map(host.secrets.get, item.spec.secrets))]
    return list(dict.fromkeys([*names, *filter(None, [_configured_provider(host)])]))


def _configured_provider(host: Host) -> str:
    try:
        return host.resolve_model()[0].name
    except NotFound:
        return ""


async def _catalog(host: Host) -> ModelCatalog:
    found: Any = await host.services.get(Catalog)
    if not isinstance(found, ModelCatalog):
        raise Unsupported("Another plugin offers the service Catalog, so hermes-catalog is not in use.")
    return found


def _lines(facts: PricedFacts) -> Sequence[tuple[str, str]]:
    prices = price_text(facts)
    cache = [
        f"{word} ${price:g}"
        for word, price in (("read", facts.cached_price), ("write", facts.cache_write_price))
        if price is not None
    ]
    long = ""
    if facts.long_above and facts.long_input_price is not None and facts.long_output_price is not None:
        long = f"${facts.long_input_price:g}/${facts.long_output_price:g} above {facts.long_above:,} prompt tokens"
    lines = [
        ("context", f"{facts.context:,} tokens ({tokens_text(facts.context)})"),
        ("output at most", f"{facts.max_output:,} tokens" if facts.max_output else "unknown"),
        ("price", f"{prices} per million tokens in/out" if prices not in ("", "free") else prices or "unknown"),
        ("cache", ", ".join(cache) if cache and prices != "free" else ""),
        ("long prompts", long),
        ("reads", ", ".join(sorted(facts.inputs))),
        ("thinks", "yes" if facts.reasoning else "no"),
        ("tools", "yes" if facts.tools else "no"),
        (
            "source",
            facts.source + (f"; prices: {facts.price_source}" if facts.price_source not in ("", facts.source) else ""),
        ),
    ]
    return [(label, value) for label, value in lines if value]
