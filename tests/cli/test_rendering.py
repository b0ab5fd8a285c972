"""How the events of a turn become what stands on the screen."""

import io
import re

import pytest

from hermes_host.cli.markdown import BlockSplitter, MarkdownRenderer
from hermes_host.cli.renderer import Renderer
from hermes_host.cli.screen import Screen, wrap_cells
from hermes_host.events import (
    Notice,
    ReasoningDelta,
    SegmentFinished,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from hermes_host.messages import Text, ToolResult
from hermes_host.stream import Usage

SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Emulator:
    """A small terminal: it knows the sequences that a `Screen` may use, and fails on any other."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.width, self.height = width, height
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self.encoding = "utf-8"
        self.writes = 0

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        pass

    def write(self, text: str) -> None:
        self.writes += 1
        position = 0
        while position < len(text):
            match = SEQUENCE.match(text, position)
            if match:
                self._control(match[2], match[1])
                position = match.end()
                continue
            self._put(text[position])
            position += 1

    def _control(self, kind: str, argument: str) -> None:
        number = int(argument) if argument.isdecimal() else 1
        if kind == "A":
            self.row -= number
        elif kind == "C":
            self.column += number
        elif kind == "J":
            self.rows[self.row] = self.rows[self.row][: self.column]
            del self.rows[self.row + 1 :]
        elif kind != "m":
            raise AssertionError(f"unexpected sequence {argument}{kind}")

    def _put(self, char: str) -> None:
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append("")
        else:
            assert char != "\x1b"
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + char + row[self.column + 1 :]
            self.column += 1

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")


class Frames:
    """Frames that the test lets happen."""

    def __init__(self) -> None:
        self.due: list = []

    def later(self, _seconds, function) -> None:
        self.due.append(function)

    def run(self) -> None:
        due, self.due = self.due, []
        for function in due:
            function()


@pytest.fixture
def frames():
    return Frames()


@pytest.fixture
def emulator():
    return Emulator()


@pytest.fixture
def screen(emulator, frames):
    return Screen(emulator, live=True, colour=False, later=frames.later, size=lambda: (80, 24))


def started():
    return TurnStarted(session_id="s", turn_id="t", model="a:b")


def finished(text="", outcome="completed", error=""):
    return TurnFinished(outcome=outcome, text=text, steps=1, usage=Usage(), seconds=1.0, error=error)


def tool(name="read_file", *, error=False, content="text", **more):
    result = ToolResult(call_id="c", name=name, content=(Text(text=content),), is_error=error)
    return ToolFinished(call_id="c", name=name, result=result, seconds=0.014, **more)


def test_a_turn_reads_from_top_to_bottom(screen, emulator, frames):
    renderer = Renderer(screen)
    events = [
        started(),
        TextDelta(text="I look "),
        TextDelta(text="at it."),
        SegmentFinished(text="I look at it."),
        ToolStarted(call_id="c", name="read_file", arguments={}, shown="README.md"),
        tool(title="12 lines", diff="--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n"),
        TextDelta(text="# Done\n\nAll **well**.\n"),
        SegmentFinished(text="# Done\n\nAll **well**.\n"),
        finished(),
    ]
    for event in events:
        renderer.handle(event)
        frames.run()
    screen.finish()
    assert emulator.text.split("\n") == [
        "I look at it.",
        "┊ read_file README.md  12 lines  0.01s",
        "  --- a",
        "  +++ b",
        "  @@ -1 +1 @@",
        "  -old",
        "  +new",
        "",
        "Done",
        "",
        "All well.",
    ]


def test_text_is_seen_while_its_block_is_open_and_stands_there_once_afterwards(screen, emulator, frames):
    renderer = Renderer(screen)
    renderer.handle(started())
    renderer.handle(TextDelta(text="A paragraph that is **not"))
    frames.run()
    assert "A paragraph that is **not" in emulator.text
    renderer.handle(TextDelta(text=" over** yet.\n\nAnd"))
    frames.run()
    assert emulator.text == "A paragraph that is not over yet.\nAnd"
    renderer.handle(finished())
    screen.finish()
    assert emulator.text == "A paragraph that is not over yet.\n\nAnd"


def test_what_is_being_typed_stays_below_what_is_being_said(screen, emulator, frames):
    renderer = Renderer(screen)
    screen.show_input("❯ ", "my next", 7)
    for piece in ("One.\n\n", "Two", " and three.\n\n"):
        renderer.handle(TextDelta(text=piece))
        frames.run()
        assert emulator.text.endswith("❯ my next")
        assert (emulator.row, emulator.column) == (len(emulator.rows) - 1, 9)
    assert emulator.text == "One.\n\nTwo and three.\n❯ my next"


def test_finished_output_is_never_rewritten(emulator, frames, screen):
    renderer = Renderer(screen)
    paragraphs = [f"Paragraph {number} " + "word " * 40 for number in range(20)]
    for paragraph in paragraphs:
        renderer.handle(TextDelta(text=f"{paragraph}\n\n"))
        frames.run()
    top = emulator.rows[:20]
    lowest: list[int] = []
    control = emulator._control

    def watched(kind, argument):
        control(kind, argument)
        lowest.append(emulator.row)

    emulator._control = watched
    for event in (TextDelta(text="The"), TextDelta(text=" end."), finished()):
        renderer.handle(event)
        frames.run()
    screen.finish()
    assert emulator.rows[:20] == top
    assert min(lowest) > 60


def test_text_that_never_came_in_pieces_is_shown_too(screen, emulator, frames):
    renderer = Renderer(screen)
    renderer.handle(started())
    renderer.handle(SegmentFinished(text="All at once."))
    renderer.handle(finished())
    screen.finish()
    assert emulator.text == "All at once."


def test_failures_notices_and_outcomes_are_lines(screen, emulator, frames):
    renderer = Renderer(screen)
    renderer.handle(started())
    renderer.handle(Notice(text="Asking again in 2 s.", level="warning"))
    renderer.handle(tool("terminal", error=True, content="Error: exit code 1\nmore"))
    renderer.handle(finished(outcome="failed", error="The key is wrong. Set it."))
    screen.finish()
    assert emulator.text.split("\n") == [
        "warning: Asking again in 2 s.",
        "┊ terminal  failed: exit code 1 more  0.01s",
        "error: The key is wrong. Set it.",
    ]


@pytest.mark.parametrize(("setting", "shown"), [("off", 1), ("new", 3), ("all", 4)])
def test_tool_lines_are_as_many_as_the_user_wants_and_failures_are_among_them(screen, emulator, setting, shown):
    renderer = Renderer(screen, show_tools=setting)
    for event in (started(), tool("a"), tool("a"), tool("b"), tool("b", error=True), finished()):
        renderer.handle(event)
    screen.finish()
    assert emulator.text.count("┊") == shown


def test_thinking_is_shown_only_where_it_is_wanted(emulator, frames):
    for wanted in (False, True):
        emulator = Emulator()
        screen = Screen(emulator, live=True, colour=False, later=frames.later, size=lambda: (80, 24))
        renderer = Renderer(screen, show_reasoning=wanted)
        renderer.handle(started())
        renderer.handle(ReasoningDelta(text="Let me see."))
        frames.run()
        renderer.handle(TextDelta(text="Yes."))
        renderer.handle(finished())
        screen.finish()
        assert emulator.text == ("Let me see.\n\nYes." if wanted else "Yes.")


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\r\x1b[1A",
        "\x9b2J",
        "\u202e",
        "&#x202e;",
        "&#27;[2J",
        "`\x1b[2J`",
        "```\n\x1b[2J\n```",
    ],
)
def test_nothing_that_is_said_can_act_on_the_terminal(evil):
    stream = io.StringIO()
    screen = Screen(stream, live=False, colour=False)
    renderer = Renderer(screen)
    renderer.handle(started())
    for event in (
        TextDelta(text=f"before {evil} after"),
        SegmentFinished(text=f"before {evil} after"),
        ToolStarted(call_id="c", name=f"x{evil}", arguments={}, shown=evil),
        tool(f"x{evil}", title=evil, diff=f"+{evil}"),
        Notice(text=evil),
        finished(outcome="failed", error=evil),
    ):
        renderer.handle(event)
    screen.finish()
    assert not set("\x1b\x9b\x07\r\u202e") & set(stream.getvalue())


def test_the_terminal_is_written_to_once_per_frame_however_many_deltas_come(screen, emulator, frames):
    renderer = Renderer(screen)
    renderer.handle(started())
    for number in range(20_000):
        renderer.handle(TextDelta(text="word " if number % 60 else "end.\n\n"))
        if number % 100 == 99:  # about what a fast model says in the time of a frame
            frames.run()
    assert emulator.writes == 200


# -------------------------------------------------------------------------------------------------------- markdown

DOCUMENT = """# Title
A paragraph
of two lines.

- one
- two

  goes on
- three

After it:
```python
x = 1

y = 2
```
| a | b |
|---|---|
| 1 | 2 |

> quoted
"""
BLOCKS = [
    "# Title",
    "A paragraph\nof two lines.",
    "- one\n- two\n\n  goes on\n- three",
    "After it:",
    "```python\nx = 1\n\ny = 2\n```",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "> quoted",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_blocks_do_not_depend_on_the_pieces_they_came_in(size):
    splitter = BlockSplitter()
    found: list[str] = []
    for start in range(0, len(DOCUMENT), size):
        found += splitter.feed(DOCUMENT[start : start + size])
    assert found + splitter.end() == BLOCKS


def test_code_is_shown_as_it_is_written_so_that_it_can_be_copied():
    code = "def f():\n    return '" + "x" * 200 + "'"
    assert MarkdownRenderer(colour=False).render(f"```python\n{code}\n```", 40) == f"{code}\n"


def test_an_address_behind_a_link_is_shown():
    assert "https://evil.example" in MarkdownRenderer(colour=False).render("[bank](https://evil.example)", 80)


def test_an_open_fence_at_the_end_is_still_code():
    splitter = BlockSplitter()
    assert splitter.feed("```\na\n\nb") + splitter.end() == ["```\na\n\nb"]


def test_rows_are_cut_by_columns_not_by_characters():
    assert wrap_cells("日本語日本語", 5) == ["日本", "語日", "本語"]
    assert wrap_cells("", 5) == [""]
