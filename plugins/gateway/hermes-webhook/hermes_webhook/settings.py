"""The section `webhook`, and the routes that `hermes webhook subscribe` adds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_host.config import Secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NAME", "Route", "Routes", "Target", "WebhookSettings", "dump_routes", "routes_file"]

log = logging.getLogger(__name__)

NAME = r"[a-z0-9][a-z0-9_-]{0,63}"

Scheme = Literal["auto", "github", "gitlab", "standard", "timestamped", "plain"]


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One webhook."""

    secret: Annotated[Secret, Meta(description="What signs it; best ${NAME}. Without one WEBHOOK_SECRET counts.")] = (
        Secret()
    )
    scheme: Annotated[
        Scheme,
        Meta(
            description="How it is signed: `github`, `gitlab` (a token), `standard` (Standard Webhooks), `timestamped` "
            "(X-Webhook-Timestamp and X-Webhook-Signature), `plain` (X-Webhook-Signature over the body alone: no guard "
            "against repetition), `auto` for whichever but plain its headers show."
        ),
    ] = "auto"
    events: Annotated[list[str], Meta(description="The events that count; empty: all.")] = []
    prompt: Annotated[str, Meta(description="What the agent is told, with {dotted.paths} into what came.")] = ""
    toolsets: Annotated[
        list[str] | None,
        Meta(description="The toolsets of its turns; unset: tools that only ask or read from the network."),
    ] = None
    deliver: Annotated[
        str, Meta(description="Where the answer goes: an address, a platform (its home), or `log` for nowhere.")
    ] = "log"
    description: Annotated[str, Meta(description="For listings.")] = ""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An address of yours to which messages are posted: `webhook:NAME`."""

    url: Annotated[str, Meta(description="Where to post.")] = ""
    secret: Annotated[Secret, Meta(description="Signs what is posted, as Standard Webhooks.")] = Secret()


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks in and out."""

    routes: Annotated[dict[str, Route], Meta(description="Webhooks by name: POST /webhooks/NAME.")] = {}
    targets: Annotated[dict[str, Target], Meta(description="Addresses that messages can be posted to.")] = {}
    rate_limit: Annotated[int, Meta(description="Signed requests a minute for each webhook.", ge=1)] = 30
    unsigned_limit: Annotated[int, Meta(description="Wrong requests a minute for each address.", ge=1)] = 60
    max_body_bytes: Annotated[int, Meta(description="The largest body.", ge=1)] = 1_048_576
    window_seconds: Annotated[float, Meta(description="How old a timestamp may be.", gt=0)] = 300.0


def routes_file(home: Path) -> Path:
    """Where `hermes webhook subscribe` keeps its routes."""
    return home / "webhook_subscriptions.json"


class Routes:
    """All routes: those of the configuration, then those of the file, read again when it changed."""

    def __init__(self, settings: WebhookSettings, home: Path) -> None:
        self._settings = settings
        self._path = routes_file(home)
        self._seen: tuple[int, int] = (0, 0)
        self._added: dict[str, Route] = {}

    def get(self, name: str) -> Route | None:
        """The route of that name."""
        return self._settings.routes.get(name) or self._read().get(name)

    def all(self) -> dict[str, Route]:
        """All of them, by name."""
        return {**self._read(), **self._settings.routes}

    def _read(self) -> dict[str, Route]:
        try:
            facts = self._path.stat()
        except OSError:
            return {}
        if (facts.st_mtime_ns, facts.st_size) != self._seen:
            self._seen = (facts.st_mtime_ns, facts.st_size)
            self._added = _decoded(self._path)
        return self._added


def _decoded(path: Path) -> dict[str, Route]:
    """The usable routes of the file; one that is wrong is left out, and said."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return {}
    routes = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        try:
            routes[name] = msgspec.convert(value, Route, dec_hook=_secret)
        except msgspec.ValidationError as error:
            log.warning("%s: the webhook %r is left out: %s", path.name, name, error)
    return routes


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError


def dump_routes(routes: dict[str, Route]) -> bytes:
    """The file's text for these routes, with their secrets."""
    plain = {}
    for name, route in routes.items():
        plain[name] = {
            field: getattr(route, field)
            for field in route.__struct_fields__
            if field != "secret" and getattr(route, field) not in ("", [], None)
        }
        plain[name]["secret"] = route.secret.reveal()
    return msgspec.json.format(msgspec.json.encode(plain), indent=2)
