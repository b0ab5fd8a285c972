"""The `modal` SDK: imported on first use, with a token of our own, its errors in our words."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConfigError, HermesError, NotFound, PluginUnavailable, ToolError
from hermes_host.terminals.remote import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Account", "LiveSandbox", "load", "translated"]


def load() -> Any:
    """The module `modal`. Raises `PluginUnavailable` where it is not installed."""
    try:
        import modal
    except ImportError as error:
        raise PluginUnavailable(
            f"The package 'modal' cannot be imported: {error}", remedy="Run `pip install hermes-modal`."
        ) from error
    return modal


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into `HermesError`s that say what was being done."""
    errors = load().exception
    try:
        yield
    except (errors.AuthError, errors.PermissionDeniedError) as error:
        raise ConfigError(
            f"Modal refused the token while {doing}: {error}",
            remedy="Make a token at https://modal.com/settings/tokens and set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET.",
        ) from error
    except errors.NotFoundError as error:
        raise NotFound(f"Modal does not know it any more ({doing}): {error}") from error
    except errors.ResourceExhaustedError as error:
        raise ToolError(
            f"Modal has no room while {doing}: {error}", remedy="Wait, or look at the limits of the account."
        ) from error
    except (errors.Error, ConnectionError, TimeoutError, OSError) as error:
        text = str(error) or type(error).__name__
        raise ToolError(
            f"Modal failed while {doing}: {text}", remedy="Try again; see https://status.modal.com."
        ) from error


class Account:
    """The connection to Modal, made on first use."""

    def __init__(self, token_id: str, token_secret: str, app: str, environment: str) -> None:
        self._token = (token_id, token_secret)
        self._app_name = app
        self._environment = environment
        self._client: Any = None
        self._app: Any = None
        self._connecting = asyncio.Lock()

    @property
    def is_set(self) -> bool:
        """Whether there is what opens the account."""
        return all(self._token)

    async def client(self) -> Any:
        """The SDK's client. Raises `ConfigError` without a token."""
        async with self._connecting:
            if self._client is None or self._client.is_closed():
                if not all(self._token):
                    raise ConfigError(
                        "There is no Modal token.",
                        remedy="Make one at https://modal.com/settings/tokens; set MODAL_TOKEN_ID and "
                        "MODAL_TOKEN_SECRET in .env or the environment.",
                    )
                modal = await asyncio.to_thread(load)  # takes a while, in which everything else goes on
                with translated("connecting"):
                    self._client = await modal.Client.from_credentials.aio(*self._token)
                self._app = None
            return self._client

    async def app(self) -> Any:
        """The app of the sandboxes."""
        client = await self.client()
        if self._app is None:
            with translated(f"looking up the app {self._app_name!r}"):
                self._app = await load().App.lookup.aio(
                    self._app_name,
                    client=client,
                    environment_name=self._environment or None,
                    create_if_missing=True,
                )
        return self._app

    async def close(self) -> None:
        """Let go of the connection; the next use makes another."""
        client, self._client, self._app = self._client, None, None
        if client is not None:
            await client.close.aio()


class LiveSandbox:
    """A sandbox that runs."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox

    async def channel(self, program: str, *, pty: bool) -> ModalChannel:
        """A new shell in it."""
        with translated("starting a command"):
            process = await self.sandbox.exec.aio("sh", "-c", program, text=False, pty=pty)
        return ModalChannel(process)

    async def execute(self, script: str, *arguments: str) -> int:
        """Run a short script to its end; its exit code."""
        quiet = load().stream_type.StreamType.DEVNULL
        with translated("running a command"):
            process = await self.sandbox.exec.aio("sh", "-c", script, "sh", *arguments, stdout=quiet, stderr=quiet)
            return int(await process.wait.aio())

    async def capture(self, script: str, *arguments: str) -> tuple[int, bytes]:
        """Run a short script to its end; its exit code and what it wrote to standard output."""
        quiet = load().stream_type.StreamType.DEVNULL
        with translated("asking for files"):
            process = await self.sandbox.exec.aio("sh", "-c", script, "sh", *arguments, stderr=quiet, text=False)
            answer = await process.stdout.read.aio()
            return int(await process.wait.aio()), answer

    async def alive(self) -> bool:
        """Whether Modal says that it runs."""
        try:
            with translated("asking for the sandbox"):
                return await self.sandbox.poll.aio() is None
        except NotFound:
            return False


class ModalChannel:
    """A process in the sandbox and its streams, as bytes."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._inbox = Inbox()
        self._reading = asyncio.create_task(self._read(), name="output of a Modal sandbox")

    async def _read(self) -> None:
        try:
            with translated("reading output"):
                async for data in self._process.stdout:
                    await self._inbox.put(data)
            await self._inbox.put(b"")
        except HermesError as error:
            await self._inbox.fail(error)

    async def receive(self) -> bytes:
        """The next bytes, empty at the end."""
        return await self._inbox.take()

    async def send(self, data: bytes) -> None:
        """Write to its standard input."""
        with translated("giving input"):
            self._process.stdin.write(data)
            await self._process.stdin.drain.aio()

    async def close(self) -> None:
        """Stop listening."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
