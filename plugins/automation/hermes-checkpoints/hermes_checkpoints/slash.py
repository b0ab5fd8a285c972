"""`/rollback` in a conversation."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_checkpoints.access import LOCAL, store_for
from hermes_checkpoints.middleware import RECORD, in_thread
from hermes_checkpoints.shown import changes, outcome, row
from hermes_checkpoints.workspace import too_wide, workspace_of
from hermes_host.cli.listing import count
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_checkpoints.store import Store
    from hermes_host.frontends import SlashCall

__all__ = ["inside", "rollback"]

_USAGE = "Usage: `/rollback`, `/rollback N`, `/rollback N FILE`, `/rollback diff N`."
_DIFF_LINES = 80
_LISTED = 20


async def rollback(call: SlashCall) -> str:
    """`/rollback [N [FILE] | diff N]`."""
    host, session = call.host, call.session.context
    if len(host.terminal_backends) and (backend := host.terminals.backend(session)) != LOCAL:
        return f"Files on the terminal {backend!r} are not on this machine; there are no snapshots of them."
    workspace = workspace_of(session.directory)
    if too_wide(workspace) and (recorded := session.recorded(RECORD).get("workspace")):
        workspace = Path(str(recorded))
    store = store_for(host.context("checkpoints"), workspace)
    first, _, rest = call.arguments.partition(" ")
    if not first:
        return await _list(store)
    if first == "diff" and rest.strip().isdecimal():
        return await _diff(store, int(rest))
    if not first.isdecimal():
        return _USAGE
    number, path = int(first), rest.strip()
    relative = inside(workspace, session.directory, path) if path else ""
    restored = await in_thread(store, lambda: store.restore(number, relative, session=session.id))
    told = outcome(restored, path)
    if restored.changed and not path:
        told += f" `/rollback {restored.before}` takes this back. The conversation is as it was; `/undo` shortens it."
    return told


def inside(workspace: Path, directory: str, path: str) -> str:
    """A path as the store knows it, relative to the workspace. Raises `HermesError` for one outside."""
    full = os.path.normpath(os.path.join(os.path.realpath(directory), os.path.expanduser(path)))
    relative = os.path.relpath(full, workspace)
    if relative == os.curdir or relative.startswith(os.pardir) or os.path.isabs(relative):
        raise HermesError(f"{path} is not a file of {workspace}.")
    return relative.replace(os.sep, "/")


async def _list(store: Store) -> str:
    listed = await in_thread(store, store.listing)
    if not listed:
        return f"There are no snapshots of {store.workspace} yet. One is taken before the agent first changes files."
    now = time.time()
    rows = [row(each, now) for each in listed[:_LISTED]]
    table = ["| N | taken | | changed after it |", "| --- | --- | --- | --- |"]
    table += [f"| {' | '.join(cell.replace('|', '¦') for cell in cells)} |" for cells in rows]
    more = f"\n{count(len(listed) - _LISTED, 'older one')}: `hermes checkpoints list`." if len(listed) > _LISTED else ""
    return "\n".join([*table, "", f"`/rollback N` goes back, `/rollback diff N` shows what that would undo.{more}"])


async def _diff(store: Store, number: int) -> str:
    lines = (await in_thread(store, lambda: store.diff(number))).splitlines()
    if not lines:
        return f"Nothing has changed since {number}: {changes(0, ())} to undo."
    cut = len(lines) - _DIFF_LINES
    more = f"\n… {cut} more lines: `hermes checkpoints diff {number}`." if cut > 0 else ""
    fence = "`" * 6
    return "\n".join([f"{fence}diff", *lines[:_DIFF_LINES], fence]) + more
