"""The `daytona` SDK: imported on first use, with a key of our own, its errors in our words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shlex
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from hermes_host.errors import ConfigError, HermesError, NotFound, PluginUnavailable, ToolError
from hermes_host.terminals.remote import Inbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hermes_daytona.settings import Settings

__all__ = ["Account", "LiveSandbox", "load", "patiently", "translated"]

T = TypeVar("T")

_API = "https://app.daytona.io/api"
_TRIES = 4
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_ACTIVITY_SECONDS = 300.0
_EXECUTE_SECONDS = 60
_CAPTURE_SECONDS = 600

_BOOTED = b"\002boot\003"
# Typed at the login shell, whatever shell that is: it makes the terminal pass bytes as they are, and takes the program
# as one line of base64, which may then be longer than a terminal's line. The echo of this line holds no byte 2.
_BOOT = r"""printf '\002boot\003'; IFS= read -r p; eval "$(printf %s "$p" | base64 -d)" """


def load() -> Any:
    """The module `daytona`. Raises `PluginUnavailable` where it is not installed."""
    try:
        import daytona
    except ImportError as error:
        raise PluginUnavailable(
            f"The package 'daytona' cannot be imported: {error}", remedy="Run `pip install hermes-daytona`."
        ) from error
    return daytona


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into `HermesError`s that say what was being done."""
    sdk = load()
    try:
        yield
    except (sdk.DaytonaAuthenticationError, sdk.DaytonaForbiddenError) as error:
        raise ConfigError(
            f"Daytona refused the key while {doing}: {error}",
            remedy="Make a key at https://app.daytona.io/dashboard/keys and set DAYTONA_API_KEY.",
        ) from error
    except sdk.DaytonaNotFoundError as error:
        raise NotFound(f"Daytona does not know it any more ({doing}): {error}") from error
    except sdk.DaytonaRateLimitError as error:
        raise ToolError(f"Daytona wants fewer requests ({doing}): {error}", remedy="Wait a minute.") from error
    except (sdk.DaytonaError, OSError, TimeoutError) as error:
        text = str(error) or type(error).__name__
        raise ToolError(
            f"Daytona failed while {doing}: {text}", remedy="Try again; see https://status.app.daytona.io."
        ) from error


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call what may be repeated, again when Daytona is busy or failing: it says 429 or 5xx, or cannot be reached."""
    sdk = load()
    for turn in range(_TRIES):
        try:
            return await call()
        except sdk.DaytonaError as error:
            status = error.status_code or 0
            unreachable = isinstance(error, sdk.DaytonaConnectionError)
            if turn + 1 == _TRIES or not (status == 429 or status >= 500 or unreachable):
                raise
            await asyncio.sleep(_pause(error, turn))
    raise AssertionError("unreachable")


def _pause(error: Any, turn: int) -> float:
    headers = {str(name).lower(): str(value) for name, value in (getattr(error, "headers", None) or {}).items()}
    wanted = headers.get("retry-after", "")
    seconds = float(wanted) if wanted.replace(".", "", 1).isdigit() else _FIRST_WAIT_SECONDS * 2**turn
    return min(seconds, _LONGEST_WAIT_SECONDS)


class Account:
    """The connection to Daytona, made on first use."""

    def __init__(self, key: str, settings: Settings) -> None:
        self._key = key
        self._settings = settings
        self._client: Any = None

    @property
    def is_set(self) -> bool:
        """Whether there is what opens the account."""
        return bool(self._key)

    async def client(self) -> Any:
        """The SDK's client. Raises `ConfigError` without a key."""
        if self._client is None:
            if not self._key:
                raise ConfigError(
                    "There is no Daytona key.",
                    remedy="Make one at https://app.daytona.io/dashboard/keys; set DAYTONA_API_KEY in .env or the "
                    "environment.",
                )
            sdk = await asyncio.to_thread(load)  # takes seconds, in which everything else goes on
            if self._client is not None:
                return self._client
            with translated("connecting"):
                self._client = sdk.AsyncDaytona(
                    sdk.DaytonaConfig(
                        api_key=self._key,
                        api_url=self._settings.api_url or os.environ.get("DAYTONA_API_URL") or _API,
                        target=self._settings.target or None,
                    )
                )
        return self._client

    async def close(self) -> None:
        """Let go of the connection; the next use makes another."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


class LiveSandbox:
    """A sandbox that runs."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox

    async def channel(self, program: str, *, pty: bool) -> DaytonaChannel:
        """A new shell in it. Both kinds of program get a pseudo-terminal: it is the SDK's only way for bytes."""
        channel = DaytonaChannel(self.sandbox)
        with translated("starting a command"):
            await channel.open(program)
        return channel

    async def execute(self, script: str, *arguments: str) -> int:
        """Run a short script to its end; its exit code."""
        command = shlex.join(("sh", "-c", script, "sh", *arguments))
        with translated("running a command"):
            answer = await patiently(lambda: self.sandbox.process.exec(command, timeout=_EXECUTE_SECONDS))
            return int(answer.exit_code)

    async def capture(self, script: str, *arguments: str) -> tuple[int, bytes]:
        """Run a short script to its end; its exit code and what it wrote to standard output."""
        command = shlex.join(("sh", "-c", script, "sh", *arguments))
        # As text: the answer is a string of JSON, and the code of a pipeline is that of its last part.
        whole = f"{{ {command} 2>/dev/null; printf '\\n%s' $?; }} | base64"
        with translated("asking for files"):
            answer = await patiently(lambda: self.sandbox.process.exec(whole, timeout=_CAPTURE_SECONDS))
        said, _, code = base64.b64decode(answer.result).rpartition(b"\n")
        if not code.isdigit():
            raise ToolError("The sandbox gave no answer about its files.", remedy="Its image must have sh and base64.")
        return int(code), said

    async def alive(self) -> bool:
        """Whether Daytona says that it runs."""
        try:
            with translated("asking for the sandbox"):
                await patiently(self.sandbox.refresh_data)
        except NotFound:
            return False
        return bool(self.sandbox.state == load().SandboxState.STARTED)


