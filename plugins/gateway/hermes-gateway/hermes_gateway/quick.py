"""Quick commands: words of the user's own that run a program or stand for another command, without the agent."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.host import Host

__all__ = ["QuickCommand", "QuickCommands", "execute", "resolve"]

LIMIT = 30.0
"""Seconds a program may take."""

_SHOWN = 3_500
_HARMLESS = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
_ALIASES = 5


class QuickCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    type: Annotated[Literal["exec", "alias"], Meta(description="Run a program, or stand for another command.")] = "exec"
    command: Annotated[str, Meta(description="exec: what the shell runs; only the owner can have it run.")] = ""
    target: Annotated[str, Meta(description="alias: the command it stands for, such as `/model small`.")] = ""


QuickCommands = Annotated[
    dict[str, QuickCommand], Meta(description="Slash commands of your own in chats, by name; they run without asking.")
]


def resolve(quick: Mapping[str, QuickCommand], name: str, arguments: str) -> tuple[str, str]:
    """The command behind aliases, with its arguments."""
    for _ in range(_ALIASES):
        found = quick.get(name)
        if found is None or found.type != "alias" or not found.target:
            break
        target, _, rest = found.target.lstrip("/").partition(" ")
        name, arguments = target.lower(), f"{rest} {arguments}".strip()
    return name, arguments


async def execute(host: Host, command: QuickCommand) -> str:
    """Run the program; gives what it says. It sees none of the host's secrets."""
    process = await asyncio.create_subprocess_shell(
        command.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: host.environ[name] for name in _HARMLESS if name in host.environ},
        cwd=host.start_directory(),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LIMIT):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"It took longer than {LIMIT:g} s and was ended."
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    text = host.secrets.redact(output.decode("utf-8", "replace").strip())
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n…"
    fence = "`" * (3 if "```" not in shown else 10)
    said = f"{fence}\n{shown}\n{fence}" if shown else "Done, without a word."
    return said if process.returncode == 0 else f"{said}\n\nIt ended with code {process.returncode}."
