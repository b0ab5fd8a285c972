"""Mails that no person wrote, and senders that write too often: neither starts anything, or two machines would answer
each other for ever (RFC 3834)."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

__all__ = ["HourlyLimit", "automatic"]

_HOUR = 3600.0
_SENDERS = 10_000

_MACHINES = re.compile(
    r"(?:no|do[-_.]?not|never)[-_.]?reply(?:[-_.+].*)?|.*[-_.](?:no|do[-_.]?not)[-_.]?reply"
    r"|mailer[-_.]?daemon|postmaster|bounces?(?:[-_.+].*)?|auto[-_.]?(?:reply|responder|confirm)(?:[-_.+].*)?"
)
_PRECEDENCE = {"bulk", "list", "junk", "auto_reply"}
_MARKS = ("X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond", "X-Autorespond-To", "X-Loop", "Feedback-ID")


def automatic(message: Message, sender: str, own: frozenset[str]) -> str:
    """Why nothing answers this mail; empty for one that a person may have written. `message` needs headers only."""
    submitted = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    precedence = str(message.get("Precedence", "")).strip().lower()
    names = {name.lower() for name in message}
    if sender in own:
        return "it is from the agent itself"
    if submitted not in ("no", ""):
        return f"Auto-Submitted is {submitted[:40]!r}"
    if precedence in _PRECEDENCE:
        return f"Precedence is {precedence!r}"
    if any(name.startswith("list-") for name in names):
        return "it comes from a mailing list"
    for mark in _MARKS:
        if mark.lower() in names:
            return f"it has {mark}"
    if any(str(value).strip() == "<>" for value in message.get_all("Return-Path", [])):
        return "it has no return path"
    if message.get_content_type() in (
        "multipart/report",
        "message/delivery-status",
        "message/disposition-notification",
    ):
        return "it is a delivery report"
    if _MACHINES.fullmatch(sender.partition("@")[0]):
        return "its sender is a machine"
    return ""


class HourlyLimit:
    """At most so many mails of one sender in any hour. Counts by when mails arrived, so that a day's mail that waited
    is not taken for a flood."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, sender: str, arrived: float) -> bool:
        """Whether one more may start something, which is then counted."""
        times = self._times.setdefault(sender, deque())
        self._times.move_to_end(sender)
        while times and abs(arrived - times[0]) >= _HOUR:
            times.popleft()
        if len(times) >= self._limit:
            return False
        times.append(arrived)
        while len(self._times) > _SENDERS:
            self._times.popitem(last=False)
        return True
