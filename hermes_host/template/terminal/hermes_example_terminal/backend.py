"""The backend: a place for each conversation, which is a folder of this machine until `place.py` reaches farther."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hermes_host.errors import Unsupported
from hermes_host.terminals.remote import Book, Places, start_directory

from hermes_example_terminal.place import ShellKeeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_host.specs import TerminalSpec
    from hermes_host.terminals.remote import RemoteTerminal


def connect(context: PluginContext, spec: TerminalSpec) -> Backend:
    """The target of the spec: starts nothing yet."""
    return Backend(context.state_directory)


class Backend:
    """`hermes_host.terminals.remote` brings shells, files, limits and killing; a keeper brings the place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._book = Book(folder)
        self._places = Places(self._book, self._keeper, idle_after=0, persistent=True)

    def _keeper(self, key: str, name: str) -> ShellKeeper:
        return ShellKeeper(self._home(name))

    def _home(self, name: str) -> Path:
        return self._folder / "homes" / name

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[RemoteTerminal]:
        """A terminal; the same key finds the same files again."""
        home = str(self._home(self._book.name(key)))
        async with self._places.terminal(key, start_directory(directory, home), home) as terminal:
            yield terminal

    async def reap(self) -> Sequence[str]:
        """Without the feature `reap` nobody asks for this."""
        raise Unsupported("This backend cannot clean up after killed processes.")
