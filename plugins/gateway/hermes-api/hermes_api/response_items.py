"""A response and its items, as the Responses API shows them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import text_of

if TYPE_CHECKING:
    from hermes_host.events import ToolStarted
    from hermes_host.messages import ToolResult
    from hermes_host.stream import Usage

__all__ = ["call_item", "message_item", "output_item", "resource", "text_part", "usage_of"]


def resource(body: dict[str, Any], identity: str, created: int, **known: Any) -> dict[str, Any]:
    """A response with every field the API has; `body` is the request."""
    reasoning, text = _mapping(body.get("reasoning")), _mapping(body.get("text"))
    return {
        "id": identity,
        "object": "response",
        "created_at": created,
        "completed_at": None,
        "status": "in_progress",
        "incomplete_details": None,
        "model": body["model"],
        "previous_response_id": None,
        "instructions": None,
        "output": [],
        "error": None,
        "tools": [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": _format(text.get("format"))},
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "temperature": 1.0 if body.get("temperature") is None else float(body["temperature"]),
        "reasoning": {"effort": reasoning.get("effort"), "summary": _summary(reasoning)},
        "usage": None,
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "store": body.get("store") is not False,
        "background": False,
        "service_tier": "default",
        "metadata": _mapping(body.get("metadata")),
        "safety_identifier": None,
        "prompt_cache_key": None,
        **known,
    }


def _summary(reasoning: dict[str, Any]) -> str | None:
    wish = reasoning.get("summary")
    return wish if wish in ("auto", "concise", "detailed") else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _format(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("type") not in ("json_schema", "json_object"):
        return {"type": "text"}
    if value["type"] == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "name": str(value.get("name") or "answer"),
        "description": value.get("description"),
        "schema": value.get("schema"),
        "strict": bool(value.get("strict")),
    }


def text_part(text: str) -> dict[str, Any]:
    """A piece of text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message_item(identity: str, text: str | None, status: str = "completed") -> dict[str, Any]:
    """What the agent said; None for a message that has only begun."""
    content = [] if text is None else [text_part(text)]
    return {"type": "message", "id": identity, "status": status, "role": "assistant", "content": content}


def call_item(event: ToolStarted, status: str) -> dict[str, Any]:
    """A tool the agent called. It runs it itself: there is nothing for the client to do."""
    return {
        "type": "function_call",
        "id": f"fc_{secrets.token_hex(12)}",
        "call_id": event.call_id,
        "name": event.name,
        "arguments": msgspec.json.encode(event.arguments).decode(),
        "status": status,
    }


def output_item(result: ToolResult) -> dict[str, Any]:
    """What the tool gave."""
    return {
        "type": "function_call_output",
        "id": f"fco_{secrets.token_hex(12)}",
        "call_id": result.call_id,
        "output": text_of(result.content),
        "status": "incomplete" if result.is_error else "completed",
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Tokens of all steps, as responses count them."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
