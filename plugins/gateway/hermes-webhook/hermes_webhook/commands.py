"""`hermes webhook`: add, list, test and remove webhooks."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
import time
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.config import Secret
from hermes_host.config.files import write_private
from hermes_host.errors import BadRequest, HermesError, NotFound
from hermes_webhook.settings import NAME, Route, Routes, WebhookSettings, dump_routes, routes_file

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["webhook"]


@click.group(invoke_without_command=True, epilog="Example: hermes webhook subscribe deploys --deliver telegram")
@click.pass_context
def webhook(ctx: click.Context) -> None:
    """Have other programs start turns: POST /webhooks/NAME, signed."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_webhooks, as_json=False)


@webhook.command(
    epilog="\b\nExamples:\n  hermes webhook subscribe deploys --prompt 'Deployed: {repo.name}' --deliver telegram\n"
    "  hermes webhook subscribe reviews --scheme github --events pull_request"
)
@click.argument("name")
@click.option("--prompt", default="", help="What the agent is told, with {dotted.paths} into what comes.")
@click.option("--events", default="", metavar="LIST", help="The events that count, with commas; all without.")
@click.option(
    "--scheme",
    default="auto",
    type=click.Choice(["auto", "github", "gitlab", "standard", "timestamped", "plain"]),
    help="How it is signed.",
)
@click.option("--deliver", default="log", metavar="ADDRESS", help="Where answers go: an address, a platform, or log.")
@click.option("--toolsets", default=None, metavar="LIST", help="The toolsets of its turns, with commas.")
@click.option("--description", default="", help="For listings.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input instead of making one.")
@json_option
@pass_host
def subscribe(
    host: Host,
    name: str,
    prompt: str,
    events: str,
    scheme: str,
    deliver: str,
    toolsets: str | None,
    description: str,
    secret_stdin: bool,
    as_json: bool,
) -> None:
    """Add the webhook NAME, or change it. Prints its address and, once, its secret."""
    if not re.fullmatch(NAME, name):
        raise BadRequest(f"{name!r} cannot be the name of a webhook.", remedy="Small letters, digits, - and _.")
    settings, routes = _added(host)
    if name in settings.routes:
        raise BadRequest(f"{name!r} stands in config.yaml already.", remedy="Change it there: webhook.routes.")
    given = sys.stdin.readline().strip() if secret_stdin else ""
    if secret_stdin and len(given) < 16:
        raise BadRequest("The secret needs 16 characters or more.")
    old = routes.get(name)
    secret = given or (old.secret.reveal() if old else "") or secrets.token_urlsafe(32)
    routes[name] = Route(
        secret=Secret(secret),
        scheme=scheme,  # type: ignore[arg-type]
        events=_words(events),
        prompt=prompt,
        toolsets=None if toolsets is None else _words(toolsets),
        deliver=deliver,
        description=description,
    )
    _write(host, routes)
    shown = secret if old is None and not given else ""
    if as_json:
        print_json({"name": name, "path": f"/webhooks/{name}", "url": _url(host, name), "secret": shown})
        return
    click.echo(f"POST {_url(host, name)}")
    if shown:
        click.echo(f"Secret (shown once): {shown}")
    click.echo("It counts at once where the gateway serves webhooks already; else `hermes gateway restart`.", err=True)


