"""Where conversations are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.records import SearchHit, SessionInfo, SessionRecord

__all__ = ["SessionStore", "SessionWriter"]


class SessionWriter(Protocol):
    """The one writer of one session, from `SessionStore.open`. What `append` returned from survives `kill -9`."""

    @property
    def info(self) -> SessionInfo:
        """The conversation as it is now."""
        ...

    def append(self, *records: SessionRecord) -> None:
        """Write in one commit, in order. Raises `SessionError` when the disk refuses; nothing is then half written."""
        ...

    def rename(self, title: str) -> str:
        """Set the title; gives the one really set (trimmed, at most 100 characters, unique)."""
        ...

    def end(self, reason: str) -> None:
        """Mark the conversation as ended."""
        ...

    def close(self) -> None:
        """Release it. May be called twice."""
        ...


@runtime_checkable
class SessionStore(Protocol):
    """Where conversations are kept. Calls are short and synchronous: no network, no waiting beyond the disk."""

    def create(
        self, *, source: str = "cli", model: str = "", directory: str = "", parent: str = "", title: str = ""
    ) -> SessionWriter:
        """Begin a conversation, written to by the caller alone."""
        ...

    def open(self, session_id: str) -> SessionWriter:
        """Go on with a session. Raises `NotFound`, or `SessionError` while another process writes to it."""
        ...

    def load(self, session_id: str) -> Sequence[SessionRecord]:
        """Everything, oldest first, without a torn last line. Raises `NotFound`."""
        ...

    def find(self, reference: str) -> SessionInfo:
        """By id, unique prefix of an id, or title (the newest of its name). Raises `NotFound`, naming near ones."""
        ...

    def list(self, *, limit: int = 50, source: str = "") -> Sequence[SessionInfo]:
        """Newest first. Those of `hermes_host.records.BACKGROUND_SOURCES` only where `source` asks for them."""
        ...

    def search(self, query: str, *, limit: int = 20) -> Sequence[SearchHit]:
        """Where the words of `query` occur, best first; not in sessions of `BACKGROUND_SOURCES`. Never raises for
        what is typed: operators that make no sense are words."""
        ...

    def fork(self, session_id: str, *, until: str = "") -> SessionWriter:
        """A new session with the records up to and including the record `until` (all of them when empty)."""
        ...

    def restore(self, info: SessionInfo, records: Sequence[SessionRecord]) -> None:
        """Bring in a conversation from elsewhere, whole, with the id, the times and the title it had.

        Raises `SessionError` when there is one of that id, or when `info.id` is no session id; nothing is then changed.
        """
        ...

    def delete(self, session_id: str) -> None:
        """Sessions forked from it stay, without a parent. Raises `NotFound`, or `SessionError` while it is in use."""
        ...

    def close(self) -> None:
        """Release it. May be called twice."""
        ...
