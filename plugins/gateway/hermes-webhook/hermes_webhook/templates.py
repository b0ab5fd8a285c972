"""What the agent is told about a webhook: a text of the owner's with places for what came in."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["event_of", "render"]

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*|__raw__)\}")
_LONGEST_VALUE, _LONGEST_WHOLE = 2000, 4000


def render(template: str, payload: Any, event: str = "") -> str:
    """`template` with each `{dotted.path}` replaced; a path that leads nowhere stays as it is written.

    `{__raw__}` is everything, `{__event__}` the event. Without a template: everything, as JSON.
    """
    whole = _text(payload, _LONGEST_WHOLE)
    if not template.strip():
        return f"An event came in{f' ({event})' if event else ''}:\n\n```json\n{whole}\n```"

    def filled(match: re.Match[str]) -> str:
        path = match.group(1)
        if path in ("__raw__", "__event__"):
            return whole if path == "__raw__" else event
        found, value = _look_up(payload, path.split("."))
        return _text(value, _LONGEST_VALUE) if found else match.group()

    # In one pass: what came in is never a template itself.
    return _PLACE.sub(filled, template)


def event_of(headers: Any, payload: Any) -> str:
    """The event's name, in the words of its sender."""
    for name in ("X-GitHub-Event", "X-Gitlab-Event", "X-Event-Type"):
        if headers.get(name):
            return str(headers[name])[:100]
    for key in ("event_type", "type", "event"):
        value = payload.get(key) if isinstance(payload, dict) else None
        if isinstance(value, str):
            return value[:100]
    return ""


def _look_up(value: Any, path: list[str]) -> tuple[bool, Any]:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def _text(value: Any, longest: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters in all)"
