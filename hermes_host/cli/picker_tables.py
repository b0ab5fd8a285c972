"""Providers and models as tables, and what is known of one model in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import run_async
from hermes_host.cli.listing import print_json, print_table
from hermes_host.cli.picker_facts import Known, Offered, ask, ask_all, find_catalog, known, offered_by_catalog, reason
from hermes_host.cli.picker_providers import current_model, key_state, missing_key, sorted_providers
from hermes_host.errors import NotFound
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec

__all__ = ["facts_lines", "list_all", "list_one", "list_providers", "print_providers"]


def list_providers(host: Host, as_json: bool) -> None:
    """Print the providers and whether they have a key."""
    current = current_model(host)[0]
    if as_json:
        print_json(
            [_provider_object(host, item, current) for item in (sorted_providers(host) if host.providers else ())]
        )
        return
    print_providers(host, current)
    click.echo("\nhermes model list PROVIDER shows its models, hermes model set PROVIDER:MODEL chooses one.")


def list_one(
    host: Host, chosen: Contribution[ProviderSpec], words: Sequence[str], timeout: float, as_json: bool
) -> None:
    """Ask one provider and print its models; where it cannot be asked, those that the catalogue knows."""

    async def look() -> tuple[Offered, list[Known]]:
        catalog = await find_catalog(host)
        offered = await ask(host, chosen, timeout)
        infos = offered.models if offered.error is None else offered_by_catalog(catalog, chosen.name)
        return offered, [known(catalog, chosen.name, info) for info in infos]

    offered, found = run_async(host, look)
    if offered.error is not None:
        missing = key_state(host, chosen) == "missing"
        if not found:
            remedy = missing_key(chosen) if missing else offered.error.remedy
            said = offered.error.message
            raise type(offered.error)(f"{chosen.name} cannot be asked: {said}", remedy=remedy) from offered.error
        why = "it has no key" if missing else reason(host, offered)
        click.echo(f"{chosen.name} was not asked, {why}: these are the models the catalogue knows.", err=True)
    print_models(_filtered(found, words), as_json, with_provider=False)


def list_all(host: Host, words: Sequence[str], timeout: float, as_json: bool) -> None:
    """Ask every provider that can be asked, at the same time; one line on standard error for each that failed."""
    askable = [item for item in sorted_providers(host) if key_state(host, item) != "missing"]

    async def look() -> tuple[Sequence[Offered], list[Known]]:
        catalog = await find_catalog(host)
        answers = await ask_all(host, askable, timeout)
        return answers, [known(catalog, offered.provider.name, info) for offered in answers for info in offered.models]

    answers, found = run_async(host, look)
    failed = [offered for offered in answers if offered.error is not None]
    for offered in failed:
        click.echo(f"{offered.provider.name}: {reason(host, offered)}", err=True)
    without = sorted(item.name for item in host.providers if key_state(host, item) == "missing")
    if without:
        click.echo(f"Not asked, without a key: {', '.join(without)}.", err=True)
    if not found and len(failed) == len(answers):
        raise NotFound("No provider could be asked.", remedy="`hermes model` sets one up.")
    print_models(_filtered(found, words), as_json, with_provider=True)


def _filtered(found: list[Known], words: Sequence[str]) -> list[Known]:
    from hermes_host.cli.picker_filter import Filter

    query = " ".join(words)
    return [found[index] for index in Filter(f"{one.model} {one.name}" for one in found).matches(query)]


def print_models(found: Sequence[Known], as_json: bool, *, with_provider: bool) -> None:
    if as_json:
        print_json([one.as_object() for one in found])
        return
    if not found:
        raise NotFound("No model matches.", remedy="With fewer words there may be some.")
    priced = any(one.price_text for one in found)
    rows = [
        (
            f"{one.provider}:{one.model}" if with_provider else one.model,
            one.context_text,
            *((one.price_text,) if priced else ()),
            one.name,
        )
        for one in found
    ]
    print_table(("model", "context", *(("in / out per M",) if priced else ()), "name"), rows)
    if any(one.assumed for one in found):
        click.echo("\n? is assumed: nobody told this context.")


def print_providers(host: Host, current: str, *, numbered: bool = False) -> None:
    """Print the table of providers. Raises `NotFound` where there is none."""
    rows = [
        (
            *((str(number),) if numbered else ()),
            f"{item.name} *" if item.name == current else item.name,
            key_state(host, item),
            item.spec.default_model,
            item.spec.summary,
        )
        for number, item in enumerate(sorted_providers(host), 1)
    ]
    print_table((*(("",) if numbered else ()), "provider", "key", "default model", "summary"), rows)


def _provider_object(host: Host, item: Contribution[ProviderSpec], current: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "summary": item.spec.summary,
        "plugin": item.plugin,
        "aliases": list(item.spec.aliases),
        "default_model": item.spec.default_model,
        "key": key_state(host, item),
        "secrets": list(item.spec.secrets),
        "url": item.spec.url,
        "current": item.name == current,
    }


def facts_lines(found: Known | None) -> list[str]:
    """What is known of one model, and from where; stated assumptions where nobody knows it."""
    if found is None:
        return []
    if found.facts is None:
        return ["Nothing more is known: no catalogue of models is installed."]
    if found.assumed:
        return [f"Nobody knows this model. Assumed: {found.assumptions}."]
    facts = found.facts
    parts = [
        *([f"context {found.context:,} tokens"] if found.context else []),
        *([f"output at most {found.max_output:,}"] if found.max_output else []),
        f"{found.price_text} per million tokens in / out" if found.price_text else "price unknown",
        "takes " + ", ".join(sorted(facts.inputs, key=lambda kind: (kind != "text", kind))),
        *(["thinks"] if facts.reasoning else []),
        *([] if facts.tools else ["cannot use tools"]),
    ]
    return [*([one_line(found.name)] if found.name else []), " · ".join(parts), f"from: {one_line(found.origin)}"]
