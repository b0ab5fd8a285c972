"""Markdown that arrives in pieces: finished blocks are rendered once, the open one is shown as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_host.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType
    from rich.segment import Segment, Segments
    from rich.text import Text

__all__ = ["BlockSplitter", "MarkdownRenderer"]

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
_HEADING = re.compile(r"^ {0,3}#{1,6}(\s|$)")
_ITEM = re.compile(r"^\s*([-*+]|\d{1,9}[.)])(\s|$)")
_STYLE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
_RENDERED_AT_MOST = 20_000


class BlockSplitter:
    """Cuts a stream of Markdown into top-level blocks: paragraphs, headings, lists, fenced code, tables."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._partial: list[str] = []
        self._fence = ""
        self._in_list = False
        self._blank = False
        self._done: list[str] = []

    @property
    def open(self) -> str:
        """The block that is not complete yet, as written so far."""
        return "\n".join([*self._lines, "".join(self._partial)]) if self._lines else "".join(self._partial)

    def feed(self, text: str) -> list[str]:
        """Add text; give the blocks it completed."""
        head, newline, rest = text.rpartition("\n")
        if not newline:
            self._partial.append(text)
            return []
        complete = "".join(self._partial) + head
        self._partial = [rest] if rest else []
        for line in complete.split("\n"):
            self._add_line(line)
        return self._take()

    def end(self) -> list[str]:
        """No more text: give what is left."""
        if self._partial:
            self._add_line("".join(self._partial))
            self._partial = []
        self._close()
        return self._take()

    def _take(self) -> list[str]:
        done, self._done = self._done, []
        return done

    def _close(self) -> None:
        block = "\n".join(self._lines).strip("\n")
        if block.strip():
            self._done.append(block)
        self._lines = []
        self._fence = ""
        self._in_list = self._blank = False

    def _add_line(self, line: str) -> None:
        if self._fence:
            self._add_code(line)
        elif not line.strip():
            self._add_blank()
        else:
            self._add_text(line)

    def _add_code(self, line: str) -> None:
        self._lines.append(line)
        stripped = line.strip()
        if stripped.startswith(self._fence) and not stripped.strip(self._fence[0]):
            self._fence = ""
            if not self._in_list:
                self._close()

    def _add_blank(self) -> None:
        if self._in_list:
            self._blank = True
            self._lines.append("")
        else:
            self._close()

    def _add_text(self, line: str) -> None:
        is_item = bool(_ITEM.match(line))
        if self._in_list and not is_item and not line.startswith("  ") and (self._blank or _FENCE.match(line)):
            self._close()
        self._blank = False
        fence = _FENCE.match(line)
        heading = _HEADING.match(line)
        if (fence or heading) and not self._in_list:
            self._close()
        if not self._lines:
            self._in_list = is_item
        self._lines.append(line)
        if fence and "`" not in fence[3]:
            self._fence = fence[2]
        elif heading and not self._in_list:
            self._close()


class MarkdownRenderer:
    """Renders blocks with rich, which is imported with the first one."""

    def __init__(self, *, colour: bool = True) -> None:
        self._colour = colour
        self._console: Console | None = None

    def render(self, block: str, width: int) -> str:
        """The block as lines for the terminal, with style sequences of our own only."""
        console = self._console_of(width)
        renderable, options = _renderable(visible(block)), console.options
        if isinstance(renderable, _text_type()):
            options = options.update(no_wrap=True, overflow="ignore")  # the terminal wraps; copied lines stay whole
        with console.capture() as capture:
            console.print(_safe(console.render(renderable, options)), end="", soft_wrap=True)
        lines = [line.rstrip() for line in capture.get().split("\n")]
        return "".join(f"{line}\n" for line in _trimmed(lines))

    def _console_of(self, width: int) -> Console:
        if self._console is None:
            import io

            from rich.console import Console

            self._console = Console(
                file=io.StringIO(),
                force_terminal=self._colour,
                color_system="auto" if self._colour else None,
                highlight=False,
                markup=False,
                emoji=False,
                legacy_windows=False,
            )
        self._console.width = width
        return self._console


def _trimmed(lines: list[str]) -> list[str]:
    """The lines without those at either end that show nothing."""
    shown = [bool(_STYLE_SEQUENCE.sub("", line).strip()) for line in lines]
    if True not in shown:
        return []
    return lines[shown.index(True) : len(lines) - shown[::-1].index(True)]


def _text_type() -> type[Text]:
    from rich.text import Text

    return Text


def _renderable(block: str) -> RenderableType:
    if len(block) > _RENDERED_AT_MOST:
        return _text_type()(block)
    first, _, rest = block.partition("\n")
    fence = _FENCE.match(first)
    if fence and not fence[1]:
        return _code(rest, fence)
    from hermes_host.cli.rich_markdown import Markdown

    # Links show where they lead: a hidden address is an invitation to be deceived.
    return Markdown(block, hyperlinks=False, code_theme="ansi_dark")


def _code(body: str, fence: re.Match[str]) -> Text:
    """Code without padding or wrapping, so that it can be copied from the terminal as it is."""
    from rich.syntax import Syntax

    lines = body.split("\n")
    if lines and lines[-1].strip().startswith(fence[2]):
        lines.pop()
    language = (fence[3].split() or ["text"])[0]
    return Syntax("", language, theme="ansi_dark", background_color="default").highlight("\n".join(lines))


def _safe(segments: Iterable[Segment]) -> Segments:
    """Once more after rendering: Markdown can spell a character as an entity."""
    from rich.segment import Segment, Segments

    return Segments(Segment(visible(segment.text), segment.style) for segment in segments if not segment.control)
