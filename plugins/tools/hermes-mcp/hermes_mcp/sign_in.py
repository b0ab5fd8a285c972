"""Signing in to a server with OAuth 2.1: dynamic registration, PKCE, tokens in a file of mode 0600.

A conversation only uses and renews what is stored; signing in is `hermes mcp auth NAME`, where somebody sits at this
machine. The redirect comes back to a port of the loopback interface that stays the same for a registration.
"""

from __future__ import annotations

import asyncio
import html
import os
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import ToolError
from hermes_host.visible import one_line
from hermes_mcp.names import file_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_mcp.settings import ServerSettings

__all__ = ["Stored", "auth_for", "forget", "is_signed_in", "sign_in"]

_WAIT = 300.0
"""Seconds a person gets in the browser."""


class Stored(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept for a server."""

    url: str = ""
    port: int = 0
    tokens: dict[str, Any] | None = None
    expires: float | None = None
    client: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class _Storage:
    """The SDK's token storage over one file."""

    def __init__(self, path: Path, settings: ServerSettings) -> None:
        url = settings.url
        self.path = path
        self._registered = settings.oauth
        self.stored = _load(path)
        if self.stored.url != url:
            self.stored = Stored(
                url=url, port=settings.oauth.port
            )  # tokens are for the server they were given by, and for no other
        self.provider: Any = None

    async def get_tokens(self) -> Any:
        from mcp.shared.auth import OAuthToken

        return OAuthToken.model_validate(self.stored.tokens) if self.stored.tokens else None

    async def set_tokens(self, tokens: Any) -> None:
        self.stored.tokens = _plain(tokens)
        self.stored.expires = time.time() + tokens.expires_in if tokens.expires_in else None
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


def auth_for(context: PluginContext, name: str, settings: ServerSettings) -> Any:
    """What signs requests; None where the server needs no sign-in."""
    if settings.auth != "oauth":
        return None

    async def refuse(address: str) -> None:
        raise ToolError(
            f"The MCP server {name!r} wants you to sign in.", remedy=f"Run this outside: hermes mcp auth {name}"
        )

    async def never() -> Any:
        raise ToolError(f"Nobody signed in to the MCP server {name!r}.")

    storage = _Storage(_path(context, name), settings)
    return _provider(settings, storage, refuse, never)


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

    async def open_browser(address: str) -> None:
        if urlsplit(address).scheme not in ("http", "https"):
            raise ToolError(f"The server named an address that no browser should open: {one_line(address)}")
        show(address)

    @asynccontextmanager
    async def transport() -> AsyncIterator[Any]:
        async with http_streams(settings, _provider(settings, storage, open_browser, callback.result)) as pair:
            yield pair

    try:
        async with Client(transport(), mode="legacy"):
            pass
    except Exception as error:
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
    provider = OAuthClientProvider(settings.url, metadata, storage, redirect, callback)
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
            async with asyncio.timeout(_WAIT):
                query = await self._query
        except TimeoutError:
            raise ToolError(f"Nobody signed in within {_WAIT:g} s.") from None
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
