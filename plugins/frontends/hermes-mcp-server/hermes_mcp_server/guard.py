"""Who may reach the HTTP endpoint: checked before anything is read of a request."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SHORTEST_TOKEN", "Guard"]

SHORTEST_TOKEN = 16
"""Characters a token must have."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """An ASGI application around another: Host, then Origin, then the bearer token.

    Host and Origin are checked because a web page can have a browser send requests here under a name of its own; the
    token because anybody on this machine can connect.
    """

    def __init__(self, app: Any, *, token: str, hosts: Iterable[str], origins: Iterable[str]) -> None:
        """`hosts` are names without ports that are used besides those of the loopback interface."""
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower() for host in (*_LOOPBACK, *hosts))
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        refusal = self._refusal(_values(headers, b"host"), _values(headers, b"origin"))
        if refusal is None and not self._authorised(_values(headers, b"authorization")):
            refusal = PlainTextResponse(
                "A bearer token is needed.", status_code=401, headers={"WWW-Authenticate": 'Bearer realm="hermes-host"'}
            )
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, hosts: list[str], origins: list[str]) -> Any:
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return PlainTextResponse("This Host is not served here.", status_code=421)
        if any(not self._may_come_from(origin) for origin in origins):
            return PlainTextResponse("This Origin may not call.", status_code=403)
        return None

    def _may_come_from(self, origin: str) -> bool:
        if origin.lower() in self._origins:
            return True
        split = urlsplit(origin)
        return split.scheme == "http" and (split.hostname or "") in _LOOPBACK

    def _authorised(self, given: list[str]) -> bool:
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return hmac.compare_digest(token.strip().encode(), self._token) and scheme.lower() == "bearer"


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
