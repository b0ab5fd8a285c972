"""Whether a webhook is who it says: the ways in which the big senders sign.

All comparisons take the same time however wrong the signature is. What has a timestamp is refused when that is too far
from now, so that what was overheard cannot be sent again later; within the window the delivery's id counts once.

Sources: GitHub, "Validating webhook deliveries"; GitLab, "Webhooks" (secret token); standardwebhooks.com, version 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Verdict", "sign", "verify"]


class Verdict(NamedTuple):
    """Whether it is genuine, and the id that the sender gave the delivery (empty where it gave none)."""

    genuine: bool
    delivery: str = ""
    reason: str = ""


def verify(
    scheme: str, headers: Mapping[str, str], body: bytes, secret: str, window: float, *, now: float | None = None
) -> Verdict:
    """Judge a request. `headers` ignore case; an empty secret never matches."""
    if not secret:
        return Verdict(False, reason="the webhook has no secret")
    ways = {
        "github": _github,
        "gitlab": _gitlab,
        "standard": _standard,
        "timestamped": _timestamped,
        "plain": _plain,
    }
    if scheme == "auto":
        scheme = next((name for name, header in _SHOWN_BY if header in headers), "")
    way = ways.get(scheme)
    if way is None:
        return Verdict(False, reason="it is not signed")
    return way(headers, body, secret.encode(), window, time.time() if now is None else now)


# `plain` is not among them: it has no guard against repetition, so its owner must have chosen it.
_SHOWN_BY = (
    ("github", "X-Hub-Signature-256"),
    ("gitlab", "X-Gitlab-Token"),
    ("standard", "webhook-signature"),
    ("timestamped", "X-Webhook-Timestamp"),
)


def sign(secret: str, delivery: str, body: bytes, *, now: float | None = None) -> dict[str, str]:
    """The headers of a webhook that we send, as Standard Webhooks."""
    stamp = str(int(time.time() if now is None else now))
    digest = hmac.digest(_standard_key(secret), f"{delivery}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": delivery,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _github(headers: Mapping[str, str], body: bytes, secret: bytes, window: float, now: float) -> Verdict:
    given = headers.get("X-Hub-Signature-256", "").removeprefix("sha256=")
    # GitHub sends no time: what guards against repetition is the delivery's id alone.
    return _judged(given, [_hex(secret, body)], headers.get("X-GitHub-Delivery", ""))


def _gitlab(headers: Mapping[str, str], body: bytes, secret: bytes, window: float, now: float) -> Verdict:
    given = headers.get("X-Gitlab-Token", "")
    delivery = headers.get("webhook-id") or headers.get("X-Gitlab-Event-UUID", "")
    return _judged(given, [secret.decode()], delivery)


def _standard(headers: Mapping[str, str], body: bytes, secret: bytes, window: float, now: float) -> Verdict:
    stamp, delivery = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if late := _lateness(stamp, window, now):
        return Verdict(False, reason=late)
    signed = f"{delivery}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.digest(_standard_key(secret.decode()), signed, "sha256")).decode()
    given = [part.removeprefix("v1,") for part in headers.get("webhook-signature", "").split(" ") if part[:3] == "v1,"]
    if not delivery or not any(_same(item, expected) for item in given[:10]):
        return Verdict(False, reason="the signature is wrong")
    return Verdict(True, delivery)


def _timestamped(headers: Mapping[str, str], body: bytes, secret: bytes, window: float, now: float) -> Verdict:
    stamp = headers.get("X-Webhook-Timestamp", "")
    if late := _lateness(stamp, window, now):
        return Verdict(False, reason=late)
    given = headers.get("X-Webhook-Signature", "").removeprefix("sha256=")
    return _judged(given, [_hex(secret, f"{stamp}.".encode() + body)], headers.get("X-Request-ID", ""))


def _plain(headers: Mapping[str, str], body: bytes, secret: bytes, window: float, now: float) -> Verdict:
    given = headers.get("X-Webhook-Signature", "").removeprefix("sha256=")
    return _judged(given, [_hex(secret, body)], headers.get("X-Request-ID", ""))


def _judged(given: str, expected: Sequence[str], delivery: str) -> Verdict:
    if not given:
        return Verdict(False, reason="it is not signed")
    if not any(_same(given, item) for item in expected):
        return Verdict(False, reason="the signature is wrong")
    return Verdict(True, delivery)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _hex(secret: bytes, body: bytes) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def _standard_key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text, validate=True) if secret.startswith("whsec_") else text.encode()
    except (binascii.Error, ValueError):
        return text.encode()


def _lateness(stamp: str, window: float, now: float) -> str:
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 15:
        return "it has no timestamp"
    return "" if abs(now - int(stamp)) <= window else "its timestamp is too far from now"
