"""A skill's files where the conversation's commands run: on another machine or in a container, a copy of them.

A terminal that shares this machine's files needs none. Elsewhere the copy lies below the terminal's home, in a folder
named by what is in it, so that a skill that was changed gets a new one and one that is there already is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, NotFound
from hermes_skills.linked import linked_files, read_linked

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_host.protocols import Terminal
    from hermes_skills.library import Skill

__all__ = ["place_of"]

_LARGEST = 5_000_000
"""Bytes of a skill that are copied at most."""
_FOLDER = ".hermes-skills"
_COMPLETE = ".complete"


async def place_of(skill: Skill, call: ToolContext) -> tuple[str, str]:
    """Where the skill's folder is for this conversation's commands, and what is to be said about it.

    The path is this machine's where the terminal shares its files, or there is none; empty where no copy could be made.
    """
    if not call.has_terminal or skill.file != "SKILL.md" or _is_local(call):
        return str(skill.folder), ""
    try:
        files = await asyncio.to_thread(_files, skill)
        if not files:
            return "", ""
        return await _copy(await call.terminal(), skill.name, files), ""
    except (HermesError, OSError) as error:
        return "", f"The skill's files could not be copied to the terminal: {error}"


def _is_local(call: ToolContext) -> bool:
    try:
        backend = call.plugin.registry("terminals").get(call.terminals.backend(call.session))
    except NotFound:
        return True
    return "local" in backend.spec.features


def _files(skill: Skill) -> dict[str, tuple[bytes, bool]]:
    """The linked files, each with whether it is a program. Raises `HermesError` when they are too many bytes."""
    found: dict[str, tuple[bytes, bool]] = {}
    left = _LARGEST
    for path in [path for paths in linked_files(skill.folder).values() for path in paths]:
        data = read_linked(skill.folder, path, limit=_LARGEST)
        left -= len(data)
        if left < 0:
            raise HermesError(f"They are more than {_LARGEST / 1e6:g} MB.")
        found[path] = (data, bool((skill.folder / path).stat().st_mode & 0o100))
    return found


async def _copy(terminal: Terminal, name: str, files: dict[str, tuple[bytes, bool]]) -> str:
    digest = hashlib.sha256()
    for path, (data, program) in sorted(files.items()):
        digest.update(f"{path}\0{len(data)}\0{program}\0".encode() + data)
    folder = f"{terminal.home.rstrip('/')}/{_FOLDER}/{name}-{digest.hexdigest()[:12]}"
    if await terminal.stat(f"{folder}/{_COMPLETE}") is None:
        for path, (data, program) in files.items():
            await terminal.write(f"{folder}/{path}", data, mode=0o755 if program else 0o644)
        await terminal.write(f"{folder}/{_COMPLETE}", b"")
    return folder
