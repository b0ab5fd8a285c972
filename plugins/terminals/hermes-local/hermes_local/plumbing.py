"""The descriptors of a command: pipes, a pseudo-terminal, nameless files."""

from __future__ import annotations

import os
import tempfile
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Plumbing", "file_with"]

_WINDOW = (50, 120)
"""Rows and columns of a pseudo-terminal."""


class Plumbing:
    """The descriptors of one command: `given` for its side, in order 0, 1, 2 (and 3 for the script), and ours."""

    def __init__(self, stdin: bytes | AsyncIterator[bytes], script: str | None, pty: bool) -> None:
        self.given: list[int] = []
        self.outputs: dict[int, int] = {}
        self.input = -1
        self.pty = pty
        self.stdin = stdin
        try:
            if pty:
                self._open_terminal()
            else:
                self._open_pipes()
            if script is not None:
                self.given.append(file_with(script.encode("utf-8", "surrogateescape")))
        except BaseException:
            self.close_given()
            self.close()
            raise

    def _open_pipes(self) -> None:
        if isinstance(self.stdin, bytes):
            self.given.append(file_with(self.stdin) if self.stdin else os.open(os.devnull, os.O_RDONLY))
        else:
            readable, self.input = os.pipe()
            os.set_blocking(self.input, False)
            self.given.append(readable)
        for stream in (1, 2):
            readable, writable = os.pipe()
            os.set_blocking(readable, False)
            self.given.append(writable)
            self.outputs[readable] = stream

    def _open_terminal(self) -> None:
        outer, inner = os.openpty()
        self.outputs[outer] = 1
        self.given.append(inner)
        for _ in range(2):
            self.given.append(os.dup(inner))
        os.set_blocking(outer, False)
        self.input = os.dup(outer)
        termios.tcsetwinsize(outer, _WINDOW)
        attributes = termios.tcgetattr(inner)
        # What we type ourselves would come back as if the command had written it.
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(inner, termios.TCSANOW, attributes)

    def close_given(self) -> None:
        """Close the command's side, once the command has it."""
        for descriptor in self.given:
            os.close(descriptor)
        self.given.clear()

    def close(self) -> None:
        """Close our side."""
        for descriptor in self.outputs:
            os.close(descriptor)
        self.outputs.clear()
        if self.input >= 0:
            os.close(self.input)
            self.input = -1


def file_with(data: bytes) -> int:
    """A descriptor of a nameless file that holds `data`, at its beginning: nothing to feed, nothing `ps` could show."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("input", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
