"""`hermes api`: keys, and how the API fares."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from hermes_api.keys import SCOPES, Keys, main_key
from hermes_api.settings import ApiSettings
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["api"]


@click.group(invoke_without_command=True, epilog="Example: hermes api key create phone")
@click.pass_context
def api(ctx: click.Context) -> None:
    """The agent behind an OpenAI-compatible API. Without a command: how it fares."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(status, as_json=False)


@api.command(epilog="Example: hermes api status --json")
@json_option
@pass_host
def status(host: Host, as_json: bool) -> None:
    """Where it is served, as what, and for how many keys."""
    from hermes_gateway.process import snapshot

    context = host.context("api")
    settings = context.section(ApiSettings)
    try:
        main, problem = bool(main_key(context)), ""
    except ConfigError as error:
        main, problem = False, str(error)
    gateway = snapshot(host.home)
    part: dict[str, Any] = next((part for part in gateway.get("parts", ()) if part["name"] == "api"), {})
    address = gateway.get("address", "") if gateway["running"] else ""
    found: dict[str, Any] = {
        "running": bool(gateway["running"] and part.get("state") == "running"),
        "gateway": gateway["state"],
        "url": f"{address}/v1" if address else "",
        "model": settings.model_name,
        "keys": len(Keys(context.state_directory).list()) + main,
        "problem": problem or part.get("detail", ""),
    }
    if as_json:
        print_json(found)
        return
    if found["running"]:
        keys = count(found["keys"], "key")
        click.echo(f"The API answers at {found['url']} as the model {found['model']!r}, for {keys}.")
    elif not found["keys"]:
        click.echo(problem or "The API is off: it has no key. `hermes api key create NAME`")
    else:
        click.echo(f"The API is not served: the gateway is {found['gateway']}. {found['problem']}".rstrip())


@api.group(epilog="Example: hermes api key list")
def key() -> None:
    """Keys of clients."""


@key.command(
    epilog="\b\nExamples:\n  hermes api key create phone\n  hermes api key create script --scopes chat,sessions"
)
@click.argument("name")
@click.option("--scopes", default="chat,sessions", show_default=True, metavar="LIST", help=f"Of {', '.join(SCOPES)}.")
@json_option
@pass_host
def create(host: Host, name: str, scopes: str, as_json: bool) -> None:
    """Make the key NAME. It is shown once; only its hash is kept.

    `chat`: completions and responses. `sessions`: the conversations made with the same key. `approvals`: to be asked
    for consent to tool calls, and to give it. `all`: everything, with the owner's own rights.
    """
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    made, plain = Keys(host.context("api").state_directory).create(name, wanted)
    if as_json:
        print_json({"id": made.id, "name": made.name, "scopes": made.scopes, "key": plain})
        return
    click.echo(plain)
    click.echo(
        f"It is shown only now. Scopes: {', '.join(made.scopes)}. It counts at once where the API is served already; "
        "else `hermes gateway restart`.",
        err=True,
    )


@key.command("list", epilog="Example: hermes api key list --json")
@json_option
@pass_host
def list_keys(host: Host, as_json: bool) -> None:
    """List the keys, without themselves."""
    keys = Keys(host.context("api").state_directory).list()
    if as_json:
        print_json([{"id": k.id, "name": k.name, "scopes": k.scopes, "created": k.created} for k in keys])
    elif not keys:
        click.echo("There are no named keys: `hermes api key create NAME`.")
    else:
        rows = [
            (k.name, k.id, ", ".join(k.scopes), time.strftime("%Y-%m-%d %H:%M", time.localtime(k.created)))
            for k in keys
        ]
        print_table(("name", "id", "scopes", "made"), rows)


@key.command(epilog="Example: hermes api key revoke phone")
@click.argument("name")
@pass_host
def revoke(host: Host, name: str) -> None:
    """Remove the key of that NAME, or id. It is good for nothing from now on."""
    gone = Keys(host.context("api").state_directory).revoke(name)
    click.echo(f"Revoked {gone.name}.")
