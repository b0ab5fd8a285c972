"""The parameters and results of the requests between the host and an isolated plugin's process."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hermes_host.messages import Media, Part, Provenance, Text

__all__ = [
    "RECORD_LIMIT",
    "Announcement",
    "Asked",
    "Call",
    "Context",
    "Event",
    "Initialize",
    "Initialized",
    "OpenProvider",
    "Progress",
    "Record",
    "Result",
    "ResultMeta",
    "StreamRequest",
    "UseProvider",
    "own_words",
]

Name = Literal["info", "warning", "error"]


class Initialize(msgspec.Struct, kw_only=True):
    """`initialize`: which plugin to load, and all that it is given."""

    plugin: str
    home: str
    """The folder its own folders lie in, as on the host."""
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}


class Initialized(msgspec.Struct, kw_only=True):
    """What became of it."""

    tools: dict[str, frozenset[str]] = {}
    """The effects of each tool."""
    providers: list[str] = []
    problems: list[str] = []


class Context(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a call is made in."""

    session: str
    directory: str
    source: str
    remaining: float
    call_id: str = ""
    turn_id: str = ""
    can_ask: bool = False
    can_approve: bool = False
    origin: Provenance = "external"
    recorded: dict[str, Any] = {}


class Call(msgspec.Struct, kw_only=True):
    """`tools/call`."""

    name: str
    arguments: dict[str, Any]
    meta: Context = msgspec.field(name="_meta")


class ResultMeta(msgspec.Struct, kw_only=True):
    """What people see of a result."""

    title: str = ""
    diff: str = ""


class Result(msgspec.Struct, kw_only=True):
    """What a tool gave."""

    content: tuple[Text | Media, ...]
    is_error: bool = msgspec.field(default=False, name="isError")
    meta: ResultMeta = msgspec.field(default_factory=ResultMeta, name="_meta")


def own_words(part: Part) -> Part:
    """A part as a plugin may send it. Raises `ValueError` for one that names a file of this machine, which whoever
    shows or sends the part would read with the host's rights."""
    if isinstance(part, Media) and part.url and not part.url.lower().startswith(("https://", "http://")):
        raise ValueError(f"a medium at {part.url[:80]!r}: it may send bytes, or name an address of the web")
    return part


class Progress(msgspec.Struct, kw_only=True):
    """`notifications/progress`."""

    call: int
    message: str


class Announcement(msgspec.Struct, kw_only=True):
    """`hermes/announce`."""

    call: int
    text: str
    level: Name = "info"
    code: str = ""


RECORD_LIMIT = 64_000
"""Bytes of one record."""


class Record(msgspec.Struct, kw_only=True):
    """`hermes/record`."""

    call: int
    name: str
    data: dict[str, Any]


class Asked(msgspec.Struct, kw_only=True):
    """`hermes/ask`."""

    call: int
    text: str
    choices: tuple[str, ...] = ()
    timeout: float = 120.0
    secret: bool = False


class OpenProvider(msgspec.Struct, kw_only=True):
    """`hermes/providers/open`: gives a handle."""

    provider: str
    secrets: dict[str, str] = {}


class UseProvider(msgspec.Struct, kw_only=True):
    """`hermes/providers/models` and `hermes/providers/close`."""

    handle: int


class StreamRequest(msgspec.Struct, kw_only=True):
    """`hermes/providers/stream`: `request` is a `ModelRequest`."""

    handle: int
    request: msgspec.Raw


class Event(msgspec.Struct, kw_only=True):
    """`hermes/providers/event`: an event of the stream that the request `call` asked for."""

    call: int
    kind: str
    event: msgspec.Raw
