"""What `hermes -w` asks for: a worktree for a conversation, ended with it when nothing would be lost."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_worktree.worktrees import Worktree, make, prune, remove, used, work_in

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.specs import ServiceSpec

__all__ = ["GitWorkspaces", "connect", "leave"]

log = logging.getLogger(__name__)

_live: dict[Path, tuple[Worktree, ExitStack]] = {}
"""The worktrees of this process by their paths. A path belongs to one conversation."""


def connect(context: PluginContext, spec: ServiceSpec) -> GitWorkspaces:
    """The service."""
    return GitWorkspaces()


class GitWorkspaces:
    """Implements `hermes_host.services.Workspaces`."""

    async def prepare(self, directory: str, name: str = "") -> str:
        """A new worktree of the repository of `directory`; stale ones without work are removed on the way."""
        return await asyncio.to_thread(self._prepare, directory)

    def _prepare(self, directory: str) -> str:
        worktree = make(directory)
        stack = ExitStack()
        stack.enter_context(used(worktree))
        _live[worktree.path] = (worktree, stack)
        try:
            prune(directory)
        except HermesError as error:
            log.info("stale worktrees could not be removed: %s", error)
        return str(worktree.path)


async def leave(session: SessionContext) -> None:
    """End the worktree of a conversation, or say why it stays."""
    found = _live.pop(Path(session.directory), None)
    if found is not None:
        await asyncio.to_thread(_leave, session, *found)


def _leave(session: SessionContext, worktree: Worktree, stack: ExitStack) -> None:
    stack.close()
    lost = work_in(worktree)
    if lost:
        session.announce(f"The worktree {worktree.path} stays, on branch {worktree.branch}: {'; '.join(lost)}.")
        return
    try:
        remove(worktree)
    except HermesError as error:
        session.announce(f"The worktree {worktree.path} stays: {error.message}", level="warning")
