"""What the backends of far machines have in common: one place for each session, names, and who has which open."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import asynccontextmanager, contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import NotFound, SessionError
from hermes_host.protocols import SessionStore
from hermes_host.terminals.remote.place import Place
from hermes_host.terminals.remote.terminal import RemoteTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from hermes_host.context import Services
    from hermes_host.terminals.remote.place import Keeper

__all__ = ["Book", "Places", "Record", "home_name", "is_gone", "replace_file", "start_directory"]


class Record(msgspec.Struct, kw_only=True):
    """What is known about a session's sandbox, in a file of its own."""

    key: str
    image: str = ""
    """Where its files are while it sleeps; empty where the vendor keeps them with the sandbox."""
    slept: float = 0.0
    """When they were put there, in seconds since the epoch."""


class Book:
    """The plugin's folder: an id for this home, a record for each sandbox, and locks for those that are open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def home(self) -> str:
        """A random name for this home, made once: paths are the same on many machines, and accounts are shared."""
        return home_name(self._folder)

    def name(self, key: str) -> str:
        """The sandbox's name for the vendor."""
        digest = hashlib.blake2b(f"{self.home}\0{key}".encode(), digest_size=12).hexdigest()
        return f"hermes-{digest}"

    def labels(self, key: str) -> dict[str, str]:
        """What the sandbox carries, so that it is found again by whose it is."""
        plain = key if re.fullmatch(r"[A-Za-z0-9._-]{1,60}", key) else ""
        return {"hermes-home": self.home, **({"hermes-session": plain} if plain else {})}

    def record(self, name: str) -> Record | None:
        """What is written down about a sandbox."""
        try:
            return msgspec.json.decode(self._file(name).read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise SessionError(
                f"The record of a sandbox is damaged: {self._file(name)}: {error}",
                remedy="Remove that file; the files the sandbox had are then not found again.",
            ) from error

    def write(self, name: str, record: Record) -> None:
        """Write it down, at once or not at all."""
        self._file(name).parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._file(name), msgspec.json.encode(record))

    def forget(self, name: str) -> None:
        """Remove the record."""
        self._file(name).unlink(missing_ok=True)

    def names(self) -> Sequence[str]:
        """Every sandbox something is written down about."""
        return sorted(path.stem for path in self._file("x").parent.glob("*.json"))

    @contextmanager
    def opened(self, name: str) -> Iterator[None]:
        """Hold the sandbox for this process. Raises `SessionError` when another one has it."""
        descriptor = self._lock(name)
        if descriptor is None:
            raise SessionError(
                "Another process has this conversation's sandbox open.",
                remedy="Close it there, or start a new conversation.",
            )
        try:
            yield
        finally:
            os.close(descriptor)

    def is_open(self, name: str) -> bool:
        """Whether some process has it open, this one included."""
        descriptor = self._lock(name)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def _file(self, name: str) -> Path:
        return self._folder / "sandboxes" / f"{name}.json"

    def _lock(self, name: str) -> int | None:
        folder = self._folder / "open"
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


class Places:
    """The places of the sessions that are open, each shared by all who open it with the same key."""

    def __init__(
        self,
        book: Book,
        make_keeper: Callable[[str, str], Keeper[Any]],
        *,
        idle_after: float,
        persistent: bool,
    ) -> None:
        """`make_keeper` gets the session's key and the sandbox's name."""
        self._book = book
        self._make_keeper = make_keeper
        self._idle_after = idle_after
        self._persistent = persistent
        self._open: dict[str, tuple[Place[Any], str, list[None]]] = {}

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    @asynccontextmanager
    async def terminal(self, key: str, directory: str, home: str) -> AsyncIterator[RemoteTerminal]:
        """A terminal in the session's place; with the last one, the place is closed."""
        if key in self._open:
            place, tag, users = self._open[key]
            users.append(None)
            try:
                yield RemoteTerminal(place, tag=tag, directory=directory, home=home)
            finally:
                users.pop()
            return
        name = self._book.name(key)
        with self._book.opened(name):
            tag = token_hex(6)
            keeper = self._make_keeper(key, name)
            place = Place(keeper, tag=f"{tag}.", idle_after=self._idle_after, persistent=self._persistent)
            self._open[key] = (place, tag, [])
            try:
                yield RemoteTerminal(place, tag=tag, directory=directory, home=home)
            finally:
                del self._open[key]
                await place.close()


async def is_gone(services: Services, key: str) -> bool:
    """Whether no conversation of that id is kept. False where it cannot be known."""
    store: Any = await services.find(SessionStore)
    if store is None or not key:
        return False
    try:
        return bool(store.find(key).id != key)
    except NotFound:
        return True


def start_directory(directory: str, home: str) -> str:
    """Where a session starts: an absolute path that is not one of this machine, else the home in the sandbox."""
    if os.path.isabs(directory) and not os.path.exists(directory):
        return os.path.normpath(directory)
    return home


def home_name(folder: Path) -> str:
    """A random name, made by the first who asks and kept in `folder`."""
    path = folder / "home-id"
    if not path.exists():
        # Whole or not at all, and only by the first: another process may be doing the same.
        new = path.with_name(f".{path.name}.{token_hex(4)}")
        replace_file(new, token_hex(8).encode())
        with suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    return path.read_text(encoding="utf-8").strip()


def replace_file(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    new = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
