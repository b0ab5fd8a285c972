"""What tools and the host are doing, a line each: the same words in one-shot runs and in the line mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_host.events import (
    AnswerRestarted,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    MessageAdded,
    Notice,
    SteeringAdded,
    ToolFinished,
    ToolStarted,
    TurnFinished,
)
from hermes_host.messages import text_of
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Line", "Narrator", "Style", "outcome_line"]

Style = Literal["plain", "dim", "tool", "said", "failed", "info", "warning", "error", "added", "removed", "hunk"]

DIFF_LINES = 80
_SHOWN = 70
_DENIED = {
    "person": "denied",
    "nobody": "denied: nobody can be asked here; run `hermes` in a terminal, or with --yolo",
    "timeout": "denied: no answer came in time",
}
_STYLES: dict[str, Style] = {"+": "added", "-": "removed", "@": "hunk"}


class Line(NamedTuple):
    """One line for a person. `text` is safe to show."""

    text: str
    style: Style


class Narrator:
    """Turns the events that are not text into lines. One for each conversation."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._denied: dict[str, str] = {}

    def lines(self, event: Event) -> Iterable[Line]:
        """The lines for one event; none for most."""
        match event:
            case MessageAdded():
                self._shown.update({call.id: call.raw for call in event.message.tool_calls})
            case AnswerRestarted():
                yield Line(f"{visible(event.reason)} The answer begins anew.", "warning")
            case ToolStarted():
                self._shown[event.call_id] = event.shown
            case ApprovalRequested():
                self._shown[event.call_id] = event.shown
            case ApprovalDecided():
                if event.verdict == "deny":
                    self._denied[event.call_id] = _DENIED.get(event.by, f"denied by {one_line(event.by)}")
            case ToolFinished():
                yield self._tool(event)
                yield from _diff(event.diff)
            case Notice():
                yield Line(
                    f"{'' if event.level == 'info' else event.level + ': '}{one_line(event.text, 0)}", event.level
                )
            case SteeringAdded():
                yield Line(f"told the agent: {one_line(event.text)}", "dim")
            case TurnFinished():
                self._shown.clear()
                self._denied.clear()
                line = outcome_line(event)
                if line:
                    yield line

    def _tool(self, event: ToolFinished) -> Line:
        shown = one_line(self._shown.pop(event.call_id, ""), _SHOWN)
        denied = self._denied.pop(event.call_id, "")
        words = f"┊ {one_line(event.name)} {shown}".rstrip()
        if denied:
            return Line(f"{words}  {denied}", "warning")
        if event.result.is_error:
            said = one_line(text_of(event.result.content), _SHOWN).removeprefix("Error: ")
            return Line(f"{words}  failed: {said}  {event.seconds:.2f}s", "failed")
        title = f"  {one_line(event.title, _SHOWN)}" if event.title else ""
        return Line(f"{words}{title}  {event.seconds:.2f}s", "tool")


def outcome_line(event: TurnFinished) -> Line | None:
    """How a turn ended, unless all went well."""
    match event.outcome:
        case "completed":
            return None
        case "interrupted":
            return Line("interrupted", "warning")
        case "truncated":
            return Line("The answer was cut at the model's output limit.", "warning")
        case "budget":
            return Line(one_line(event.error, 0) or "The turn's budget ran out.", "warning")
        case _:
            return Line(f"error: {one_line(event.error, 0) or 'the turn failed.'}", "error")


def _diff(diff: str) -> Iterable[Line]:
    if not diff:
        return
    lines = diff.splitlines()
    for text in lines[:DIFF_LINES]:
        style: Style = "dim" if text.startswith(("+++", "---")) else _STYLES.get(text[:1], "plain")
        yield Line(f"  {visible(text)}", style)
    if len(lines) > DIFF_LINES:
        yield Line(f"  … {len(lines) - DIFF_LINES} more lines", "dim")
