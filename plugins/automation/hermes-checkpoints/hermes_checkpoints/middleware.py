"""Takes a snapshot before the first call of a turn that may change files. It never stops a call, unless it must."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, TypeVar

from hermes_checkpoints.access import LOCAL, settings_of, store_for
from hermes_checkpoints.looks import may_change_files
from hermes_checkpoints.workspace import marked_workspace, too_wide, workspace_of
from hermes_host.errors import HermesError, ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from hermes_checkpoints.store import Store
    from hermes_host.context import PluginContext, SessionContext, ToolContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import ToolOutput
    from hermes_host.specs import MiddlewareSpec

__all__ = ["RECORD", "Snapshots", "connect", "in_thread"]

log = logging.getLogger(__name__)
T = TypeVar("T")

RECORD = "checkpoints.workspace"
"""Under which a session's log names the workspace that was last snapshotted."""

_SILENT_SECONDS = 1.0
"""After so long it is said what the call waits for."""

_TURN = "checkpoints.turn"
_SAID = "checkpoints.said"
_PATH_ARGUMENTS = ("path", "file_path", "filename", "output_path", "destination", "workdir")


def connect(context: PluginContext, spec: MiddlewareSpec) -> Snapshots:
    """The middleware."""
    return Snapshots(context)


class _Turn:
    """What was done in one turn: a workspace's outcome is empty when its state is kept, else why it is not."""

    def __init__(self, turn_id: str) -> None:
        self.id = turn_id
        self.outcomes: dict[Path, str] = {}
        self.lock = asyncio.Lock()


class Snapshots:
    """A `ToolMiddleware`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def __call__(
        self, call: ToolCall, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
    ) -> ToolOutput:
        """Keep the state of what the call may change, once per turn, then make the call."""
        settings = settings_of(self._context)
        if settings.enabled and may_change_files(context.effects, call.arguments):
            problem = await self._before(call, context)
            if problem and settings.required:
                raise ToolError(
                    f"No snapshot could be taken before this call, and checkpoints.required is set: {problem} "
                    "Nothing was executed.",
                    remedy="Tell the user.",
                )
        return await call_next(call)

    async def _before(self, call: ToolCall, context: ToolContext) -> str:
        session = context.session
        if context.has_terminal and (backend := context.terminals.backend(session)) != LOCAL:
            problem = f"Files on the terminal {backend!r} are not on this machine; no snapshots of them are taken."
            self._say(session, problem, "info")
            return problem
        turn: _Turn | None = session.memory.get(_TURN)
        if turn is None or turn.id != context.turn_id:
            turn = session.memory[_TURN] = _Turn(context.turn_id)
        async with turn.lock:
            problems = []
            for workspace in _workspaces(call, session.directory):
                if workspace not in turn.outcomes:
                    turn.outcomes[workspace] = await self._snapshot(workspace, call, context)
                problems.append(turn.outcomes[workspace])
        return " ".join(filter(None, problems))

    async def _snapshot(self, workspace: Path, call: ToolCall, context: ToolContext) -> str:
        session = context.session
        try:
            store = store_for(self._context, workspace)
        except HermesError as error:
            self._say(session, f"No snapshots: {error}", "info")
            return str(error)
        told = asyncio.get_running_loop().call_later(
            _SILENT_SECONDS, context.progress, f"Taking a snapshot of {workspace} first …\n"
        )
        try:
            taken = await in_thread(store, lambda: store.take(_reason(call), session=session.id))
        except HermesError as error:
            self._say(session, f"No snapshot of {workspace} before changes: {error}", "warning")
            return str(error)
        finally:
            told.cancel()
        if taken.skipped:
            self._say(session, f"{taken.skipped} unreadable files of {workspace} are in no snapshot.", "warning")
        last = {"workspace": os.fsencode(workspace).decode("utf-8", "replace")}
        if session.recorded(RECORD) != last:
            session.record(RECORD, last)
        if taken.collect:
            self._context.spawn(in_thread(store, store.collect), name="deleting old snapshots")
        return ""

    def _say(self, session: SessionContext, text: str, level: str) -> None:
        said: set[str] = session.memory.setdefault(_SAID, set())
        if text in said:
            return
        said.add(text)
        log.info("%s", text)
        session.announce(text, level="warning" if level == "warning" else "info", code="checkpoints.none")


async def in_thread(store: Store, work: Callable[[], T]) -> T:
    """Do blocking work on a store beside the event loop; when nobody waits any more, it is ended."""
    try:
        return await asyncio.to_thread(work)
    except asyncio.CancelledError:
        store.stop()
        raise


def _workspaces(call: ToolCall, directory: str) -> Iterator[Path]:
    """The session's workspace, and the project of a path outside it."""
    own = workspace_of(directory)
    others = [
        found
        for name in _PATH_ARGUMENTS
        if isinstance(path := (call.arguments or {}).get(name), str) and path
        if (found := marked_workspace(os.path.dirname(_absolute(path, directory)))) is not None
        if found != own and (too_wide(own) or not found.is_relative_to(own))
    ]
    # A folder too wide to be kept is no loss where the call names a project below it.
    yield from dict.fromkeys([own, *others] if not others or not too_wide(own) else others)


def _absolute(path: str, directory: str) -> str:
    return os.path.join(directory, os.path.expanduser(path))


def _reason(call: ToolCall) -> str:
    arguments = call.arguments or {}
    shown = next((str(arguments[name]) for name in ("path", "command", "file_path") if arguments.get(name)), "")
    first = " ".join(shown.split())
    return f"before {call.name} {first[:80]}".strip()
