"""The folder of session files, as readers see it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import NotFound, SessionError
from hermes_host.sessions.lines import committed_length, decode_info, decode_record, is_info
from hermes_host.sessions.summary import Summary, read_summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hermes_host.records import SessionInfo, SessionRecord

__all__ = ["SessionFolder", "unusable"]

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_ID = re.compile(r"\d{8}_\d{6}_[0-9a-f]{6}")
_SUFFIX = ".jsonl"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class SessionFolder:
    """Finds and reads session files. Makes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, session_id: str) -> Path:
        """Where the session lies. Raises `NotFound` for what cannot be an id, such as `../x`."""
        if not _NAME.fullmatch(session_id):
            raise self.not_found(session_id)
        return self.path / f"{session_id}{_SUFFIX}"

    def is_id(self, name: str) -> bool:
        """Whether a session may be called so."""
        return _NAME.fullmatch(name) is not None

    def files(self) -> Sequence[tuple[str, int]]:
        """Ids and modification times in nanoseconds, newest first."""
        try:
            with os.scandir(self.path) as entries:
                found = [
                    (entry.name.removesuffix(_SUFFIX), entry.stat(follow_symlinks=False).st_mtime_ns)
                    for entry in entries
                    if entry.name.endswith(_SUFFIX) and _NAME.fullmatch(entry.name.removesuffix(_SUFFIX))
                ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unusable("", self.path, error) from error
        return sorted(found, key=lambda file: (-file[1], file[0]))

    def summary(self, session_id: str) -> Summary | None:
        """The summary of one session; None where there is none or where it cannot be read, which is logged."""
        try:
            descriptor = os.open(self.path / f"{session_id}{_SUFFIX}", _READ)
            try:
                summary = read_summary(descriptor, session_id)
            finally:
                os.close(descriptor)
            return self._without_lost_parent(summary) if summary is not None else None
        except FileNotFoundError:
            return None
        except (OSError, SessionError) as error:
            log.warning("session %s is left out: %s", session_id, error)
            return None

    def _without_lost_parent(self, summary: Summary) -> Summary:
        # A parent may be deleted while its children are written to by others, so nothing is changed in their files.
        parent = summary.info.parent
        if not parent or not _ID.fullmatch(parent) or (self.path / f"{parent}{_SUFFIX}").exists():
            return summary
        return msgspec.structs.replace(summary, info=msgspec.structs.replace(summary.info, parent=""))

    def info(self, session_id: str) -> SessionInfo | None:
        """What is known about one session, or None where there is none."""
        summary = self.summary(session_id) if _NAME.fullmatch(session_id) else None
        return summary.info if summary is not None else None

    def infos(self) -> Sequence[SessionInfo]:
        """What is known about every session, newest first."""
        infos = (self.info(session_id) for session_id, _ in self.files())
        return sorted((info for info in infos if info is not None), key=lambda info: (-info.updated, info.id))

    def read(self, session_id: str) -> bytes:
        """Everything that was committed. Raises `NotFound` and `SessionError`."""
        path = self.file(session_id)
        try:
            with os.fdopen(os.open(path, _READ), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            raise self.not_found(session_id) from None
        except OSError as error:
            raise unusable(session_id, path, error) from error
        if not (length := committed_length(data)):
            raise self.not_found(session_id)
        return data[:length]

    def records(self, session_id: str) -> Iterator[tuple[bytes, SessionRecord]]:
        """The records of a session, each with its line. Raises as `read` does, and for a newer file format.

        A line that is not JSON is left out and logged; it stays in the file.
        """
        for number, line in enumerate(self.read(session_id).split(b"\n"), start=1):
            if not line:
                continue
            try:
                if not is_info(line):
                    yield line, decode_record(line)
                elif number == 1:
                    decode_info(line)
            except ValueError as error:
                log.warning("session %s: line %d is damaged and left out: %s", session_id, number, error)

    @contextmanager
    def titles(self) -> Iterator[None]:
        """Nobody else gives a title meanwhile. The lock is held for milliseconds, so waiting for it is right."""
        descriptor = os.open(self.path / ".titles.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def not_found(self, reference: str) -> NotFound:
        """The error for a reference that names nothing, or several sessions, with the nearest ones."""
        infos = self.infos()
        matching = [info.id for info in infos if reference and info.id.startswith(reference)]
        if len(matching) > 1:
            return NotFound(f"{len(matching)} sessions begin with {reference!r}.", remedy=_such_as(matching))
        near = _near(reference, infos)
        remedy = _such_as(near) if near else "See `hermes sessions list`."
        return NotFound(f"There is no session {reference!r}.", remedy=remedy)


def _such_as(names: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(repr(name) for name in names[:3])}?"


def _near(reference: str, infos: Sequence[SessionInfo]) -> Sequence[str]:
    from difflib import get_close_matches

    titles = {info.title.casefold(): info.title for info in infos if info.title}
    wanted = reference.casefold()
    near = [titles[title] for title in get_close_matches(wanted, titles, n=3)]
    near += [title for folded, title in titles.items() if wanted and wanted in folded and title not in near]
    return near or get_close_matches(reference, [info.id for info in infos], n=3, cutoff=0.8)


def unusable(session_id: str, path: Path, error: OSError) -> SessionError:
    """The error for a file or folder that the system refuses."""
    what = f"Session {session_id!r}" if session_id else "The folder of sessions"
    return SessionError(
        f"{what} cannot be used: {error.strerror or error} ({path}).",
        remedy="Check free space and permissions there.",
    )
