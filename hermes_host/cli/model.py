"""`hermes model`: which provider and which model conversations use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json
from hermes_host.cli.picker_facts import ANSWER_LIMIT, Known, Offered, ask, find_catalog, known, reason
from hermes_host.cli.picker_providers import current_model, key_state, missing_key, near_provider
from hermes_host.cli.picker_tables import facts_lines, list_all, list_one, list_providers, print_providers
from hermes_host.errors import NotFound, ProviderError, Unsupported
from hermes_host.models import split_reference
from hermes_host.protocols import ModelInfo
from hermes_host.registry import Contribution, near_names
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.specs import ProviderSpec

__all__ = ["missing_key", "model"]

_INTERRUPTED = 130


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  hermes model                     choose from lists\n  hermes model set acme:large-1",
)
@click.pass_context
def model(ctx: click.Context) -> None:
    """Choose provider and model. Without a terminal: list the providers."""
    if ctx.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        ctx.invoke(choose)
    else:
        ctx.invoke(list_models, words=(), everything=False, timeout=ANSWER_LIMIT, as_json=False)


# ------------------------------------------------------------------------------------------------------------ show


@model.command("show", epilog="\b\nExamples:\n  hermes model show\n  hermes model show acme:large-1 --json")
@click.argument("reference", metavar="[MODEL]", default="")
@json_option
@pass_host
def show(host: Host, reference: str, as_json: bool) -> None:
    """Show what the next conversation would use and where that was set, or what is known of MODEL."""
    if reference:
        _refuse_slip(host, reference)
    chosen, name = host.resolve_model(reference)
    found = run_async(host, lambda: _look_up(host, chosen.name, name))
    facts: dict[str, Any] = {"provider": chosen.name, "model": name}
    if not reference:
        facts["origin"] = _origin(host)
    facts["key"] = key_state(host, chosen)
    if found is not None and found.facts is not None:
        facts["facts"] = found.as_object()
    if as_json:
        print_json(facts)
        return
    click.echo(one_line(f"{chosen.name}:{name}", 0) if name else f"{chosen.name} (its only model)")
    click.echo((f"set by: {facts['origin']} · " if "origin" in facts else "") + f"key: {facts['key']}")
    for line in facts_lines(found):
        click.echo(line)


async def _look_up(host: Host, provider: str, name: str) -> Known | None:
    return known(await find_catalog(host), provider, ModelInfo(id=name)) if name else None


def _origin(host: Host) -> str:
    """Where the choice was made; `default` where nobody chose."""
    for path in ("model.provider", "model.default"):
        if host.config.get(path):
            return host.config.origin(path)
    return "default"


# ------------------------------------------------------------------------------------------------------------ list


@model.command(
    "list",
    epilog="\b\nExamples:\n"
    "  hermes model list                providers\n"
    "  hermes model list acme           the models of one\n"
    "  hermes model list acme large     those of them with this word\n"
    "  hermes model list --all          the models of all that can be asked",
)
@click.argument("words", nargs=-1, metavar="[PROVIDER] [WORD]...")
@click.option("--all", "everything", is_flag=True, help="Ask all providers with a key, or that need none, at once.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=ANSWER_LIMIT,
    show_default=True,
    help="Seconds a provider may take to answer.",
)
@json_option
@pass_host
def list_models(host: Host, words: tuple[str, ...], everything: bool, timeout: float, as_json: bool) -> None:
    """List the providers, or the models of one PROVIDER or of all, filtered by WORDs."""
    if everything:
        list_all(host, words, timeout, as_json)
    elif words:
        list_one(host, host.providers.get(words[0]), words[1:], timeout, as_json)
    else:
        list_providers(host, as_json)


# ---------------------------------------------------------------------------------------------------------- choose


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
        if not force:
            _refuse_slip(host, reference)
        provider = current_model(host)[0]
        if not provider:
            host.providers.get(reference.partition(":")[0])  # says which there are
    chosen = host.providers.get(provider)
    found = run_async(host, lambda: _checked(host, chosen, name, ask_it=not force))
    _save(host, chosen, name)
    _tell(host, chosen, name, found)


def _refuse_slip(host: Host, reference: str) -> None:
    """A slip in a provider's name must not become the name of a model of the present provider."""
    prefix, colon, rest = reference.partition(":")
    near = near_provider(host, prefix)
    if near and split_reference(host, reference)[0] == "" and reference not in host.providers:
        raise NotFound(
            f"There is no provider {prefix!r}.",
            remedy=f"Did you mean {near + colon + rest!r}? If it is a model's name, put its provider before it.",
        )