class DaytonaChannel:
    """A pseudo-terminal in the sandbox that passes bytes as they are."""

    def __init__(self, sandbox: Any) -> None:
        self._sandbox = sandbox
        self._id = f"hermes-{token_hex(8)}"
        self._inbox = Inbox()
        self._handle: Any = None
        self._closed = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, program: str) -> None:
        """Start the shell and give it the program."""
        self._handle = await self._sandbox.process.create_pty_session(
            id=self._id, on_data=self._arrived, pty_size=load().PtySize(rows=50, cols=120)
        )
        self._tasks = [
            asyncio.create_task(self._follow(), name="a Daytona terminal"),
            asyncio.create_task(self._stay_active(), name="keep a Daytona sandbox active"),
        ]
        try:
            await self._handle.send_input(f" stty raw -echo; exec sh -c {shlex.quote(_BOOT)}\n".encode())
            seen = b""
            async with asyncio.timeout(_EXECUTE_SECONDS):
                while _BOOTED not in seen:
                    data = await self._inbox.take()
                    if not data:
                        raise load().DaytonaConnectionError("the terminal ended before its shell began")
                    seen = seen[-64:] + data
            await self._handle.send_input(base64.b64encode(program.encode()) + b"\n")
        except BaseException:
            await self.close()
            raise

    async def _arrived(self, data: bytes) -> None:
        if not self._closed:
            await self._inbox.put(data)

    async def _follow(self) -> None:
        await self._handle.wait()
        if not self._closed:
            await self._inbox.put(b"")

    async def _stay_active(self) -> None:
        """A long command that says nothing must not look idle."""
        while True:
            await asyncio.sleep(_ACTIVITY_SECONDS)
            with contextlib.suppress(HermesError), translated("keeping the sandbox active"):
                await self._sandbox.refresh_activity()

    async def receive(self) -> bytes:
        """The next bytes, empty at the end."""
        return await self._inbox.take()

    async def send(self, data: bytes) -> None:
        """Type it."""
        with translated("giving input"):
            await self._handle.send_input(data)

    async def close(self) -> None:
        """Let its shell end, or end it, and stop listening."""
        self._closed = True
        self._inbox.drop()
        if self._handle is None:
            return
        try:
            async with asyncio.timeout(1):
                await self._handle.wait()
        except TimeoutError:
            with contextlib.suppress(HermesError), translated("ending a terminal"):
                await self._sandbox.process.kill_pty_session(self._id)
        await self._handle.disconnect()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
