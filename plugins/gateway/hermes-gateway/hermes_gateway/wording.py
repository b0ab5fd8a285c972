"""What people read when something goes wrong: short, without paths or secrets, and with what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_host.events import TurnFinished

__all__ = ["failure", "failure_of", "outcome_text"]

_LIMIT = 300

_KINDS = {
    "AuthFailed": "The model's provider refused the key. The owner can check it with `hermes doctor`.",
    "RateLimited": "The model's provider is limiting requests. Wait a little and try again with /retry.",
    "Overloaded": "The model's provider is overloaded. Try again in a moment with /retry.",
    "ContextTooLong": "This conversation has become too long for the model. /compress shortens it, /new begins anew.",
    "BadRequest": "The model's provider rejected the request. /retry tries again, /new begins a new conversation.",
    "ConnectionLost": "The connection to the model broke. /retry tries again.",
    "InvalidResponse": "The model's answer could not be read. /retry tries again.",
    "ContentRefused": "The model's provider refused to answer this. Try other words.",
    "BudgetExceeded": "A spending limit is reached. The owner can raise it.",
    "TimeoutError": "The time for this turn is up. Say “go on” to continue.",
    "SessionError": "The conversation cannot be used at the moment. Try again, or begin a new one with /new.",
    "RepeatedCall": "I kept making the same failing call and stopped. Say what to do differently.",
}

_PATH = re.compile(r"(?<![\w/])(?:~|[A-Za-z]:)?[/\\](?:[\w.@+\-]+[/\\])+[\w.@+\-]*")
_URL = re.compile(r"\bhttps?://\S+")


def failure(kind: str, text: str) -> str:
    """What is said about an error of that kind."""
    known = _KINDS.get(kind)
    if known is not None:
        return f"⚠️ {known}"
    if text.startswith("Internal error"):
        return "⚠️ Something went wrong on my side. /retry tries again; the owner finds the details in the log."
    return f"⚠️ {_short(text) or 'Something went wrong.'} /retry tries again."


def failure_of(error: BaseException) -> str:
    """What is said about an exception."""
    if isinstance(error, HermesError):
        kind = type(error).__name__
        if kind in _KINDS:
            return failure(kind, "")
        return f"⚠️ {_short(str(error))}"
    return failure("", "Internal error")


def outcome_text(finished: TurnFinished) -> str:
    """The answer to send, with what there is to say about how the turn ended; empty for nothing."""
    text = finished.text.strip()
    if finished.outcome == "completed":
        return "" if text in _SILENCE else text
    if finished.outcome == "truncated":
        return f"{text}\n\n_(The answer was cut off at the model's limit. Say “go on” for the rest.)_"
    if finished.outcome == "budget":
        said = failure(finished.error_kind, finished.error) if finished.error else ""
        return "\n\n".join(filter(None, (text, said or "_(The limit of steps for one turn is reached.)_")))
    if finished.outcome == "failed":
        return "\n\n".join(filter(None, (text, failure(finished.error_kind, finished.error))))
    return f"{text}\n\n_(interrupted)_" if text else ""


_SILENCE = frozenset({"[SILENT]", "NO_REPLY", ""})


def _short(text: str) -> str:
    hidden = _PATH.sub("…", _URL.sub("…", " ".join(text.split())))
    return hidden if len(hidden) <= _LIMIT else f"{hidden[: _LIMIT - 1]}…"
