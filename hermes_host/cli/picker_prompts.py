"""What a picker does besides letting the user choose: asking for one line, and waiting for something slow."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from hermes_host.cli.editor import Editor
from hermes_host.cli.picker import input_row
from hermes_host.cli.picker_terminal import Left, Row, cut, words_wrapped
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.cli.picker_terminal import PickerTerminal

__all__ = ["NotWaited", "WentBack", "ask_line", "waited"]

T = TypeVar("T")

_FRAME = 0.1
"""Seconds between two pictures of the spinner."""


class WentBack(Exception):
    """Esc was pressed."""


class NotWaited(Exception):
    """Ctrl+C was pressed while something was waited for, and that was cancelled."""


async def ask_line(
    terminal: PickerTerminal,
    label: str,
    notes: Sequence[str],
    *,
    text: str = "",
    hidden: bool = False,
    refusal: Callable[[str], str] = lambda _: "",
) -> str:
    """What the user types, without blanks around it; with `hidden` nothing of it is ever shown.

    `refusal` says what is wrong with an answer; then the user is asked again. Raises `WentBack`, `Left`.
    """
    editor, wrong = Editor(), ""
    editor.set(text)
    while True:
        if not terminal.pending:
            terminal.draw(*_asking(terminal, label, notes, Editor() if hidden else editor, wrong))
        key = await terminal.key()
        match key:
            case ("key", "interrupt"):
                raise Left(130)
            case ("key", "escape"):
                raise WentBack
            case ("key", "enter" | "newline"):
                answer = editor.text.strip()
                wrong = refusal(answer)
                if not wrong:
                    return answer
                if hidden:
                    editor.set("")
            case ("key", "up" | "down" | "resize" | "redraw") | None:
                pass
            case (kind, value):
                editor.press(kind, value)


def _asking(
    terminal: PickerTerminal, label: str, notes: Sequence[str], editor: Editor, wrong: str
) -> tuple[Sequence[Row], int]:
    width, height = terminal.size
    typed, column = input_row(terminal.safe(label), editor, width, terminal.signs, terminal.safe)
    rows = _wrapped(terminal, [wrong], width, "warning") if wrong else []
    rows += _wrapped(terminal, notes, width, "dim")
    return [Row(typed, "said"), *rows[: max(1, height - 2)]], column


def _wrapped(terminal: PickerTerminal, texts: Sequence[str], width: int, style: str) -> list[Row]:
    safe = [terminal.safe(one_line(text, 0)) for text in texts]
    return [Row(row, style) for text in safe for row in words_wrapped(text, width)]  # type: ignore[arg-type]


async def waited(terminal: PickerTerminal, label: str, work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, while a spinner turns.

    Raises what it raises, `TimeoutError` after so many seconds, `NotWaited` on Ctrl+C, `WentBack` on Esc, `Left`.
    """
    task = asyncio.ensure_future(work)
    begun = time.monotonic()
    try:
        while not task.done():
            passed = time.monotonic() - begun
            if passed > seconds:
                raise TimeoutError
            terminal.draw(_waiting(terminal, label, passed), 0)
            await _key_or_done(terminal, task)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)


async def _key_or_done(terminal: PickerTerminal, task: asyncio.Future[T]) -> None:
    key = asyncio.ensure_future(terminal.key(_FRAME))
    either: set[asyncio.Future[Any]] = {task, key}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if key.done():
            match key.result():
                case ("key", "interrupt"):
                    raise NotWaited
                case ("key", "escape"):
                    raise WentBack
    finally:
        key.cancel()


def _waiting(terminal: PickerTerminal, label: str, passed: float) -> Sequence[Row]:
    width, _ = terminal.size
    signs = terminal.signs
    sign = signs.spinner[int(passed / _FRAME) % len(signs.spinner)]
    label = terminal.safe(label) + (f" {int(passed)} s" if passed >= 1 else "")
    hint = signs.dot.join(("Ctrl+C stops waiting", "Esc goes back"))
    return [Row(cut(f"{sign} {label}", width, signs.more)), Row(cut(hint, width, signs.more), "dim")]
