"""The line mode: a conversation in any terminal. Target of the front end `line`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host import slash
from hermes_host._version import __version__
from hermes_host.cli.editor import History
from hermes_host.cli.keyboard import Keyboard
from hermes_host.cli.listing import count
from hermes_host.cli.logs import set_up
from hermes_host.cli.narration import Line
from hermes_host.cli.opening import open_session
from hermes_host.cli.prompts import LineApprover, LineQuestioner
from hermes_host.cli.renderer import Renderer
from hermes_host.cli.screen import Screen
from hermes_host.context import private_directory
from hermes_host.errors import HermesError
from hermes_host.frontends import FrontendOptions, SlashCall, split_slash_command
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from types import FrameType

    from hermes_host.agent.session import Session
    from hermes_host.host import Host
    from hermes_host.messages import Message

__all__ = ["main"]

log = logging.getLogger(__name__)

_AGAIN = 2.0
"""Seconds within which a second Ctrl+C leaves."""
_RECAP = 3


async def main(host: Host, options: FrontendOptions) -> int:
    """Hold conversations until the user leaves; gives the exit code."""
    chat = _LineChat(host, options)
    return await chat.run()


class _LineChat:
    def __init__(self, host: Host, options: FrontendOptions) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._host = host
        self._options = options
        self._screen = Screen(later=loop.call_later)
        display = host.config.section("display")
        self._renderer = Renderer(
            self._screen,
            show_reasoning=display.show_reasoning,
            show_tools=display.tool_progress,
            streaming=display.streaming,
        )
        prompt = "❯ " if self._screen.unicode else "> "
        history = private_directory(host.home) / ".hermes_history"
        self._keyboard = Keyboard(self._screen, History(history), prompt=prompt)
        self._prompt = prompt
        one_prompt_at_a_time = asyncio.Lock()
        self._session_options: dict[str, Any] = {
            "approver": LineApprover(self._screen, self._keyboard, one_prompt_at_a_time),
            "questioner": LineQuestioner(self._screen, self._keyboard, one_prompt_at_a_time),
            "yolo": options.yolo,
            "toolsets": options.toolsets,
        }
        self._session: Session | None = None
        self._work: asyncio.Task[None] | None = None
        self._lane: set[asyncio.Task[None]] = set()
        self._waiting: deque[str | Message] = deque([options.prompt] if options.prompt.strip() else [])
        self._commanded = ""
        self._left = asyncio.Event()
        self._code = 0
        self._interrupted_at = 0.0
        self._interrupt_pending = False
        self._interrupted: tuple[asyncio.Task[None], float] | None = None

    @property
    def session(self) -> Session:
        """The present conversation."""
        assert self._session is not None, "commands and turns run after the session was opened"
        return self._session

    # ------------------------------------------------------------------------------------------ begin and end

    async def run(self) -> int:
        set_up(self._host, verbose=self._options.verbose, show=self._show_log)
        self._session = await open_session(self._host, self._options, **self._session_options)
        self._session.listen(self._renderer.handle)
        self._banner()
        self._keyboard.open()
        self._watch_signals()
        preloading = asyncio.create_task(self._preload())
        ticking = asyncio.create_task(self._tick())
        try:
            await self._converse()
            await self._close_session()
        finally:
            await _cancelled(preloading, ticking, *self._lane, *([self._work] if self._work else []))
            self._keyboard.close()
            self._screen.finish()
        self._farewell()
        return self._code

    def _show_log(self, text: str) -> None:
        """Show log records among the lines of the conversation; they may come from any thread."""
        line = Line(visible(text.rstrip()), "dim")
        self._loop.call_soon_threadsafe(self._screen.print_line, line)

    async def _preload(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, _import_rich)
            await self._host.preload(self.session)
        except Exception as error:  # noqa: BLE001 - the first turn meets it again, and says so in its place
            log.info("preloading failed: %s", error)

    async def _tick(self) -> None:
        """Keep the seconds of a running tool up to date."""
        while True:
            await asyncio.sleep(1.0)
            if self._work is not None and self._screen.live:
                self._screen.touch()

    def _banner(self) -> None:
        session = self.session
        facts = [
            session.model,
            _short(session.context.directory),
            count(len(session.tools()), "tool"),
            session.id,
        ]
        self._screen.print(self._screen.styled_text(f"hermes {__version__} · " + " · ".join(facts), "said"))
        if self._options.yolo:
            self._screen.print_line(Line("Tool calls run without asking (--yolo).", "warning"))
        self._screen.print_line(Line("/help lists the commands, Ctrl+C interrupts, Ctrl+D leaves.", "dim"))
        self._recap()

    def _recap(self) -> None:
        said = [message for message in self.session.messages if message.role != "tool" and message.said.strip()]
        for message in said[-2 * _RECAP :]:
            sign = self._prompt if message.role == "user" else "  "
            self._screen.print_line(Line(sign + one_line(message.said, 200), "dim"))

    async def _close_session(self) -> None:
        """Close the conversation while the screen still stands: memories may have something to say. Ctrl+C cuts it
        short."""
        self._keyboard.set_idle(False)
        if self._work is not None:
            await _cancelled(self._work)
        self._work = asyncio.create_task(self.session.close())
        await asyncio.wait({self._work})
        self._report(self._work)

    def _farewell(self) -> None:
        if any(message.role == "user" for message in self.session.messages):
            self._screen.print_line(Line(f"Go on later with: hermes -r {self.session.id}", "dim"))
            self._screen.paint()

    # --------------------------------------------------------------------------------------------- the main loop

    async def _converse(self) -> None:
        leaving = asyncio.create_task(self._left.wait())
        line = asyncio.create_task(self._keyboard.lines.get())
        try:
            while not self._left.is_set():
                if self._work is None and self._waiting:
                    self._begin(self._waiting.popleft())
                self._keyboard.set_idle(self._work is None)
                wanted = {leaving, line} | ({self._work} if self._work else set())
                await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
                if self._work is not None and self._work.done():
                    self._report(self._work)
                    self._work = None
                if line.done():
                    self._take(line.result())
                    line = asyncio.create_task(self._keyboard.lines.get())
        finally:
            await _cancelled(leaving, line)

    def _report(self, work: asyncio.Task[None]) -> None:
        """Say what nobody foresaw, and go on: the conversation is worth more than the reason to stop it."""
        error = None if work.cancelled() else work.exception()
        if error is not None:
            log.error("unexpected error in the line mode", exc_info=error)
            text = f"unexpected error: {type(error).__name__}: {one_line(str(error), 0)}"
            self._screen.print_line(Line(text, "error"))

    def _take(self, text: str | None) -> None:
        """One line the user handed in; None at the end of the input."""
        if text is None:
            self._leave()
            return
        if not text.strip():
            return
        command = split_slash_command(text.strip())
        if command is not None:
            self._command(text.strip(), *command)
        elif self._work is not None:
            self._waiting.append(text)
            self._screen.print_line(Line(f"next: {one_line(text)}", "dim"))
        else:
            self._begin(text)

    def _begin(self, prompt: str | Message) -> None:
        if isinstance(prompt, str):
            self._echo(prompt)
            text = prompt.strip()
            prompt = text[1:] if text.startswith("//") else prompt
        elif prompt.said.strip() and not self._commanded.endswith(prompt.said.strip()):
            self._echo(prompt.said)
        self._work = asyncio.create_task(self._turn(prompt))

    async def _turn(self, prompt: str | Message) -> None:
        try:
            async for event in self.session.run(prompt):
                self._renderer.handle(event)
        except HermesError as error:
            self._screen.print_line(Line(f"error: {one_line(str(error), 0)}", "error"))
        self._screen.print()

    def _echo(self, text: str) -> None:
        if self._screen.live:
            shown = visible(text.strip("\n")).replace("\n", f"\n{' ' * len(self._prompt)}")
            self._screen.print(self._screen.styled_text(self._prompt + shown, "said"))

    # --------------------------------------------------------------------------------------------- slash commands

    def _command(self, text: str, name: str, arguments: str) -> None:
        self._echo(text)
        self._commanded = text
        task = asyncio.create_task(self._run_command(name, arguments))
        if self._work is None and not slash.runs_beside(self._host, name):
            self._work = task
        else:
            self._lane.add(task)
            task.add_done_callback(self._lane.discard)
            task.add_done_callback(self._report)

    async def _run_command(self, name: str, arguments: str) -> None:
        try:
            command = await slash.find(self._host, self.session, name)
        except HermesError as error:
            self._screen.print_line(Line(str(error), "warning"))
            return
        call = SlashCall(
            name=command.name,
            arguments=arguments,
            host=self._host,
            session=self.session,
            switch_session=self._switch,
            leave=self._leave,
            session_options=self._session_options,
            submit=self._waiting.append,
            show_reasoning=self._renderer.show_reasoning,
            data={"clear_screen": self._screen.clear},
        )
        answer = await slash.run(command, call)
        if answer:
            self._renderer.show(answer)

    async def _switch(self, session: Session) -> None:
        old, self._session = self.session, session
        session.listen(self._renderer.handle)
        await old.close("new_session" if not session.messages else "resumed_other")

    def _leave(self, code: int = 0) -> None:
        self._code = code
        self._left.set()

    # ------------------------------------------------------------------------------------------------- signals

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
            # Runs even while a plugin blocks the loop; then a second Ctrl+C is the way out.
            if self._interrupt_pending and time.monotonic() - self._interrupted_at < _AGAIN:
                self._keyboard.restore_terminal()
                os._exit(130)
            self._interrupt_pending, self._interrupted_at = True, time.monotonic()
            loop.call_soon_threadsafe(self._interrupt)

        signal.signal(signal.SIGINT, on_interrupt)
        loop.add_signal_handler(signal.SIGTERM, self._leave, 143)
        loop.add_signal_handler(signal.SIGHUP, self._leave, 129)
        loop.add_signal_handler(signal.SIGWINCH, self._screen.touch)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        loop.add_signal_handler(signal.SIGCONT, self._continued)

    def _suspend(self) -> None:
        """Ctrl+Z: leave a tidy terminal to the shell."""
        self._screen.suspend()
        self._keyboard.restore_terminal()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continued(self) -> None:
        self._keyboard.resume_terminal()
        self._screen.forget_live_rows()

    def _interrupt(self) -> None:
        self._interrupt_pending = False
        work, now = self._work, time.monotonic()
        if work is None:
            if self._keyboard.typed:
                self._keyboard.discard()
            else:
                self._leave()
        elif self._interrupted is not None and self._interrupted[0] is work and now - self._interrupted[1] < _AGAIN:
            self._leave(130)
        else:
            self._interrupted = (work, now)
            if self.session.busy:
                self._renderer.say("interrupting; Ctrl+C again leaves")
                self.session.interrupt()
            else:
                work.cancel()


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait, for a moment, until they are over."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1.0)


def _import_rich() -> None:
    """Import what renders the first answer while the user types the first question."""
    from importlib import import_module

    import_module("hermes_host.cli.rich_markdown")
    import_module("rich.syntax")


def _short(directory: str) -> str:
    home = str(Path.home())
    shown = f"~{directory[len(home) :]}" if directory == home or directory.startswith(f"{home}/") else directory
    return one_line(shown, 60)
