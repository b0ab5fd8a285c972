"""The official SDK as the way to the vendor: one client per provider, made in a thread of its own.

The SDK brings keys, addresses, Azure's paths, TLS, proxies and status errors. It is handed bodies that are encoded
already, and its answers are read as bytes: to let it build and read them costs ten times as much.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConfigError
from hermes_host.protocols import TimeLimits

if TYPE_CHECKING:
    import ssl

    import httpx2
    import openai

    from hermes_openai.endpoint import Access

__all__ = ["Client", "transport_errors"]

_KEEP_ALIVE_SECONDS = 60.0
_OWN = TimeLimits()


class Client:
    """The SDK's client for one address. Its import takes up to a second and begins at once, beside everything else."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._made: Future[openai.AsyncOpenAI] = Future()
        # A daemon: a process that wants to end does not wait for an import that nobody needs any more.
        threading.Thread(target=self._make, name="import openai", daemon=True).start()

    def _make(self) -> None:
        try:
            sdk = _make(self._access)
        except Exception as error:  # noqa: BLE001 - whoever waits for the client gets it
            self._made.set_exception(error)
        else:
            self._made.set_result(sdk)

    async def _sdk(self) -> openai.AsyncOpenAI:
        return await asyncio.shield(asyncio.wrap_future(self._made))

    async def post(
        self, path: str, body: bytes, *, timeout: float | None, limits: TimeLimits = _OWN
    ) -> httpx2.Response:
        """Send a request once; gives the answer with its body unread. Raises what `failures` knows.

        `limits` bound its stages in place of the settings, `timeout` each of them.
        """
        sdk = await self._sdk()
        import httpx2

        options: Any = {"headers": {"Accept": "text/event-stream"}, "timeout": self._timeout(timeout, limits)}
        return await sdk.post(path, content=body, cast_to=httpx2.Response, options=options, stream=True)

    async def get(self, path: str) -> bytes:
        """Read a page."""
        sdk = await self._sdk()
        import httpx2

        options: Any = {"timeout": self._timeout(None, _OWN)}
        response = await sdk.get(path, cast_to=httpx2.Response, options=options)
        return response.content

    async def aclose(self) -> None:
        """Close the connections. A client that is still being made has none."""
        if self._made.done() and self._made.exception() is None:
            await self._made.result().close()

    def _timeout(self, whole: float | None, limits: TimeLimits) -> httpx2.Timeout:
        import httpx2

        def within(limit: float | None, own: float) -> float:
            return min(own if limit is None else limit, longest)

        endpoint = self._access.endpoint
        longest = float("inf") if whole is None else max(0.001, whole)
        connect = within(limits.connect, endpoint.connect_timeout)
        return httpx2.Timeout(
            connect=connect,
            read=within(limits.read, endpoint.read_timeout),
            write=within(limits.write, endpoint.write_timeout),
            pool=connect,
        )


def transport_errors() -> tuple[type[Exception], ...]:
    """What reading an answer can raise: the SDK lets the errors of its layers through."""
    import ssl

    import anyio
    import httpx2
    import openai

    return (openai.APIError, httpx2.RequestError, httpx2.StreamError, ssl.SSLError, anyio.EndOfStream)


def _make(access: Access) -> openai.AsyncOpenAI:
    import httpx2
    import openai

    endpoint = access.endpoint
    http = openai.DefaultAsyncHttpx2Client(
        # A key is sent to the address it was given for, and to no other that a redirect names.
        follow_redirects=False,
        verify=_certificates(endpoint.ca_bundle),
        limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=_KEEP_ALIVE_SECONDS),
    )
    headers: dict[str, Any] = {**_unsaid(), **endpoint.headers}
    arguments: dict[str, Any] = {"max_retries": 0, "http_client": http, "default_headers": headers}
    # The SDK wants a key; local servers ask for none.
    key = endpoint.key or "none"
    if access.azure_endpoint:
        arguments["azure_ad_token" if access.token else "api_key"] = key
        sdk: openai.AsyncOpenAI = openai.AsyncAzureOpenAI(
            azure_endpoint=access.azure_endpoint, api_version=access.api_version, **arguments
        )
    else:
        sdk = openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=key, **arguments)
    # The SDK fills these from the environment, for whatever address it is made.
    sdk.organization = access.organization or None
    sdk.project = access.project or None
    sdk.admin_api_key = None
    return sdk


def _unsaid() -> dict[str, Any]:
    """Headers that the SDK would take from the environment, left out: config.yaml has a place for them."""
    import openai

    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    return {line.partition(":")[0].strip(): openai.omit for line in lines if ":" in line}


@functools.cache
def _certificates(bundle: str) -> ssl.SSLContext:
    """What certificates are trusted: the usual ones, or those of a file. Costly to make, so providers share it."""
    import ssl

    import httpx2

    if not bundle:
        return httpx2.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=os.path.expanduser(bundle))
    except OSError as error:
        raise ConfigError(f"openai.ca_bundle cannot be read as certificates: {error}.") from error
