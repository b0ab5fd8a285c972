"""What networks, proxies and vendors do to an answer: faults made from good answers, for any wire format.

    faulty = FAULTS["cut"](chat("Hello")(request), random.Random(7))

Each takes a well-formed `Answer` and a source of chance, and gives the damaged one. `LASTING` names those that hold the
connection until the client gives up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hermes_host.testing.model_server import Answer, Pause

__all__ = ["FAULTS", "LASTING", "Fault"]

Fault = Callable[[Answer, Random], Answer]


def _somewhere(answer: Answer, chance: Random) -> int:
    return chance.randrange(1, max(2, len(answer.pieces)))


def cut(answer: Answer, chance: Random) -> Answer:
    """The connection is reset in the middle."""
    return replace(answer, pieces=[*answer.pieces[: _somewhere(answer, chance)], Pause.CUT])


def close(answer: Answer, chance: Random) -> Answer:
    """The connection is closed in order, before the end."""
    return replace(answer, pieces=[*answer.pieces[: _somewhere(answer, chance)], Pause.CLOSE])


def truncate(answer: Answer, chance: Random) -> Answer:
    """The body ends early and well-formed, as when a proxy gives up."""
    return replace(answer, pieces=list(answer.pieces[: _somewhere(answer, chance)]))


def stall(answer: Answer, chance: Random) -> Answer:
    """Silence in the middle."""
    place = _somewhere(answer, chance)
    return replace(answer, pieces=[*answer.pieces[:place], Pause.HOLD, *answer.pieces[place:]])


def stall_first(answer: Answer, chance: Random) -> Answer:
    """Silence before the first byte."""
    return replace(answer, hold_first=True)


def garble(answer: Answer, chance: Random) -> Answer:
    """Bytes that are not UTF-8 stand in the middle of a line."""
    pieces = list(answer.pieces)
    place = min(_somewhere(answer, chance), len(pieces) - 1)
    piece = pieces[place]
    if isinstance(piece, bytes):
        middle = len(piece) // 2
        pieces[place] = piece[:middle] + b"\xff\xfe\x80" + piece[middle:]
    return replace(answer, pieces=pieces)


def web_page(answer: Answer, chance: Random) -> Answer:
    """A proxy's page in place of the answer."""
    page = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>nginx</body></html>"
    status = chance.choice((200, 502, 504))
    return Answer(pieces=[page], status=status, headers={"content-type": "text/html"}, framing="length")


def nothing(answer: Answer, chance: Random) -> Answer:
    """Status 200 and no body at all."""
    return replace(answer, pieces=[b""], framing="length")


def server_error(answer: Answer, chance: Random) -> Answer:
    """500, 503 or 529."""
    return _error(chance.choice((500, 503, 529)))


def too_many(answer: Answer, chance: Random) -> Answer:
    """429 that asks for no wait."""
    return _error(429, {"retry-after": "0"})


def _error(status: int, headers: dict[str, str] | None = None) -> Answer:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Try again.","code":null,"param":null}}'
    return Answer(
        pieces=[body], status=status, headers={"content-type": "application/json", **(headers or {})}, framing="length"
    )


FAULTS: dict[str, Fault] = {
    "cut": cut,
    "close": close,
    "truncate": truncate,
    "stall": stall,
    "stall_first": stall_first,
    "garble": garble,
    "web_page": web_page,
    "nothing": nothing,
    "server_error": server_error,
    "too_many": too_many,
}

LASTING = frozenset({"stall", "stall_first"})
