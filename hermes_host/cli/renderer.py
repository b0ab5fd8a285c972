"""Shows the events of a turn on a screen: text as it comes, tools as lines, all of it once per frame."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from hermes_host.cli.markdown import BlockSplitter, MarkdownRenderer
from hermes_host.cli.narration import Line, Narrator
from hermes_host.events import (
    AnswerRestarted,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    ReasoningDelta,
    SegmentFinished,
    TextDelta,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.cli.screen import Screen

__all__ = ["Renderer"]


class Renderer:
    """Takes events, one turn after another. A delta costs one list append; the rest is done per frame."""

    def __init__(
        self,
        screen: Screen,
        *,
        show_reasoning: bool = False,
        show_tools: Literal["off", "new", "all", "verbose"] = "all",
        streaming: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._screen = screen
        self._show_reasoning = show_reasoning
        self._show_tools = show_tools
        self._streaming = streaming
        self._clock = clock
        self._narrator = Narrator()
        self._tools_shown: set[str] = set()
        self._markdown = MarkdownRenderer(colour=screen.colour)
        self._blocks = BlockSplitter()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._reasoned: list[str] = []
        self._said = False
        self._spaced = True
        self._running: dict[str, tuple[str, float]] = {}
        self._progress = ""
        self._activity = ""
        screen.before_frame.append(self._prepare)

    def handle(self, event: Event) -> None:
        """Show one event."""
        kind = type(event)
        if kind is TextDelta:
            if self._streaming:
                self._text.append(event.text)  # type: ignore[union-attr]
        elif kind is ReasoningDelta:
            if self._show_reasoning:
                self._reasoning.append(event.text)  # type: ignore[union-attr]
        else:
            self._other(event)
        self._screen.touch()

    def show_reasoning(self, shown: bool) -> None:
        """Show what the model thinks, or hide it, from now on."""
        self._show_reasoning = shown

    def say(self, activity: str) -> None:
        """Show what is going on, until the next event says otherwise."""
        self._activity = activity
        self._screen.touch()

    def show(self, markdown: str) -> None:
        """Show Markdown that is not part of a turn, such as the answer of a slash command."""
        blocks = BlockSplitter()
        for block in [*blocks.feed(markdown), *blocks.end()]:
            self._screen.print(self._markdown.render(block, self._screen.width))

    def _other(self, event: Event) -> None:
        match event:
            case TurnStarted():
                self._said, self._spaced = False, True
                self._activity = "thinking"
            case SegmentFinished():
                self._end_segment(event)
            case AnswerRestarted():
                self._drop_text()
            case ToolCallStarted():
                self._end_text()
                self._activity = f"writing a call of {one_line(event.name)}"
            case ToolStarted():
                words = f"{one_line(event.name)} {one_line(event.shown, 60)}".rstrip()
                self._running[event.call_id] = (words, self._clock())
                if self._show_tools == "verbose":
                    self._say_arguments(event)
            case ToolProgress():
                self._progress = (self._progress + event.text)[-400:]
                return
            case ApprovalRequested():
                self._end_text()
                self._activity = "waiting for your answer"
            case ApprovalDecided() | ToolFinished():
                self._activity = "thinking"
            case TurnFinished():
                self._end_turn()
        if isinstance(event, ToolFinished):
            self._running.pop(event.call_id, None)
            self._progress = ""
        self._narrate(event)

    def _narrate(self, event: Event) -> None:
        if isinstance(event, ToolFinished) and not self._wants(event):
            return
        for line in self._narrator.lines(event):
            self._flush_text()
            self._screen.print_line(line)
            self._spaced = False

    def _say_arguments(self, event: ToolStarted) -> None:
        for name, value in event.arguments.items():
            self._screen.print_line(Line(f"  {one_line(name)}: {one_line(str(value), 200)}", "dim"))

    def _wants(self, event: ToolFinished) -> bool:
        """Whether a call is to be shown, by the setting `display.tool_progress`; a failed one always is."""
        known = event.name in self._tools_shown
        self._tools_shown.add(event.name)
        return (
            event.result.is_error or self._show_tools in ("all", "verbose") or (self._show_tools == "new" and not known)
        )

    # -------------------------------------------------------------------------------------------------- text

    def _end_segment(self, event: SegmentFinished) -> None:
        """The stretch of text is complete; it is shown whole where no deltas brought it."""
        self._flush_text()
        if not self._said:
            self._show_blocks(self._blocks.feed(event.text))
        self._said = False
        self._end_text()

    def _drop_text(self) -> None:
        """What was not yet printed for good does not count; what was stays above the line that says so."""
        self._text.clear()
        self._reasoning.clear()
        self._reasoned.clear()
        self._blocks = BlockSplitter()
        self._said = False
        self._screen.show_tail("")

    def _end_text(self) -> None:
        """Show the open block as a finished one."""
        self._flush_text()
        self._flush_reasoning()
        self._show_blocks(self._blocks.end())
        self._screen.show_tail("")

    def _end_turn(self) -> None:
        self._end_text()
        self._running.clear()
        self._activity = self._progress = ""
        self._screen.show_status("")

    def _flush_text(self) -> None:
        if self._text:
            self._flush_reasoning()
            text = "".join(self._text)
            self._text.clear()
            self._said = True
            self._show_blocks(self._blocks.feed(text))

    def _flush_reasoning(self) -> None:
        """Thinking is over: keep it on the screen where the user wants that."""
        if not self._reasoning and not self._reasoned:
            return
        text = "".join([*self._reasoned, *self._reasoning]).strip()
        self._reasoning.clear()
        self._reasoned.clear()
        if text:
            for row in visible(text).split("\n"):
                self._screen.print(self._screen.styled_text(row, "dim"))
            self._spaced = False

    def _show_blocks(self, blocks: list[str]) -> None:
        for block in blocks:
            self._screen.print(("" if self._spaced else "\n") + self._markdown.render(block, self._screen.width))
            self._spaced = False

    # ------------------------------------------------------------------------------------------------- frames

    def _prepare(self) -> None:
        """What one frame needs: finished blocks above, the open one and the state below."""
        if self._reasoning:
            self._reasoned.append("".join(self._reasoning))
            self._reasoning.clear()
        self._flush_text()
        if self._reasoned:
            self._screen.show_tail("".join(self._reasoned), "dim", rows=3)
        else:
            self._screen.show_tail(self._blocks.open.rstrip("\n"))
        self._screen.show_status(self._state())

    def _state(self) -> str:
        if self._running and not self._activity.startswith("interrupting"):
            words, began = next(reversed(self._running.values()))
            progress = one_line(self._progress[-400:].strip().rpartition("\n")[2], 60)
            return f"┊ {words}  {self._clock() - began:.0f}s  {progress}".rstrip()
        quiet = self._activity == "thinking" and self._blocks.open  # the text that grows says as much
        return f"· {self._activity} …" if self._activity and not quiet else ""
