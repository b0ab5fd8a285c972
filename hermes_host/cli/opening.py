"""Opening the conversation that the command line asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError, NotFound
from hermes_host.services import Workspaces

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.frontends import FrontendOptions
    from hermes_host.host import Host

__all__ = ["open_session"]


async def open_session(host: Host, options: FrontendOptions, **session_options: Any) -> Session:
    """A new conversation, the latest one (`-c`), or the one named (`-r`). Raises `HermesError`."""
    session = await _open(host, options, **session_options)
    if options.reasoning:
        session.set_reasoning(options.reasoning)
    return session


async def _open(host: Host, options: FrontendOptions, **session_options: Any) -> Session:
    chosen = {"model": options.model, "provider": options.provider, **session_options}
    if options.worktree:
        if options.resume or options.continue_last:
            raise HermesError(
                "A conversation goes on where it began.", remedy="Leave --worktree out, or begin a new one."
            )
        chosen["directory"] = await _prepare_workspace(host)
    if options.resume:
        return await host.resume(options.resume, **chosen)
    if options.continue_last:
        latest = next(iter(host.sessions.list(limit=1, source="cli")), None)
        if latest is None:
            raise NotFound("There is no conversation to go on with.", remedy="Begin one with `hermes`.")
        return await host.resume(latest.id, **chosen)
    return await host.start(source="cli", **chosen)


async def _prepare_workspace(host: Host) -> str:
    workspaces = await host.services.find(Workspaces)
    if workspaces is None:
        raise NotFound("No installed plugin makes worktrees.", remedy="Try `pip install hermes-worktree`.")
    return await workspaces.prepare(host.start_directory())
