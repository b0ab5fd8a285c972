"""The events of a response as it grows: items begun, written and done, in order."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from hermes_api.response_items import call_item, message_item, output_item, text_part
from hermes_host.events import ReasoningDelta, SegmentFinished, ToolFinished, ToolStarted

if TYPE_CHECKING:
    from hermes_api.errors import ApiError
    from hermes_api.running import Run
    from hermes_host.events import Event

__all__ = ["Items"]

Events = list[dict[str, Any]]


class Items:
    """The output of one response. Every method gives the events to be sent, without their numbers."""

    def __init__(self, response: dict[str, Any], *, show_tools: bool, reasoning: bool) -> None:
        self.response = response
        self._output: list[dict[str, Any]] = response["output"]
        self._show_tools = show_tools
        self._reasoning = reasoning
        self._message: dict[str, Any] | None = None
        self._text: list[str] = []
        self._calls: dict[str, int] = {}
        self._thought: dict[str, Any] | None = None
        self._thoughts: list[str] = []

    def begin(self) -> Events:
        """The response exists."""
        return [
            {"type": "response.created", "response": self._snapshot()},
            {"type": "response.in_progress", "response": self._snapshot()},
        ]

    def take(self, run: Run, event: Event) -> Events:
        """Something happened."""
        piece = run.segments.feed(event)
        if run.wanted.form is None:
            events = self._written(piece) if piece else []
            if isinstance(event, SegmentFinished):
                events += self._close_message()
        else:
            events = []
        if self._reasoning and isinstance(event, ReasoningDelta):
            events += self._thinks(event.text)
        elif self._show_tools and isinstance(event, ToolStarted):
            events += self._close_thought() + self._called(event)
        elif self._show_tools and isinstance(event, ToolFinished) and event.call_id in self._calls:
            events += self._returned(event)
        return events

    def finish(self, run: Run) -> Events:
        """The turn is over, well."""
        if run.wanted.form is not None:
            return self._close_thought() + self._written(run.content) + self._close_message()
        return self._close_thought() + self._close_message()

    def last(self) -> dict[str, Any]:
        """The end of the stream."""
        return {"type": f"response.{self.response['status']}", "response": self._snapshot()}

    def fail(self, error: ApiError) -> Events:
        """The turn failed."""
        events = self._close_message(status="incomplete")
        self.response["status"] = "failed"
        self.response["error"] = {"code": error.code or "server_error", "message": error.message}
        return [*events, {"type": "response.failed", "response": self._snapshot()}]

    # ------------------------------------------------------------------------------------------------ the message

    def _written(self, piece: str) -> Events:
        events: Events = []
        if self._message is None:
            events += self._close_thought()
            piece = piece.removeprefix("\n\n")  # items are apart by themselves
            self._message = message_item(f"msg_{secrets.token_hex(12)}", None, "in_progress")
            self._output.append(self._message)
            place = len(self._output) - 1
            events.append({"type": "response.output_item.added", "output_index": place, "item": dict(self._message)})
            events.append(self._in_message("response.content_part.added", part=text_part("")))
        if piece:
            self._text.append(piece)
            events.append(self._in_message("response.output_text.delta", delta=piece, logprobs=[]))
        return events

    def _close_message(self, status: str = "completed") -> Events:
        if self._message is None:
            return []
        text = "".join(self._text)
        place = self._output.index(self._message)
        done = self._output[place] = message_item(self._message["id"], text, status)
        events = [
            self._in_message("response.output_text.done", place, text=text, logprobs=[]),
            self._in_message("response.content_part.done", place, part=text_part(text)),
            {"type": "response.output_item.done", "output_index": place, "item": done},
        ]
        self._message, self._text = None, []
        return events

    def _in_message(self, kind: str, place: int | None = None, **more: Any) -> dict[str, Any]:
        assert self._message is not None, "a message is open"
        place = self._output.index(self._message) if place is None else place
        return {"type": kind, "item_id": self._message["id"], "output_index": place, "content_index": 0, **more}

    # ------------------------------------------------------------------------------------------------- the tools

    def _called(self, event: ToolStarted) -> Events:
        item = call_item(event, "in_progress")
        self._calls[event.call_id] = place = len(self._output)
        self._output.append(item)
        where = {"item_id": item["id"], "output_index": place}
        return [
            {"type": "response.output_item.added", "output_index": place, "item": {**item, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]},
            {
                "type": "response.function_call_arguments.done",
                **where,
                "name": event.name,
                "arguments": item["arguments"],
            },
        ]

    def _returned(self, event: ToolFinished) -> Events:
        place = self._calls.pop(event.call_id)
        call = self._output[place] = {**self._output[place], "status": "completed"}
        result = output_item(event.result)
        self._output.append(result)
        last = len(self._output) - 1
        return [
            {"type": "response.output_item.done", "output_index": place, "item": call},
            {"type": "response.output_item.added", "output_index": last, "item": result},
            {"type": "response.output_item.done", "output_index": last, "item": result},
        ]

    # --------------------------------------------------------------------------------------------------- thoughts

    def _thinks(self, text: str) -> Events:
        events: Events = []
        if self._thought is None:
            self._thought = {"type": "reasoning", "id": f"rs_{secrets.token_hex(12)}", "summary": []}
            self._output.append(self._thought)
            place = len(self._output) - 1
            events.append({"type": "response.output_item.added", "output_index": place, "item": dict(self._thought)})
        self._thoughts.append(text)
        place = self._output.index(self._thought)
        where = {"item_id": self._thought["id"], "output_index": place, "summary_index": 0}
        return [*events, {"type": "response.reasoning_summary_text.delta", **where, "delta": text}]

    def _close_thought(self) -> Events:
        if self._thought is None:
            return []
        place = self._output.index(self._thought)
        summary = [{"type": "summary_text", "text": "".join(self._thoughts)}]
        item = self._output[place] = {**self._thought, "summary": summary}
        self._thought, self._thoughts = None, []
        return [{"type": "response.output_item.done", "output_index": place, "item": item}]

    def _snapshot(self) -> dict[str, Any]:
        return {**self.response, "output": list(self._output)}
