"""A list to choose from: type to filter, move with the arrows, take with Enter, go back with Esc."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hermes_host.cli.editor import Editor
from hermes_host.cli.picker_filter import Filter
from hermes_host.cli.picker_terminal import Key, Left, Row, Signs, cut, words_wrapped
from hermes_host.cli.screen import cell_width
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.cli.picker_terminal import PickerTerminal

__all__ = ["BACK", "Choices", "Chooser", "Column", "Result", "input_row", "pick"]

_LONGEST = 12
"""Rows of the list that are shown at most: the eye finds nothing in more."""
_NARROWEST = 32
"""Columns that names get at least where there is room, so that the other columns do not move with what is typed."""
_NAME_ROOM, _TEXT_ROOM = 20, 10
"""Columns that stay for the one without a width, where it is the first and where it is the last, before others go."""
_GUTTER = 3


class Column(NamedTuple):
    """A column. `width` 0 takes what the others leave."""

    title: str
    width: int = 0
    right: bool = False


class Choices(NamedTuple):
    """What can be chosen. `cells` is called for the rows that are shown and for no others."""

    label: str
    columns: Sequence[Column]
    names: Sequence[str]
    """What is filtered, as it is."""
    cells: Callable[[int], Sequence[str]]
    start: int = 0
    """Where the pointer stands at first."""
    current: int = -1
    """The one in use."""
    other: Callable[[str], Sequence[str]] | None = None
    """The cells of the row that takes what was typed as it is; without it only what is listed can be chosen."""
    notes: tuple[Row, ...] = ()
    """What is to be known besides; wrapped and made safe when it is shown."""


class Result(msgspec.Struct, frozen=True):
    """What was chosen: an index, or -1 and the text that was typed."""

    index: int
    text: str = ""


BACK = Result(-2)
"""Esc was pressed."""


async def pick(terminal: PickerTerminal, choices: Choices) -> Result:
    """Let the user choose. Raises `Left` when they leave with Ctrl+C."""
    chooser = Chooser(choices, terminal.signs, terminal.safe)
    while True:
        if not terminal.pending:
            terminal.draw(*chooser.frame(*terminal.size))
        key = await terminal.key()
        result = chooser.press(key) if key is not None else None
        if result is not None:
            return result


class Chooser:
    """The state of a list: what was typed, what matches, and where the pointer stands."""

    def __init__(self, choices: Choices, signs: Signs, safe: Callable[[str], str] = str) -> None:
        self._choices = choices
        self._signs = signs
        self._safe = safe
        self._editor = Editor()
        self._filter = Filter(choices.names)
        self._index = {name: index for index, name in reversed(list(enumerate(choices.names)))}
        self._found: Sequence[int] = range(len(choices.names))
        self._widest = max([_NARROWEST, *map(cell_width, choices.names)])
        self._place = choices.start
        self._first = 0
        self._page = _LONGEST

    # ------------------------------------------------------------------------------------------------------ keys

    @property
    def typed(self) -> str:
        """What was typed, without blanks around it."""
        return self._editor.text.strip()

    def press(self, key: Key) -> Result | None:
        """Take a key; gives the result when one was chosen. Raises `Left` on Ctrl+C."""
        match key:
            case ("key", "interrupt"):
                raise Left(130)
            case ("key", "escape"):
                return BACK
            case ("key", "eof") if not self._editor.text:
                return BACK
            case ("key", "enter" | "newline"):
                return self._take()
            case ("key", "up" | "down" | "page-up" | "page-down" | "home" | "end" as value):
                self._move(value)
            case ("key", "resize" | "redraw"):
                pass
            case (kind, value):
                self._type(kind, value)
        return None

    def _type(self, kind: str, value: str) -> None:
        before = self._editor.text
        self._editor.press(kind, " ".join(value.split()) if kind == "paste" else value)
        if self._editor.text != before:
            self._found = self._filter.matches(self._editor.text)
            self._place = 0 if self.typed else self._choices.start
            self._first = 0

    def _move(self, key: str) -> None:
        last = self._count() - 1
        place = {
            "up": self._place - 1 if self._place else last,
            "down": self._place + 1 if self._place < last else 0,
            "page-up": self._place - self._page,
            "page-down": self._place + self._page,
            "home": 0,
            "end": last,
        }[key]
        self._place = max(0, min(last, place))

    def _take(self) -> Result | None:
        if self._place < len(self._found):
            return Result(self._found[self._place])
        return Result(-1, self.typed) if self._takes_typed() else None

    def _takes_typed(self) -> bool:
        typed = self.typed
        return bool(typed and self._choices.other and typed not in self._index and len(typed.split()) == 1)

    def _count(self) -> int:
        return len(self._found) + self._takes_typed()

    # -------------------------------------------------------------------------------------------------- the frame

    def frame(self, width: int, height: int) -> tuple[Sequence[Row], int]:
        """The rows for a terminal of that size, and the column of the cursor in the first of them."""
        typed, column = input_row(self._safe(self._choices.label), self._editor, width, self._signs, self._safe)
        left = max(2, height - 1) - 1
        notes = self._notes(width) if left >= 8 else []
        framed = left >= 4
        titled = framed and self._count() > 0
        room = max(1, min(_LONGEST, left - len(notes) - 2 * framed))
        columns = _fitting(self._choices.columns, width - _GUTTER)
        rows = [Row(typed, "said"), *notes]
        if titled:
            rows.append(Row(self._line(" " * _GUTTER, [column.title for column in columns], columns, width), "dim"))
        rows += self._list(room, columns, width)
        if framed:
            rows.append(Row(self._footer(width), "dim"))
        return rows, column

    def _list(self, room: int, columns: Sequence[Column], width: int) -> list[Row]:
        count = self._count()
        if not count and not self.typed:
            return []
        if not count:
            return [Row(cut(" " * _GUTTER + "Nothing matches.", width, self._signs.more), "warning")]
        self._page = max(1, room - 1)
        self._first = max(0, min(self._first, self._place, count - room), self._place - room + 1)
        return [self._row(place, columns, width) for place in range(self._first, min(count, self._first + room))]

    def _row(self, place: int, columns: Sequence[Column], width: int) -> Row:
        pointed = place == self._place
        if place < len(self._found):
            index = self._found[place]
            cells, mark = self._choices.cells(index), "*" if index == self._choices.current else " "
        else:
            cells, mark = (self._choices.other or (lambda _: ()))(self.typed), " "
        gutter = f"{self._signs.pointer if pointed else ' '}{mark} "
        return Row(self._line(gutter, cells, columns, width), "said" if pointed else "plain")

    def _line(self, gutter: str, cells: Sequence[str], columns: Sequence[Column], width: int) -> str:
        fixed = sum(column.width + 2 for column in columns if column.width)
        rest = max(1, width - _GUTTER - fixed)
        if columns[-1].width:
            rest = min(rest, self._widest)  # what fills the whole width is wrapped when the terminal becomes narrower
        padded = []
        for text, column in zip(cells, columns, strict=False):
            size = column.width or rest
            shown = cut(self._safe(one_line(text, 4 * size)), size, self._signs.more)
            blanks = " " * (size - cell_width(shown))
            padded.append(blanks + shown if column.right else shown + blanks)
        return cut((gutter + "  ".join(padded)).rstrip(), width, self._signs.more)

    def _notes(self, width: int) -> list[Row]:
        rows = []
        for note in self._choices.notes:
            wrapped = words_wrapped(self._safe(one_line(note.text, 0)), width)
            rows += [Row(text, note.style) for text in wrapped[:3]]
        return rows

    def _footer(self, width: int) -> str:
        total = len(self._choices.names)
        count = self._count()
        parts = [
            *([f"{min(self._place + 1, count)}/{count}" + (f" of {total}" if self.typed else "")] if total else []),
            *(("* in use",) if self._choices.current >= 0 else ()),
            "type to filter",
            f"{self._signs.arrows} PgUp PgDn Home End",
            "Enter takes",
            "Esc goes back",
            "Ctrl+C leaves",
        ]
        for least in (parts[-4], "* in use", "type to filter", "Enter takes"):
            if cell_width(self._signs.dot.join(parts)) > width and least in parts:
                parts.remove(least)
        return cut(self._signs.dot.join(parts), width, self._signs.more)


def input_row(
    label: str, editor: Editor, width: int, signs: Signs, safe: Callable[[str], str] = str
) -> tuple[str, int]:
    """The row with what is being typed, and the cursor's column in it; of a long text the end is shown."""
    shown, cursor = editor.shown()
    shown, before = safe(shown.replace("\n", " ")), safe(shown[:cursor].replace("\n", " "))
    prompt = f"{cut(label, width // 2, signs.more)} {signs.pointer} "
    room = max(1, width - cell_width(prompt))
    while cell_width(before) >= room:
        shown, before = shown[1:], before[1:]
    return prompt + cut(shown, room, signs.more), cell_width(prompt + before)


def _fitting(columns: Sequence[Column], width: int) -> Sequence[Column]:
    """As many of the columns, from the left, as leave room enough for the one without a width."""
    kept = list(columns)
    while len(kept) > 1:
        left = width - sum(column.width + 2 for column in kept if column.width)
        needed = _NAME_ROOM if not kept[0].width else _TEXT_ROOM if not kept[-1].width else -2
        if left >= needed:
            break
        kept.pop()
    return kept
