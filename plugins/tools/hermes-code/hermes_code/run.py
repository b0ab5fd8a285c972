"""One run of a script: its output collected, its calls made, its end understood, nothing of it left."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_code.calls import Calls
from hermes_code.channel import BrokenChannel, Frames
from hermes_code.launch import BOOTSTRAP, removal
from hermes_host.errors import ToolError
from hermes_host.protocols import Command, Exited
from hermes_host.terminals.output import Collector, PlainText
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from hermes_code.launch import Parcel, Place
    from hermes_host.config.redaction import Redactor
    from hermes_host.context import ToolContext
    from hermes_host.protocols import Output

__all__ = ["ERROR_LIMIT", "OUTPUT_LIMIT", "Ending", "Run"]

OUTPUT_LIMIT = 50_000
"""Characters of standard output the model gets."""

ERROR_LIMIT = 10_000
"""Characters of standard error the model gets when a script fails."""

_LARGEST_REQUEST = 32 << 20
_LARGEST_PIECE = 1 << 20
_REPORT_SECONDS = 0.1
_REPORT_CHARACTERS = 2_000
_REMOVAL_SECONDS = 15.0


class Ending(msgspec.Struct, frozen=True):
    """How a script ended."""

    status: Literal["success", "error", "timeout"]
    error: str = ""


class _Exit(msgspec.Struct, frozen=True):
    code: int
    removed: bool


class Run:
    """Runs one script; `follow` once."""

    def __init__(
        self,
        call: ToolContext,
        parcel: Parcel,
        place: Place,
        *,
        tools: Collection[str],
        beside: Collection[str],
        limit: int,
        redactor: Callable[[], Redactor],
    ) -> None:
        self._call = call
        self._parcel = parcel
        self._place = place
        self.calls = Calls(call, tools, beside=beside, limit=limit)
        self._said = Frames(parcel.word, kind_size=1, largest=_LARGEST_PIECE)
        self._asked = Frames(parcel.word, kind_size=0, largest=_LARGEST_REQUEST)
        self._output = _Printed(OUTPUT_LIMIT, lambda: call.keep("output.txt", b""), redactor())
        self._errors = _Printed(ERROR_LIMIT, lambda: call.keep("errors.txt", b""), redactor())
        self._reported = 0.0
        self._problem = ""
        self._exit: _Exit | None = None

    async def follow(self, seconds: float) -> Ending:
        """Run it to its end. Raises `ToolError` where no script could be run at all."""
        terminal = await self._call.terminal()
        command = Command(
            argv=(self._place.python, "-c", BOOTSTRAP),
            cwd=self._place.directory,
            env={**self._place.environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=self.calls.input(self._parcel.data),
            timeout=seconds,
        )
        exited: Exited | None = None
        try:
            # Leaving the events kills the whole tree: also what a script that has ended left running.
            async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Exited):
                        exited = event
                        break
                    self._take(event)
                    if self._exit is not None or self._problem:
                        break
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise ToolError(
                f"The script could not be started: {error}. Nothing was executed.",
                remedy="Look with `terminal` whether `python3` and the directory exist.",
            ) from None
        except BrokenChannel as error:
            self._problem = f"The script broke the channel to its tools ({error}) and was killed."
        finally:
            await self.calls.end()
            self._output.close()
            self._errors.close()
            if self._said.begun and (self._exit is None or not self._exit.removed):
                await self._tidy_up()
        return self._ending(exited, seconds)

    def output(self) -> str:
        """What it printed, or its beginning and its end."""
        return self._output.text()

    def errors(self) -> str:
        """What it wrote to standard error, or its beginning and its end."""
        return self._errors.text()

    # ---------------------------------------------------------------------------------------------- taking in

    def _take(self, event: Output) -> None:
        if event.stream == 2:
            for _, data in self._asked.feed(event.data):
                self.calls.take(data)
            return
        for kind, data in self._said.feed(event.data):
            if kind == b"o":
                self._report(self._output.add(data))
            elif kind == b"e":
                self._errors.add(data)
            elif kind == b"p":
                self._problem = data.decode("utf-8", "replace")
            else:
                self._exit = _exit(kind, data)

    def _report(self, text: str) -> None:
        now = time.monotonic()
        if text and now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._call.progress(text[-_REPORT_CHARACTERS:])

    # ------------------------------------------------------------------------------------------------- the end

    def _ending(self, exited: Exited | None, seconds: float) -> Ending:
        if self._exit is not None and not self._problem:
            code = self._exit.code
            if code == 0:
                return Ending("success")
            how = f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
            return Ending("error", f"The script {how}.")
        if self._problem:
            return Ending("error", self._problem)
        if exited is not None and exited.timed_out:
            return Ending("timeout", f"The script took longer than {seconds:g} s and was killed.")
        if self._said.begun:
            return Ending("error", f"The script was killed from outside (exit code {exited.code if exited else 1}).")
        noise = one_line((self._asked.noise + self._said.noise).decode("utf-8", "replace").strip(), 500)
        raise ToolError(
            f"Python did not start on the session's terminal (exit code {exited.code if exited else 1}): "
            f"{noise or 'it said nothing'}. Nothing was executed.",
            remedy="Scripts need `python3`, 3.8 or newer, on the PATH there.",
        )

    async def _tidy_up(self) -> None:
        """Remove the folder of a killed script, whatever happens to the turn meanwhile."""

        async def remove() -> None:
            try:
                async with asyncio.timeout(_REMOVAL_SECONDS):
                    await removal(await self._call.terminal(), self._parcel.folder)
            except (OSError, RuntimeError, TimeoutError):
                pass  # the terminal is closed, or gone with the folder

        removing = asyncio.create_task(remove(), name="remove a script's folder")
        await asyncio.shield(removing)


class _Printed:
    """One stream of what a script prints: secrets taken out, at most `limit` characters in memory, all in a file."""

    def __init__(self, limit: int, keep: Callable[[], Path], redactor: Redactor) -> None:
        self._plain = PlainText()
        self._redactor = redactor
        self._collector = Collector(limit, keep, PlainText())
        self._closed = False

    def add(self, data: bytes) -> str:
        """Take in more; gives the text that can be shown."""
        return self._collector.feed(_encoded(self._redactor.feed(self._plain.feed(data))))

    def close(self) -> None:
        """Nothing more comes."""
        if not self._closed:
            self._closed = True
            rest = self._redactor.feed(self._plain.feed(b"", final=True)) + self._redactor.flush()
            self._collector.feed(_encoded(rest))
            self._collector.finish()

    def text(self) -> str:
        """What is shown to the model."""
        return self._collector.text()


def _exit(kind: bytes, data: bytes) -> _Exit:
    try:
        if kind == b"x":
            return msgspec.json.decode(data, type=_Exit)
    except msgspec.MsgspecError:
        pass
    raise BrokenChannel(f"a frame of kind {kind!r}")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
