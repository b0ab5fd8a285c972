"""The official SDK: imported in a thread, and the client made of it.

The import takes one to two seconds. It begins when the provider is made, which a host does while the user still types,
and holds up nothing but the first request.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import anthropic
    import httpx2

    from hermes_anthropic.endpoint import Endpoint

__all__ = ["ClientMaker"]

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


class ClientMaker:
    """Makes one client in the background."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._made: Future[anthropic.AsyncAnthropic] | None = None

    def begin(self) -> None:
        """Begin to import the SDK and to make the client, where that has not begun."""
        if self._made is None:
            self._made = Future()
            # A daemon: a process that wants to end does not wait for an import that nobody needs any more.
            threading.Thread(target=self._run, args=(self._made,), name="import anthropic", daemon=True).start()

    async def client(self) -> anthropic.AsyncAnthropic:
        """The client, as soon as there is one. Raises what the import raised."""
        self.begin()
        assert self._made is not None
        return await asyncio.shield(asyncio.wrap_future(self._made))

    async def aclose(self) -> None:
        """Close the client, where there is one; the next call of `client` makes another.

        An import that is still going on is not waited for: its client has no connections yet.
        """
        made, self._made = self._made, None
        if made is not None and made.done() and made.exception() is None:
            await made.result().close()

    def _run(self, made: Future[anthropic.AsyncAnthropic]) -> None:
        try:
            client = _new_client(self._endpoint)
        except Exception as error:  # noqa: BLE001 - whoever waits for the client gets it
            made.set_exception(error)
        else:
            made.set_result(client)


def _new_client(endpoint: Endpoint) -> anthropic.AsyncAnthropic:
    """A client that retries nothing, follows no redirect and has exactly the key it is given."""
    import anthropic

    credentials: dict[str, Any] = {"auth_token": endpoint.token} if endpoint.token else {"api_key": endpoint.key}
    client = anthropic.AsyncAnthropic(
        **credentials,
        base_url=endpoint.base_url,
        max_retries=0,
        open_telemetry=False,
        http_client=_http_client(endpoint),
    )
    # The SDK takes headers from ANTHROPIC_CUSTOM_HEADERS, which may hold the credentials of another program's gateway.
    client._custom_headers = {}
    # The SDK imports a resource at its first use; here that does not hold up the event loop.
    _ = client.models
    return client


def _http_client(endpoint: Endpoint) -> httpx2.AsyncClient:
    import httpx2

    environ = {name.lower() for name, value in os.environ.items() if value}
    settings = endpoint.settings
    return httpx2.AsyncClient(
        # Reading a system's certificates costs 20 ms. Plain HTTP has no use for them, and no redirect leads to TLS.
        verify=_certificates(endpoint) if endpoint.base_url.startswith("https:") else False,
        trust_env=any(name in environ for name in _PROXY_VARIABLES),
        follow_redirects=False,
        timeout=httpx2.Timeout(settings.read_timeout, connect=settings.connect_timeout),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=60.0),
    )


def _certificates(endpoint: Endpoint) -> Any:
    import ssl

    path = endpoint.settings.ca_bundle or os.environ.get("SSL_CERT_FILE", "")
    return ssl.create_default_context(cafile=os.path.expanduser(path)) if path else True
