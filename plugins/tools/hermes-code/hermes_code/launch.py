"""How a script gets to the terminal backend: over standard input, never in an argument or a variable."""

from __future__ import annotations

import json
from functools import cache
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from hermes_code.channel import framed
from hermes_code.stub import module, source
from hermes_host.errors import ToolError
from hermes_host.protocols import Command, Exited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import ToolContext
    from hermes_host.protocols import Terminal, ToolDefinition

__all__ = ["BOOTSTRAP", "Parcel", "Place", "look_around", "pack", "removal"]

BOOTSTRAP = """\
import sys
if sys.path[:1] == [""]: del sys.path[0]
f = open(0, "rb", 0, closefd=False)
def receive(n):
    b = b""
    while len(b) < n:
        c = f.read(n - len(b))
        if not c: sys.exit(90)
        b += c
    return b
b = {"__name__": "hermes_loader"}
exec(compile(receive(int.from_bytes(receive(4), "big")), "<hermes>", "exec"), b)
b["main"](receive)
"""
"""All that `python3 -c` is given: it reads the rest. A module of the working directory is not in its way."""

_LOOK_SECONDS = 30.0


class Place(msgspec.Struct, frozen=True):
    """Where the session's shell stands."""

    python: str
    """The interpreter its `PATH` leads to, such as that of an activated virtual environment."""
    directory: str
    environment: dict[str, str]
    """The variables the session passes on to its commands."""


class Parcel(msgspec.Struct, frozen=True):
    """A script on its way."""

    word: bytes
    folder: str
    """The name of its folder below `$TMPDIR`."""
    data: bytes
    """What standard input begins with."""


async def look_around(call: ToolContext) -> Place:
    """Ask the session's shell; it may have changed its directory or activated an environment."""
    shell = await call.shell()
    names = [name for name in sorted(call.session.passed_environment) if name.isidentifier() and name.isascii()]
    word = token_hex(8)
    # One `printf`, so that what comes after the last `word` is its output and no line of `set -x`.
    values = "".join(f' "${{{name}-}}"' for name in names)
    script = f"printf '%s\\0' \"{word}$(command -v python3)\"{values}"
    result = await shell.run(script, timeout=_LOOK_SECONDS, limit=1 << 20)
    python, *found = result.output.rpartition(word)[2].split("\0")
    if not python:
        raise ToolError(
            "There is no `python3` on the session's terminal. Nothing was executed.",
            remedy="Install Python 3.8 or newer there, put it on the PATH, or use the tool `terminal` instead.",
        )
    environment = {name: value for name, value in zip(names, found, strict=False) if value}
    return Place(python.strip() if python.startswith("/") else "python3", shell.directory, environment)


def pack(code: str, tools: Sequence[ToolDefinition]) -> Parcel:
    """Everything the backend needs. Raises `ToolError` for code that is no text."""
    word, folder = f"hermes-{token_hex(16)}\n", f"hermes-code-{token_hex(16)}"
    try:
        code.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError(f"The code is no valid text: {error}. Nothing was executed.") from None
    job = {"word": word, "folder": folder, "files": {"script.py": code, "hermes_tools.py": module(tools)}}
    return Parcel(word.encode(), folder, framed(_loader()) + framed(json.dumps(job).encode("ascii")))


@cache
def _loader() -> bytes:
    return source("loader").encode("ascii")


async def removal(terminal: Terminal, folder: str) -> None:
    """Remove the folder of a script that was killed."""
    command = Command(script=f'rm -rf -- "${{TMPDIR:-/tmp}}/{folder}"', timeout=10.0)
    async for event in terminal.run(command):
        if isinstance(event, Exited):
            return