async def _checked(host: Host, chosen: Contribution[ProviderSpec], name: str, *, ask_it: bool) -> Known | None:
    """What is known of the model, after refusing one that the provider says it does not have."""
    if name and ask_it and key_state(host, chosen) != "missing":
        _refuse_unlisted(host, await ask(host, chosen), name)
    return await _look_up(host, chosen.name, name)


def _refuse_unlisted(host: Host, offered: Offered, name: str) -> None:
    chosen, error = offered.provider, offered.error
    if isinstance(error, Unsupported):
        return
    if error is not None:
        if not isinstance(error, ProviderError):
            raise error
        click.echo(f"Not checked whether {chosen.name} has {name!r}: {reason(host, offered)}", err=True)
        return
    names = [info.id for info in offered.models]
    if names and name not in names:
        near = near_names(name, names)
        raise NotFound(
            f"{chosen.name} has no model {name!r}.",
            remedy=f"Did you mean {near}?"
            if near
            else f"`hermes model list {chosen.name}` shows its models; --force skips this.",
        )


@click.command()
@pass_host
@click.pass_context
def choose(ctx: click.Context, host: Host) -> None:
    """Ask which provider and model to use."""
    from hermes_host.cli.picker_terminal import Left
    from hermes_host.cli.screen import can_draw

    if not can_draw(sys.stdout):
        _choose_plainly(host)
        return
    from hermes_host.cli.picker_flow import choose_model

    try:
        selection = run_async(host, lambda: choose_model(host))
    except Left as left:
        _tell_unchanged(host)
        ctx.exit(left.code)
    if selection is None:
        _tell_unchanged(host)
        return
    if selection.endpoint is not None:
        from hermes_host.cli.picker_endpoint import save_endpoint

        save_endpoint(host, selection.endpoint)
    _save(host, selection.provider, selection.model)
    _tell(host, selection.provider, selection.model, selection.unlisted)


def _choose_plainly(host: Host) -> None:
    from hermes_host.cli.picker_plain import choose_plainly

    chosen, name = choose_plainly(
        host,
        lambda: print_providers(host, current_model(host)[0], numbered=True),
        lambda provider: list_one(host, provider, (), ANSWER_LIMIT, as_json=False),
    )
    found = run_async(host, lambda: _checked(host, chosen, name, ask_it=True))
    _save(host, chosen, name)
    _tell(host, chosen, name, found)


def _save(host: Host, chosen: Contribution[ProviderSpec], name: str) -> None:
    name = name or chosen.spec.default_model
    # A model called `acme:7b` begins with the name of another provider: then only the whole reference is clear.
    ambiguous = split_reference(host, name)[0] not in ("", chosen.name)
    host.config.set("model.provider", chosen.name)
    host.config.set("model.default", f"{chosen.name}:{name}" if ambiguous else name)


def _tell(host: Host, chosen: Contribution[ProviderSpec], name: str, found: Known | None) -> None:
    named = name or chosen.spec.default_model
    reference = f"{chosen.name}:{named}" if named else chosen.name
    click.echo(f"The next conversation uses {one_line(reference, 0)}.")
    if found is not None and found.assumed:
        click.echo(f"Nobody knows this model. Assumed: {found.assumptions}.")
    if key_state(host, chosen) == "missing":
        click.echo(missing_key(chosen))
    for path in ("model.provider", "model.default"):
        if host.config.origin(path) not in ("default", "file"):
            click.echo(f"But {host.config.where(path)} sets {path} at present, and wins.", err=True)


def _tell_unchanged(host: Host) -> None:
    provider, name = current_model(host)
    now = f"{provider}:{name}" if name else provider
    click.echo(f"Nothing was changed; the model is {one_line(now, 0)}." if now else "Nothing was changed.")
