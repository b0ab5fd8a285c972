"""What a running turn says: one closed union, one `TurnFinished`, no sentinels.

Every front end (line chat, terminal UI, gateway, API server, batch) draws from this stream and nothing else. As JSON
each event is an object with a `type`; that form is what `hermes chat --output-format stream-json` prints, one per line,
and it only ever grows: new types and new keys may come, none goes or changes its meaning within the API version.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hermes_host.messages import Message, ToolResult
from hermes_host.stream import Usage

__all__ = [
    "AnswerRestarted",
    "ApprovalDecided",
    "ApprovalRequested",
    "Event",
    "MessageAdded",
    "Notice",
    "Outcome",
    "ReasoningDelta",
    "Responding",
    "SegmentFinished",
    "SteeringAdded",
    "StepFinished",
    "TextDelta",
    "ToolCallStarted",
    "ToolFinished",
    "ToolProgress",
    "ToolStarted",
    "TurnFinished",
    "TurnStarted",
    "encode_event",
]

Outcome = Literal["completed", "truncated", "interrupted", "budget", "failed"]
"""How a turn ended: the model was done; its answer was cut at the output limit; a person interrupted; the iteration
budget or the deadline ran out; something failed."""


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_snake):
    """Base of all events."""


class TurnStarted(_Event, frozen=True):
    """The user's message is stored and the turn begins."""

    session_id: str
    turn_id: str
    model: str
    """`provider:model`."""


class Responding(_Event, frozen=True):
    """The model has begun to answer: the first sign of life of a step, of whatever kind."""

    kind: Literal["text", "reasoning", "tool_call", "media"]


class AnswerRestarted(_Event, frozen=True):
    """The deltas since the last `SegmentFinished` do not count: the connection broke and the answer begins anew."""

    reason: str


class TextDelta(_Event, frozen=True, gc=False):
    """More of the answer's text."""

    text: str


class ReasoningDelta(_Event, frozen=True, gc=False):
    """More of what the model thinks."""

    text: str


class SegmentFinished(_Event, frozen=True):
    """A stretch of text is complete. Not the end of the turn: tools and more text may follow."""

    text: str


class ToolCallStarted(_Event, frozen=True):
    """The model has begun to write a tool call: the first sign of life before its arguments are complete."""

    name: str


class MessageAdded(_Event, frozen=True):
    """A message was appended to the session: the model's, or the results of its calls."""

    message: Message
    message_id: str


class ApprovalRequested(_Event, frozen=True):
    """A call waits for a person. Every field is what a front end shows, unchanged."""

    request_id: str
    call_id: str
    tool: str
    shown: str
    reason: str


class ApprovalDecided(_Event, frozen=True):
    """The answer to `ApprovalRequested`."""

    request_id: str
    call_id: str
    verdict: Literal["once", "session", "always", "deny"]
    by: str
    """`person`, `rule`, `yolo`, `timeout`, `nobody`, or a plugin's name."""


class ToolStarted(_Event, frozen=True):
    """A call was approved and begins."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    shown: str = ""
    """The one argument a front end shows, cut to one line."""


class ToolProgress(_Event, frozen=True):
    """Live output of a running call."""

    call_id: str
    text: str


class ToolFinished(_Event, frozen=True):
    """A call ended, well or badly, or was refused. `seconds` is wall time."""

    call_id: str
    name: str
    result: ToolResult
    seconds: float
    title: str = ""
    """What happened in a few words, such as `12 matches in 3 files`."""
    diff: str = ""
    """A unified diff where the call changed a file."""


class StepFinished(_Event, frozen=True):
    """One request to the model and the calls it asked for are done. `usage` is this step's."""

    step: int
    usage: Usage


class SteeringAdded(_Event, frozen=True):
    """A message the user sent meanwhile was added to the conversation."""

    text: str


class Notice(_Event, frozen=True):
    """Something a person should know, in one sentence: a retry, a fallback, a limit near."""

    text: str
    level: Literal["info", "warning", "error"] = "info"
    code: str = ""


class TurnFinished(_Event, frozen=True):
    """The end. Always the last event, always exactly one."""

    outcome: Outcome
    text: str
    """The final answer: the text after the last tool call."""
    steps: int
    usage: Usage
    seconds: float
    error: str = ""
    """One readable sentence with what to do next, when `outcome` is failed or budget."""
    error_kind: str = ""
    """The class name of the error, such as `AuthFailed`."""


Event = (
    TurnStarted
    | Responding
    | AnswerRestarted
    | TextDelta
    | ReasoningDelta
    | SegmentFinished
    | ToolCallStarted
    | MessageAdded
    | ApprovalRequested
    | ApprovalDecided
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | StepFinished
    | SteeringAdded
    | Notice
    | TurnFinished
)

_encoder = msgspec.json.Encoder()


def encode_event(event: Event) -> bytes:
    """The event as one line of JSON, without the newline."""
    return _encoder.encode(event)
