"""The container service: reaching it, calling its SDK in threads, turning its errors into sentences with a remedy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from hermes_host.errors import ConfigError, HermesError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Daemon", "DaemonError", "ImageMissing", "address", "explain", "reason", "sdk"]

T = TypeVar("T")

_CALLS_AT_ONCE = 16
_TIMEOUT = 60
"""Seconds for one call: making a container on a busy machine may take a while."""


class DaemonError(HermesError):
    """The container service cannot be reached or refused a call."""


class ImageMissing(ConfigError):
    """The image is not there, and fetching it is not allowed."""


def address(url: str, environ: Mapping[str, str]) -> str:
    """Where the service is: the setting, `DOCKER_HOST`, `CONTAINER_HOST`, else the first usual socket there is."""
    named = url or environ.get("DOCKER_HOST", "") or environ.get("CONTAINER_HOST", "")
    if named:
        return named
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = environ.get("HOME", "")
    usual = (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{home}/.docker/run/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    )
    return "unix://" + next((path for path in usual if _is_socket(path)), usual[0])


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) and os.access(path, os.R_OK | os.W_OK)
    except OSError:
        return False


def sdk() -> Any:
    """The SDK, a quarter of a second to import."""
    import docker  # type: ignore[import-untyped]
    import docker.errors  # type: ignore[import-untyped]
    import docker.utils  # type: ignore[import-untyped]

    return docker


class Daemon:
    """A connection to the service. `call` runs a blocking function of the SDK's client in a thread."""

    def __init__(self, url: str = "", environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ if environ is not None else os.environ
        self.url = address(url, self._environ)
        self._threads: ThreadPoolExecutor | None = None
        self._client: Any = None
        self._connecting: asyncio.Lock | None = None

    async def call(self, work: Callable[[Any], T]) -> T:
        """`work(client)` in a thread. Raises `HermesError`, or the SDK's `NotFound` and `APIError` for the caller."""
        client = await self.client()
        return await self._in_thread(work, client)

    async def client(self) -> Any:
        """The SDK's `DockerClient`, connected. Raises `DaemonError`."""
        if self._client is None:
            self._connecting = self._connecting or asyncio.Lock()
            async with self._connecting:
                if self._client is None:
                    self._client = await self._in_thread(self._connect)
        return self._client

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._threads is None:
            # Threads of its own: those of the event loop are few, and shared with everybody.
            self._threads = ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="docker")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        except OSError as error:  # those of `requests` are OSErrors too, and those of the SDK are as well
            known = explain(error, self.url)
            if known is None:
                raise
            raise known from error

    def _connect(self) -> Any:
        if self.url.startswith("ssh://"):
            raise ConfigError(
                f"Containers cannot be reached by {self.url!r}.",
                remedy="Forward the socket, e.g. `ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST`, and name that.",
            )
        docker = sdk()
        _knock(self.url)
        try:
            if self._environ.get("DOCKER_TLS_VERIFY") and self.url.startswith("tcp://"):
                environment = {**self._environ, "DOCKER_HOST": self.url}
                return docker.from_env(environment=environment, timeout=_TIMEOUT)
            return docker.DockerClient(base_url=self.url, version="auto", timeout=_TIMEOUT)
        except (docker.errors.DockerException, OSError, ValueError) as error:
            raise explain(error, self.url) or DaemonError(
                f"The container service at {self.url} cannot be used: {error}"
            ) from error

    async def close(self) -> None:
        """Close the connections. The next call opens them again."""
        threads, client, self._threads, self._client = self._threads, self._client, None, None
        if client is not None:
            client.close()
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)


def _knock(url: str) -> None:
    """See whether somebody listens. The SDK's client would leave its connection open where that fails."""
    if url.startswith("unix://"):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(url.removeprefix("unix://"))


def explain(error: BaseException, url: str) -> HermesError | None:
    """What a failed connection means; None where the service did answer."""
    cause: BaseException | None = error
    found = ""
    while cause is not None:
        found += f" {cause!r}"
        cause = cause.__cause__ or cause.__context__
    path = url.removeprefix("unix://").removeprefix("http+unix://")
    if "PermissionError" in found:
        return DaemonError(
            f"You may not use the socket of the container service, {path}.",
            remedy="Add yourself to its group (`sudo usermod -aG docker $USER`, then log in again), "
            "or use rootless Docker or Podman.",
        )
    if any(word in found for word in ("FileNotFoundError", "ConnectionRefusedError")):
        return DaemonError(
            f"No container service answers at {url}.",
            remedy="Start it (`sudo systemctl start docker`, or `systemctl --user start podman.socket`), "
            "or set `docker.url` or DOCKER_HOST.",
        )
    if any(word in found for word in ("ConnectionError", "ConnectTimeout", "ReadTimeout", "RemoteDisconnected")):
        return DaemonError(
            f"The connection to the container service at {url} failed: {error}", remedy="See whether it still runs."
        )
    return None


def reason(error: BaseException) -> str:
    """What the service said, without the SDK's words around it."""
    return str(getattr(error, "explanation", None) or error).strip()
