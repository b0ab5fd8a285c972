"""Asking a person in the line mode: consent to a tool call, and questions of the agent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from hermes_host.protocols import ApprovalChoice, ApprovalRequest, Decision, Question
from hermes_host.visible import exact, visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_host.cli.keyboard import Keyboard
    from hermes_host.cli.narration import Style
    from hermes_host.cli.screen import Screen

__all__ = ["LineApprover", "LineQuestioner"]

T = TypeVar("T")

_ROWS = 30
_HEAD_ROWS, _TAIL_ROWS = 20, 8
_CHARACTERS = 2_400
_WORDS: dict[ApprovalChoice, tuple[str, ...]] = {
    "once": ("o", "once", "y", "yes"),
    "session": ("s", "session"),
    "always": ("a", "always"),
    "deny": ("d", "deny", "n", "no"),
}


class _Prompter:
    """Puts one prompt after another; answers typed before a prompt appeared do not count."""

    def __init__(self, screen: Screen, keyboard: Keyboard, turn: asyncio.Lock) -> None:
        self._screen = screen
        self._keyboard = keyboard
        self._turn = turn

    def _print(self, text: str, style: Style = "plain") -> None:
        for row in text.split("\n"):
            self._screen.print(self._screen.styled_text(row, style))

    async def _caught_up(self) -> None:
        """Let the front end show first what the turn has said so far: its events wait for this task to pause."""
        await asyncio.sleep(0)

    async def _counted(self, label: Callable[[], str], seconds: float, read: Callable[[], Awaitable[T]]) -> T | None:
        """What `read` gives, while `label` counts the seconds down; None when they are over."""
        ends = time.monotonic() + seconds
        loop = asyncio.get_running_loop()
        ticking: asyncio.TimerHandle | None = None

        def tick() -> None:
            nonlocal ticking
            self._keyboard.relabel(f"{label()} ({max(0, round(ends - time.monotonic()))} s) ❯ ")
            ticking = loop.call_later(1.0, tick)

        first = loop.call_soon(tick)
        try:
            async with asyncio.timeout(seconds):
                return await read()
        except TimeoutError:
            return None
        finally:
            first.cancel()
            if ticking is not None:
                ticking.cancel()


class LineApprover(_Prompter):
    """Asks for consent: what, why and where, in full, and only the choices that are offered."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Ask. Silence until the time is up is a no."""
        async with self._turn:
            await self._caught_up()
            return await self._decide(request)

    async def _decide(self, request: ApprovalRequest) -> Decision:
        whole = self._show(request)

        def choices() -> tuple[ApprovalChoice, ...]:
            # What was not seen whole is not allowed for more than once.
            return tuple(choice for choice in request.choices if whole or choice in ("once", "deny"))

        def label() -> str:
            words = [f"[{choice[0]}]{choice[1:]}" for choice in choices()]
            return " / ".join(words if whole else [*words, "[v]iew"])

        async def read() -> Decision:
            nonlocal whole
            while True:
                text = await self._keyboard.ask(f"{label()} ❯ ")
                if text is None:
                    return Decision(choice="deny", by="nobody")
                word, _, note = text.strip().partition(" ")
                if word.lower() in ("v", "view"):
                    self._show_action(exact(request.shown))
                    whole = True
                    continue
                for choice in choices():
                    if word.lower() in _WORDS[choice]:
                        return Decision(choice=choice, note=note.strip() if choice == "deny" else "")
                self._print(f"Please type one of: {', '.join(choices())}.", "dim")

        decision = await self._counted(label, request.timeout, read)
        if decision is None:
            return Decision(choice="deny", by="timeout")
        self._print(f"  {_SAID[decision.choice]}", "dim")
        return decision

    def _show(self, request: ApprovalRequest) -> bool:
        """Show the request; whether the whole action was shown."""
        self._print(f"{visible(request.call.name)} needs your consent: {exact(request.reason)}".rstrip(": "), "warning")
        shown = exact(request.shown)
        rows = shown.split("\n")
        whole = len(shown) <= _CHARACTERS and len(rows) <= _ROWS
        if whole:
            self._show_action(shown)
        else:
            self._show_ends(shown, rows)
            self._print("  Not all of it is shown; type view to see it whole.", "warning")
        where = exact(request.directory)
        if request.terminal:
            where = f"{where} on {exact(request.terminal)}" if where else exact(request.terminal)
        if where:
            self._print(f"  in {where}", "dim")
        return whole

    def _show_ends(self, shown: str, rows: list[str]) -> None:
        """The beginning and the end of a long action: what matters is often put last."""
        head = tail = shown
        if len(rows) > _ROWS:
            head, tail = "\n".join(rows[:_HEAD_ROWS]), "\n".join(rows[-_TAIL_ROWS:])
        head, tail = head[: _CHARACTERS // 2], tail[-_CHARACTERS // 2 :]
        self._show_action(head)
        self._print(f"  … {len(shown) - len(head) - len(tail):,} characters …", "warning")
        self._show_action(tail)

    def _show_action(self, text: str) -> None:
        # A bar before each row: no line of the action can pass itself off as one of ours.
        self._print("\n".join(f"  │ {row}" for row in text.split("\n")))


_SAID: dict[ApprovalChoice, str] = {
    "once": "allowed once",
    "session": "allowed for this session",
    "always": "allowed always (hermes approvals list)",
    "deny": "denied",
}


class LineQuestioner(_Prompter):
    """Puts the agent's questions."""

    async def ask(self, question: Question) -> str | None:
        """Show the question with its numbered choices; a number picks one, anything else is the answer itself."""
        if question.secret and not self._keyboard.can_hide:
            return None
        async with self._turn:
            await self._caught_up()
            self._print(f"? {visible(question.text)}", "info")
            for number, choice in enumerate(question.choices, 1):
                self._print(f"  {number}. {visible(choice)}")
            label = "number or text" if question.choices else "answer"
            if question.secret:
                label = "not shown, Enter to skip"

            async def read() -> str | None:
                while (text := await self._keyboard.ask(f"{label} ❯ ", hidden=question.secret)) is not None:
                    if question.secret or text.strip():
                        return text.strip()
                return None

            text = await self._counted(lambda: label, question.timeout, read)
        if text is None or (question.secret and not text):
            self._print("  no answer", "dim")
            return None
        if question.secret:
            self._print("  taken", "dim")
            return text
        if text.isdecimal() and 0 < int(text) <= len(question.choices):
            text = question.choices[int(text) - 1]
        self._print(f"  {visible(text)}", "said")
        return text
