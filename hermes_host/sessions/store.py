"""The store: who writes, who finds, who copies and removes."""

from __future__ import annotations

import datetime
import os
import secrets
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import NotFound, SessionError
from hermes_host.records import BACKGROUND_SOURCES, SearchHit, SessionInfo, SessionRecord
from hermes_host.sessions.folder import SessionFolder, unusable
from hermes_host.sessions.lines import encode_commit, encode_info, without_continuation
from hermes_host.sessions.summary import Summary
from hermes_host.sessions.titles import base_title, clean_title, unique_title
from hermes_host.sessions.writer import JsonlSessionWriter, create_file, lock, open_locked
from hermes_host.stream import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_host.specs import SessionStoreSpec

__all__ = ["JsonlSessionStore", "connect"]

_CLOCK_GRAIN = 2_000_000_000
"""Nanoseconds: the coarsest file times in use. Files nearer to each other are put in order by their records."""


def connect(context: PluginContext, spec: SessionStoreSpec) -> JsonlSessionStore:
    """The store in the host's home directory."""
    return JsonlSessionStore(context.home)


class JsonlSessionStore:
    """Conversations as JSON-lines files; the package's documentation says what is in them.

    Nothing is read or made before the first call. Any number of processes may use one folder: a session has one
    writer, by a lock that goes with its process, and any number of readers.
    """

    def __init__(self, home: Path) -> None:
        self._folder = SessionFolder(home / "sessions" / "jsonl")
        self._writers: set[JsonlSessionWriter] = set()

    def create(
        self, *, source: str = "cli", model: str = "", directory: str = "", parent: str = "", title: str = ""
    ) -> JsonlSessionWriter:
        """A new session. Raises `SessionError` when it cannot be written."""
        now = time.time()
        info = SessionInfo(
            id="", started=now, updated=now, source=source, model=model, directory=directory, parent=parent
        )
        return self._make(info, title)

    def open(self, session_id: str) -> JsonlSessionWriter:
        """Go on with a session. Raises `NotFound`, or `SessionError` while somebody else writes to it."""
        path = self._folder.file(session_id)
        try:
            descriptor, summary = open_locked(path, session_id)
        except NotFound:
            raise self._folder.not_found(session_id) from None
        except OSError as error:
            raise unusable(session_id, path, error) from error
        writer = self._writer(descriptor, path, summary)
        try:
            writer.go_on()
        except BaseException:
            writer.close()
            raise
        return writer

    def load(self, session_id: str) -> Sequence[SessionRecord]:
        """Every committed record, oldest first. Raises `NotFound`, and `SessionError` for an unreadable file.

        A line that is damaged (not JSON) is left out and logged; it stays in the file.
        """
        return [record for _, record in self._folder.records(session_id)]

    def find(self, reference: str) -> SessionInfo:
        """By id, unique prefix of an id, or title, in this order; upper and lower case of a title are alike.

        A title without a number means the one last used of `name`, `name #2`, `name #3` … Raises `NotFound`, naming
        near ones.
        """
        reference = reference.strip()
        if info := self._folder.info(reference):
            return info
        matching = [name for name, _ in self._folder.files() if reference and name.startswith(reference)]
        if len(matching) == 1 and (info := self._folder.info(matching[0])):
            return info
        wanted = clean_title(reference).casefold()
        for info in self._folder.infos() if wanted else ():
            title = info.title.casefold()
            if wanted in (title, base_title(title)):
                return info
        raise self._folder.not_found(reference)

    def list(self, *, limit: int = 50, source: str = "") -> Sequence[SessionInfo]:
        """The sessions last written to, newest first; those of background sources only where `source` asks for them.

        Reads only the end of each file it shows.
        """
        found: list[SessionInfo] = []
        border = 0
        hidden = frozenset() if source else BACKGROUND_SOURCES
        for session_id, modified in self._folder.files():
            if modified < border:
                break
            info = self._folder.info(session_id)
            if info is not None and source in ("", info.source) and info.source not in hidden:
                found.append(info)
                if len(found) == limit:
                    border = modified - _CLOCK_GRAIN
        return sorted(found, key=lambda info: (-info.updated, info.id))[:limit]

    def search(self, query: str, *, limit: int = 20) -> Sequence[SearchHit]:
        """Messages in which every word of `query` begins a word, newest session first; case does not matter.

        Reads every session: a gigabyte takes seconds. For more, a store with an index is the thing to install.
        """
        from hermes_host.sessions.search import Search

        wanted = Search(query)
        hits: list[SearchHit] = []
        for session_id, _ in self._folder.files() if wanted.words else ():
            if len(hits) >= limit:
                break
            info = self._folder.info(session_id)
            if info is None or info.source in BACKGROUND_SOURCES:
                continue
            try:
                data = self._folder.read(session_id)
            except (NotFound, SessionError):
                continue  # deleted meanwhile, empty or unreadable: nothing to find in it
            hits.extend(wanted.hits(session_id, data, limit - len(hits)))
        return hits

    def fork(self, session_id: str, *, until: str = "") -> JsonlSessionWriter:
        """A new session with the records up to and including the record `until` (all of them when empty).

        Its lines are those of the original, byte for byte, so that nothing this host does not know is lost. Usage
        begins at zero: what the original spent is the original's. Raises `NotFound` for the session or the record.
        """
        lines, messages, last = [], 0, ""
        for line, record in self._folder.records(session_id):
            lines.append(line)
            messages += record.kind == "message"
            last = record.id
            if until and last == until:
                break
        if until and last != until:
            raise NotFound(f"Session {session_id!r} has no record {until!r}.")
        original = self._folder.info(session_id)
        if original is None:
            raise self._folder.not_found(session_id)
        now = time.time()
        info = msgspec.structs.replace(
            original, parent=session_id, started=now, updated=now, ended="", messages=messages, usage=Usage()
        )
        return self._make(info, original.title, lines)

    def restore(self, info: SessionInfo, records: Sequence[SessionRecord]) -> None:
        """Bring in a conversation from elsewhere, whole, with the id, the times and the title it had.

        A title that another conversation has already gets a number. Raises `SessionError` when there is one of that
        id, or when `info.id` is no session id; nothing is then changed.
        """
        if not self._folder.is_id(info.id):
            raise SessionError(f"{info.id!r} cannot be the id of a session.")
        path = self._folder.file(info.id)
        messages = sum(record.kind == "message" for record in records)
        info = msgspec.structs.replace(info, messages=messages)
        lines = encode_commit(records).rstrip(b"\n").split(b"\n") if records else []
        try:
            private_directory(self._folder.path)
            with self._folder.titles() if info.title else nullcontext():
                title = unique_title(info.title, self._taken("")) if info.title else ""
                content = _file_content(msgspec.structs.replace(info, title=title), lines)
                descriptor = create_file(path, content)
        except FileExistsError:
            raise SessionError(f"There is a session {info.id!r} already.") from None
        except OSError as error:
            raise unusable(info.id, path, error) from error
        try:
            os.fsync(descriptor)
            os.utime(descriptor, (info.updated, info.updated))
        except OSError as error:
            raise unusable(info.id, path, error) from error
        finally:
            os.close(descriptor)

    def delete(self, session_id: str) -> None:
        """Remove the session's file; those forked from it have no parent any more.

        Raises `NotFound`, or `SessionError` while it is written to.
        """
        path = self._folder.file(session_id)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                lock(descriptor, session_id)
                path.unlink()
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise self._folder.not_found(session_id) from None
        except OSError as error:
            raise unusable(session_id, path, error) from error

    def close(self) -> None:
        """Close the sessions that this store opened and that are still open."""
        for writer in list(self._writers):
            writer.close()

    def _make(self, info: SessionInfo, title: str, lines: Sequence[bytes] = ()) -> JsonlSessionWriter:
        try:
            private_directory(self._folder.path)
            with self._folder.titles() if title else nullcontext():
                title = unique_title(title, self._taken("")) if title else ""
                return self._make_file(msgspec.structs.replace(info, title=title), lines)
        except OSError as error:
            raise unusable("", self._folder.path, error) from error

    def _make_file(self, info: SessionInfo, lines: Sequence[bytes]) -> JsonlSessionWriter:
        while True:
            info = msgspec.structs.replace(info, id=_new_id(info.started))
            path = self._folder.file(info.id)
            try:
                descriptor = create_file(path, _file_content(info, lines))
            except FileExistsError:
                continue
            return self._writer(descriptor, path, Summary(info, {}, 0))

    def _writer(self, descriptor: int, path: Path, summary: Summary) -> JsonlSessionWriter:
        writer = JsonlSessionWriter(descriptor, path, summary, retitle=self._retitle, on_close=self._writers.discard)
        self._writers.add(writer)
        return writer

    def _retitle(self, session_id: str, title: str, write: Callable[[str], None]) -> str:
        try:
            with self._folder.titles():
                unique = unique_title(title, self._taken(session_id))
                write(unique)
        except OSError as error:
            raise unusable(session_id, self._folder.path, error) from error
        return unique

    def _taken(self, session_id: str) -> Sequence[str]:
        return [info.title for info in self._folder.infos() if info.title and info.id != session_id]


def _file_content(info: SessionInfo, lines: Sequence[bytes]) -> bytes:
    header = encode_info(info, {}, header=True)
    if not lines:
        return header
    # The info behind the copied records is what counts: by it, their tokens are not counted as spent here.
    return header + b"\n".join([*lines[:-1], without_continuation(lines[-1]), encode_info(info, {})])


def _new_id(started: float) -> str:
    return f"{datetime.datetime.fromtimestamp(started):%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
