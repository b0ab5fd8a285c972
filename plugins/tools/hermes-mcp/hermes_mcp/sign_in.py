"""Signing in to a server with OAuth 2.1: dynamic registration, PKCE, tokens in a file of mode 0600.

Signing in is `hermes mcp auth NAME`, where somebody sits at this machine. A conversation uses and renews what is
stored; where a call needs a new sign-in, or more rights than were given, the person of that conversation is asked, a
few times at most. The redirect comes back to a port of the loopback interface that stays the same for a registration.
"""

from __future__ import annotations

import asyncio
import html
import os
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import ToolError
from hermes_host.visible import one_line
from hermes_mcp.names import file_name
from hermes_mcp.requests import SIGN_IN_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_mcp.requests import Requests
    from hermes_mcp.settings import ServerSettings

__all__ = ["Stored", "auth_for", "forget", "is_signed_in", "sign_in"]

_MOST = 2
"""Sign-ins within `_WHILE` that a server may bring about: more rights that never suffice must not go on for ever."""

_WHILE = 600.0


class Stored(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept for a server."""

    url: str = ""
    port: int = 0
    tokens: dict[str, Any] | None = None
    expires: float | None = None
    client: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    scope: str = ""
    """Rights the server asked for that were not given yet; the next sign-in asks for them as well."""
    asked: list[float] = []
    """When conversations were asked for a sign-in."""


class _Storage:
    """The SDK's token storage over one file."""

    def __init__(self, path: Path, settings: ServerSettings) -> None:
        url = settings.url
        self.path = path
        self._registered = settings.oauth
        self.stored = _load(path)
        if self.stored.url != url:
            # Tokens are for the server they were given by, and for no other.
            self.stored = Stored(url=url, port=settings.oauth.port)
        self.provider: Any = None

    async def get_tokens(self) -> Any:
        from mcp.shared.auth import OAuthToken

        return OAuthToken.model_validate(self.stored.tokens) if self.stored.tokens else None

    async def set_tokens(self, tokens: Any) -> None:
        self.stored.tokens = _plain(tokens)
        self.stored.expires = time.time() + tokens.expires_in if tokens.expires_in else None
        granted = set((tokens.scope or "").split())
        self.stored.scope = " ".join(right for right in self.stored.scope.split() if right not in granted)
        if self.provider is not None and self.provider.context.oauth_metadata is not None:
            self.stored.metadata = _plain(self.provider.context.oauth_metadata)
        self.save()

    async def get_client_info(self) -> Any:
        from mcp.shared.auth import OAuthClientInformationFull

        if self._registered.client_id:
            secret = self._registered.client_secret or None
            method = "client_secret_basic" if secret else "none"
            return OAuthClientInformationFull(
                client_id=self._registered.client_id, client_secret=secret, token_endpoint_auth_method=method
            )
        return OAuthClientInformationFull.model_validate(self.stored.client) if self.stored.client else None

    async def set_client_info(self, client_info: Any) -> None:
        self.stored.client = _plain(client_info)
        self.save()

    def save(self) -> None:
        private_directory(self.path.parent)
        temporary = self.path.with_name(f".{self.path.name}-{secrets.token_hex(4)}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self.stored))
        temporary.replace(self.path)


def auth_for(context: PluginContext, name: str, settings: ServerSettings, requests: Requests | None = None) -> Any:
    """What signs the messages of a connection; None where the server needs no sign-in.

    `requests` knows the running call, and so who can be asked.
    """
    if settings.auth != "oauth":
        return None
    storage = _Storage(_path(context, name), settings)
    during = _DuringCall(name, storage, requests)
    return _provider(settings, storage, during.redirect, during.result)


class _DuringCall:
    """A sign-in that a server asks for while a conversation works with it."""

    def __init__(self, name: str, storage: _Storage, requests: Requests | None) -> None:
        self._name = name
        self._storage = storage
        self._requests = requests
        self._address = ""

    async def redirect(self, address: str) -> None:
        """Whether anybody is asked is decided here. Raises `ToolError`."""
        stored = self._storage.stored
        rights = _rights(address)
        now = time.time()
        stored.scope = _union(stored.scope, rights)
        recent = [moment for moment in stored.asked if 0 <= now - moment < _WHILE]
        possible = self._requests is not None and self._requests.can_sign_in and stored.port and _is_web(address)
        stored.asked = [*recent, now] if possible and len(recent) < _MOST else recent
        self._storage.save()
        if not possible:
            raise self._refusal(
                "wants you to sign in" + (f" with these rights: {one_line(rights, 200)}" if rights else "")
            )
        if len(recent) >= _MOST:
            raise self._refusal(f"asked for {_MOST} sign-ins within {_WHILE / 60:g} minutes and is not content")
        self._address = _with_rights(address, stored.scope)

    async def result(self) -> Any:
        """Ask the person, and wait for the browser. Raises `ToolError`."""
        callback = _Callback()
        await callback.listen(self._storage.stored.port)
        done = asyncio.ensure_future(callback.result())
        try:
            if callback.port != self._storage.stored.port:
                raise self._refusal("wants you to sign in, and the port for it is in use")
            assert self._requests is not None, "redirect came first"
            if not await self._requests.sign_in(self._address, _rights(self._address), done):
                raise self._refusal("wants you to sign in, and nobody did")
            return done.result()
        finally:
            done.cancel()
            await callback.close()

    def _refusal(self, what: str) -> ToolError:
        remedy = f"Run this outside: hermes mcp auth {self._name}"
        error = ToolError(f"The MCP server {self._name!r} {what}.", remedy=remedy)
        if self._requests is not None:
            self._requests.refused = error
        return error


def is_signed_in(context: PluginContext, name: str, settings: ServerSettings) -> bool:
    """Whether tokens are stored."""
    stored = _load(_path(context, name))
    return stored.url == settings.url and stored.tokens is not None


def forget(context: PluginContext, name: str) -> bool:
    """Remove what is stored; whether there was something."""
    path = _path(context, name)
    found = path.exists()
    path.unlink(missing_ok=True)
    return found


async def sign_in(context: PluginContext, name: str, settings: ServerSettings, show: Callable[[str], None]) -> None:
    """Go through the whole flow; `show` gets the address to open in a browser. Raises `ToolError`."""
    from mcp import Client

    from hermes_mcp.connection import reason
    from hermes_mcp.endpoint import http_streams

    storage = _Storage(_path(context, name), settings)
    storage.stored.tokens = None
    callback = _Callback()
    await callback.listen(storage.stored.port)
    if callback.port != storage.stored.port:
        storage.stored.port, storage.stored.client = callback.port, None

    opened = 0

    async def open_browser(address: str) -> None:
        nonlocal opened
        opened += 1
        if not _is_web(address):
            raise ToolError(f"The server named an address that no browser should open: {one_line(address)}")
        if opened > _MOST:
            raise ToolError(f"The server asked for more than {_MOST} sign-ins in a row.")
        show(_with_rights(address, storage.stored.scope))

    @asynccontextmanager
    async def transport() -> AsyncIterator[Any]:
        async with http_streams(settings, _provider(settings, storage, open_browser, callback.result)) as pair:
            yield pair

    try:
        async with Client(transport(), mode="legacy") as client:
            if client.server_capabilities.tools:  # some greet everybody and ask for a sign-in only now
                await client.list_tools()
    except Exception as error:
        if not storage.stored.tokens:
            raise ToolError(f"Signing in to {name!r} failed: {reason(error)}") from error
    finally:
        await callback.close()
    if not storage.stored.tokens:
        raise ToolError(f"The MCP server {name!r} did not ask for a sign-in.", remedy="Leave out `auth: oauth`.")


def _provider(settings: ServerSettings, storage: _Storage, redirect: Any, callback: Any) -> Any:
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata

    metadata = OAuthClientMetadata.model_validate(
        {
            "client_name": "hermes-host",
            "redirect_uris": [f"http://127.0.0.1:{storage.stored.port or 1}/callback"],
            "token_endpoint_auth_method": "none",
            "scope": settings.oauth.scope or None,
        }
    )
    document = settings.oauth.metadata_url or None
    provider = OAuthClientProvider(settings.url, metadata, storage, redirect, callback, client_metadata_url=document)
    provider.context.token_expiry_time = storage.stored.expires
    if storage.stored.metadata:
        provider.context.oauth_metadata = OAuthMetadata.model_validate(storage.stored.metadata)
    storage.provider = provider
    return provider


class _Callback:
    """A web server for one redirect."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._query: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def listen(self, wanted: int) -> None:
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", wanted)
        except OSError:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def result(self) -> Any:
        from mcp.shared.auth import AuthorizationCodeResult

        try:
            async with asyncio.timeout(SIGN_IN_LIMIT):
                query = await self._query
        except TimeoutError:
            raise ToolError(f"Nobody signed in within {SIGN_IN_LIMIT:g} s.") from None
        if "error" in query:
            detail = one_line(f"{query['error']} {query.get('error_description', '')}", 200)
            raise ToolError(f"The sign-in was refused: {detail}")
        return AuthorizationCodeResult(code=query.get("code", ""), state=query.get("state"), iss=query.get("iss"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode("latin-1")
        except (TimeoutError, ValueError, asyncio.IncompleteReadError):
            writer.close()
            return
        target = urlsplit(line.split(" ")[1] if line.count(" ") == 2 else "/")
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        known = target.path == "/callback" and bool({"code", "error"} & query.keys())
        words = "You can close this page." if known and "code" in query else "Nothing was signed in."
        if known and "error" in query:
            words = f"The sign-in was refused: {query['error'][:100]}"
        body = f"<!doctype html><meta charset=utf-8><p>{html.escape(words)}</p>".encode()
        status = "200 OK" if known else "404 Not Found"
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        if known and not self._query.done():
            self._query.set_result(query)


def _is_web(address: str) -> bool:
    return urlsplit(address).scheme in ("http", "https")


def _rights(address: str) -> str:
    return " ".join(parse_qs(urlsplit(address).query).get("scope", ()))


def _with_rights(address: str, more: str) -> str:
    """The address of an authorization request, asking for these rights as well."""
    split = urlsplit(address)
    query = parse_qs(split.query, keep_blank_values=True)
    wanted = _union(_rights(address), more)
    if not more or wanted == _rights(address):
        return address
    return split._replace(query=urlencode({**query, "scope": [wanted]}, doseq=True)).geturl()


def _union(one: str, other: str) -> str:
    return " ".join(dict.fromkeys([*one.split(), *other.split()]))


def _path(context: PluginContext, name: str) -> Path:
    return context.home / "plugins" / context.plugin / "tokens" / f"{file_name(name)}.json"


def _load(path: Path) -> Stored:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Stored)
    except (OSError, msgspec.MsgspecError):
        return Stored()


def _plain(model: Any) -> dict[str, Any]:
    data: dict[str, Any] = model.model_dump(mode="json", exclude_none=True)
    return data
