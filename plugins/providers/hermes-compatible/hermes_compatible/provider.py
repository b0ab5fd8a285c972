"""The provider: one HTTP client, one request at a time to each connection, every body read to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from hermes_compatible.answer import Answer
from hermes_compatible.body import BodyBuilder
from hermes_compatible.endpoint import Endpoint, resolve
from hermes_compatible.failures import failed_answer, transport_failure
from hermes_host.errors import ConnectionLost, ProviderError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import httpx2

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelInfo, ModelRequest
    from hermes_host.specs import ProviderSpec
    from hermes_host.stream import ProviderEvent

__all__ = ["CompatibleProvider", "connect"]

_DRAIN_SECONDS = 1.0
_LARGEST_ERROR = 64 * 1024
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def connect(context: PluginContext, spec: ProviderSpec) -> CompatibleProvider:
    """Make the provider of a spec. Raises `AuthFailed` without a key, `ConfigError` without a usable address."""
    return CompatibleProvider(resolve(context, spec))


class CompatibleProvider:
    """Chat completions at one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._bodies = BodyBuilder(endpoint.provider, endpoint.quirks)
        self._url = endpoint.base_url + "/chat/completions"
        self._http: httpx2.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"<CompatibleProvider {self.endpoint.provider} at {self.endpoint.base_url}>"

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes. `request.timeout` bounds each wait and the whole. No request is sent twice."""
        import httpx2

        answer = Answer(self.endpoint, request.model)
        deadline = None if request.timeout is None else time.monotonic() + request.timeout
        response = None
        try:
            response = await self._send(request)
            if response.status_code != 200:
                raise await self._failure(response, request.model)
            async with aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    for event in answer.feed(piece):
                        yield event
                    if answer.done:
                        await _drain(pieces)
                        break
                    if deadline is not None and time.monotonic() > deadline:
                        raise ConnectionLost("The time for this answer is over.", partial=answer.began)
            for event in answer.close():
                yield event
        except httpx2.HTTPError as error:
            raise transport_failure(self.endpoint, error, partial=answer.began) from error
        finally:
            if response is not None:
                await response.aclose()

    async def models(self) -> Sequence[ModelInfo]:
        """The models the endpoint lists, those for chat first; the configured ones where the user listed some."""
        from hermes_compatible.catalogue import listed, parse

        if self.endpoint.models:
            return listed(self.endpoint.models)
        return parse(self.endpoint, await self._catalogue())

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _catalogue(self) -> bytes:
        import httpx2

        origin = "/".join(self.endpoint.base_url.split("/", 3)[:3])
        special = self.endpoint.quirks.models_path
        urls = [origin + special] if special else []
        urls.append(self.endpoint.base_url + "/models")
        try:
            for url in urls:
                response = await self._client().get(url, headers=self._headers())
                if response.status_code == 200:
                    return response.content
        except httpx2.HTTPError as error:
            raise transport_failure(self.endpoint, error, partial=False) from error
        raise failed_answer(self.endpoint, "", response.status_code, response.headers, response.content)

    async def _send(self, request: ModelRequest) -> httpx2.Response:
        http = self._client()
        built = http.build_request(
            "POST",
            self._url,
            content=self._bodies.build(request),
            headers={**self._headers(), "content-type": "application/json", "accept": "text/event-stream"},
            timeout=self._timeout(request.timeout),
        )
        return await http.send(built, stream=True)

    def _headers(self) -> dict[str, str]:
        headers = {"accept-encoding": "identity", **self.endpoint.headers}
        if self.endpoint.key:
            headers["authorization"] = f"Bearer {self.endpoint.key}"
        return headers

    def _timeout(self, seconds: float | None = None) -> httpx2.Timeout:
        import httpx2

        bound = float("inf") if seconds is None else max(0.001, seconds)
        connect = min(bound, self.endpoint.connect_timeout)
        return httpx2.Timeout(
            connect=connect,
            read=min(bound, self.endpoint.read_timeout),
            write=min(bound, self.endpoint.write_timeout),
            pool=connect,
        )

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = _new_client(self.endpoint, self._timeout())
        return self._http

    async def _failure(self, response: httpx2.Response, model: str) -> ProviderError:
        """The error of an answer, read to its end (within reason) so that the connection can be used again."""
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST_ERROR:
                break
        return failed_answer(self.endpoint, model, response.status_code, response.headers, body)


def _pieces(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """The body as it comes; unpacked where a server packs it although it was asked not to."""
    packed = response.headers.get("content-encoding", "identity") != "identity"
    return response.aiter_bytes() if packed else response.aiter_raw()


async def _drain(pieces: AsyncGenerator[bytes]) -> None:
    """Read what follows the end of the message, so that the connection can be used again; a moment at the most."""
    import httpx2

    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass


def _new_client(endpoint: Endpoint, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    """A client that follows no redirect and loads certificates only where TLS is spoken."""
    import httpx2

    environ = {name.lower() for name, value in os.environ.items() if value}
    return httpx2.AsyncClient(
        # Reading a system's certificates costs 20 ms. Plain HTTP has no use for them, and no redirect leads to TLS.
        verify=_certificates(endpoint) if endpoint.base_url.startswith("https:") else False,
        trust_env=any(name in environ for name in _PROXY_VARIABLES),
        follow_redirects=False,
        timeout=timeout,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=60.0),
        headers={"user-agent": "hermes-host"},
    )


def _certificates(endpoint: Endpoint) -> Any:
    import ssl

    path = endpoint.ca_bundle or os.environ.get("SSL_CERT_FILE", "")
    return ssl.create_default_context(cafile=os.path.expanduser(path)) if path else True
