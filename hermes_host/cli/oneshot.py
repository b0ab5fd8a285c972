"""One question, one answer, one exit code: what `hermes chat -q` does."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from hermes_host.cli.narration import Narrator
from hermes_host.cli.opening import open_session
from hermes_host.errors import HermesError
from hermes_host.events import Event, Outcome, TextDelta, TurnFinished, TurnStarted, encode_event
from hermes_host.stream import Usage
from hermes_host.visible import visible

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.frontends import FrontendOptions
    from hermes_host.host import Host

__all__ = ["EXIT_CODES", "JsonOutput", "Output", "StreamOutput", "TextOutput", "ask_once"]

EXIT_CODES: dict[Outcome, int] = {"completed": 0, "failed": 1, "truncated": 3, "budget": 4, "interrupted": 130}


class Output(Protocol):
    """Where the events of the one turn go."""

    def handle(self, event: Event) -> None:
        """Take one event."""
        ...


class TextOutput:
    """The answer on standard output; what happens on the way on standard error, nothing of it when `quiet`.

    Into a file or a pipe the answer goes as it is; on a terminal its control characters are made visible.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._narrator = Narrator()
        self._session_id = ""

    def handle(self, event: Event) -> None:
        """Write what an event says."""
        if type(event) is TextDelta:
            return
        if isinstance(event, TurnStarted):
            self._session_id = event.session_id
        if not self._quiet or (isinstance(event, TurnFinished) and event.outcome != "completed"):
            for line in self._narrator.lines(event):
                _note(line.text)
        if isinstance(event, TurnFinished):
            self._answer(event.text)

    def _answer(self, text: str) -> None:
        if text:
            sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
            if not text.endswith("\n"):
                sys.stdout.write("\n")
            sys.stdout.flush()
        _note(f"session_id: {self._session_id}")


class JsonOutput:
    """One JSON object at the end."""

    def __init__(self) -> None:
        self._started: TurnStarted | None = None

    def handle(self, event: Event) -> None:
        """Wait for the end, then write the object."""
        if isinstance(event, TurnStarted):
            self._started = event
        elif isinstance(event, TurnFinished):
            summary: dict[str, Any] = {
                "session_id": self._started.session_id if self._started else "",
                "outcome": event.outcome,
                "text": event.text,
                "model": self._started.model if self._started else "",
                "steps": event.steps,
                "usage": {name: getattr(event.usage, name) for name in Usage.__struct_fields__},
                "seconds": round(event.seconds, 3),
            }
            if event.error:
                summary |= {"error": event.error, "error_kind": event.error_kind}
            _write_line(msgspec.json.encode(summary))


class StreamOutput:
    """Every event as one line of JSON, as soon as it happens."""

    def handle(self, event: Event) -> None:
        """Write it."""
        _write_line(encode_event(event))


def _write_line(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _output(options: FrontendOptions) -> Output:
    if options.output_format == "json":
        return JsonOutput()
    if options.output_format == "stream-json":
        return StreamOutput()
    from hermes_host.cli.screen import Screen, can_draw

    if options.quiet or not (can_draw(sys.stdout) and sys.stderr.isatty()):
        return TextOutput(quiet=options.quiet)
    return _TerminalOutput(Screen(later=asyncio.get_running_loop().call_later))


class _TerminalOutput:
    """A person is watching: the answer as it is written, rendered."""

    def __init__(self, screen: Any) -> None:
        from hermes_host.cli.renderer import Renderer

        self._screen = screen
        self._renderer = Renderer(screen)

    def handle(self, event: Event) -> None:
        self._renderer.handle(event)
        if isinstance(event, TurnFinished):
            self._screen.finish()


async def ask_once(host: Host, options: FrontendOptions) -> int:
    """Open the session, run one turn, give the exit code. Nobody is asked anything: what needs consent is refused."""
    output = _output(options)
    try:
        session = await open_session(host, options, toolsets=options.toolsets, yolo=options.yolo)
    except HermesError as error:
        if options.output_format != "text":
            output.handle(_never_begun(error))
        raise
    if options.output_format == "text" and not options.quiet:
        session.listen(lambda notice: _note(visible(notice.text)))
    received = _watch_signals(session)
    code = 1
    async for event in session.run(options.prompt):
        output.handle(event)
        if isinstance(event, TurnFinished):
            code = EXIT_CODES[event.outcome]
    return 128 + received[0] if received and code == EXIT_CODES["interrupted"] else code


def _never_begun(error: HermesError) -> TurnFinished:
    return TurnFinished(
        outcome="failed",
        text="",
        steps=0,
        usage=Usage(),
        seconds=0.0,
        error=str(error),
        error_kind=type(error).__name__,
    )


def _watch_signals(session: Session) -> list[int]:
    """Ctrl+C and a polite kill end the turn, so that what was said so far is kept and shown; a second one ends all.

    Gives the list to which the signals that came are added.
    """
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        loop.remove_signal_handler(number)
        session.interrupt()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    return received