@webhook.command("list", epilog="Example: hermes webhook list --json")
@json_option
@pass_host
def list_webhooks(host: Host, as_json: bool) -> None:
    """List the webhooks. Secrets are not shown."""
    context = host.context("webhook")
    settings = context.section(WebhookSettings)
    routes = Routes(settings, host.home).all()
    rows = [
        {
            "name": name,
            "url": _url(host, name),
            "scheme": route.scheme,
            "events": route.events,
            "deliver": route.deliver,
            "signed": bool(route.secret or context.secret("WEBHOOK_SECRET")),
            "from": "config.yaml" if name in settings.routes else "subscribe",
            "description": route.description,
        }
        for name, route in sorted(routes.items())
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("There are no webhooks yet: `hermes webhook subscribe NAME`.")
    else:
        print_table(
            ("name", "url", "signed by", "events", "to"),
            [
                (
                    row["name"],
                    row["url"],
                    row["scheme"] if row["signed"] else "NO SECRET: refused",
                    ", ".join(route_events(row["events"])) or "all",
                    row["deliver"],
                )
                for row in rows
            ],
        )


@webhook.command(epilog="Example: hermes webhook remove deploys")
@click.argument("name")
@pass_host
def remove(host: Host, name: str) -> None:
    """Remove a webhook that was added by subscribe."""
    _, routes = _added(host)
    if name not in routes:
        raise NotFound(f"No webhook {name!r} was added.", remedy="`hermes webhook list` shows them.")
    del routes[name]
    _write(host, routes)
    click.echo(f"Removed {name}.")


@webhook.command(epilog='Example: hermes webhook test deploys --data \'{"status": "ok"}\'')
@click.argument("name")
@click.option("--data", default='{"test": true}', metavar="JSON", help="What to send.")
@click.option("--event", default="", help="Its event.")
@pass_host
def test(host: Host, name: str, data: str, event: str) -> None:
    """Send a signed test to the running gateway."""
    try:
        json.loads(data)
    except ValueError as error:
        raise BadRequest(f"--data is no JSON: {error}") from error
    context = host.context("webhook")
    route = Routes(context.section(WebhookSettings), host.home).get(name)
    if route is None:
        raise NotFound(f"There is no webhook {name!r}.", remedy="`hermes webhook list` shows them.")
    secret = route.secret.reveal() or context.secret("WEBHOOK_SECRET")
    status, said = asyncio.run(_send(_url(host, name), route.scheme, secret, data.encode(), event))
    click.echo(f"{status} {said}")
    sys.exit(0 if status < 300 else 1)


def route_events(events: object) -> list[str]:
    """The events of a row, for listings."""
    return [str(event) for event in events] if isinstance(events, list) else []


async def _send(url: str, scheme: str, secret: str, body: bytes, event: str) -> tuple[int, str]:
    from aiohttp import ClientError, ClientSession

    headers = {"Content-Type": "application/json", **_signed(scheme, secret, body)}
    if event:
        headers["X-GitHub-Event" if scheme == "github" else "X-Event-Type"] = event
    try:
        async with ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            return answer.status, (await answer.text())[:500]
    except ClientError as error:
        raise HermesError(f"The gateway does not answer: {error}.", remedy="`hermes gateway start`") from error


def _signed(scheme: str, secret: str, body: bytes) -> dict[str, str]:
    import hashlib
    import hmac

    from hermes_webhook.signatures import sign

    delivery, stamp = secrets.token_hex(16), str(int(time.time()))
    if scheme == "gitlab":
        return {"X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": delivery}
    if scheme in ("github", "plain", "timestamped"):
        signed = f"{stamp}.".encode() + body if scheme == "timestamped" else body
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return {
            "github": {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Delivery": delivery},
            "plain": {"X-Webhook-Signature": digest, "X-Request-ID": delivery},
            "timestamped": {
                "X-Webhook-Signature": digest,
                "X-Webhook-Timestamp": stamp,
                "X-Request-ID": delivery,
            },
        }[scheme]
    return sign(secret, delivery, body)


def _added(host: Host) -> tuple[WebhookSettings, dict[str, Route]]:
    settings = host.context("webhook").section(WebhookSettings)
    path = routes_file(host.home)
    routes = Routes(WebhookSettings(), host.home).all() if path.exists() else {}
    return settings, dict(routes)


def _write(host: Host, routes: dict[str, Route]) -> None:
    write_private(routes_file(host.home), dump_routes(routes).decode())


def _url(host: Host, name: str) -> str:
    from hermes_gateway.process import snapshot
    from hermes_gateway.server_settings import ServerSettings

    server = host.context("gateway").section(ServerSettings, "server")
    base = server.public_url or snapshot(host.home).get("address") or f"http://{server.listen}"
    return f"{base.rstrip('/')}/webhooks/{name}"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
