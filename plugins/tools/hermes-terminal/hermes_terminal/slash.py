"""The command `/stop`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_terminal.terminal import SHELL

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_host.terminals import Shell

__all__ = ["stop"]


async def stop(call: SlashCall) -> str:
    """Interrupt the turn that runs, kill the session's background processes, and say how many there were."""
    interrupted = call.session.busy
    if interrupted:
        call.session.interrupt()
    shell: Shell | None = call.session.context.memory.get(SHELL)
    terminals = call.session.host.terminals
    if shell is None and terminals.has_notes(call.session.context):
        shell = await terminals.shell(call.session.context)
    running = [job for job in shell.jobs.list() if job.state == "running"] if shell is not None else []
    await asyncio.gather(*(job.kill() for job in running))
    if not running:
        return "Interrupted; no background process was running." if interrupted else "Nothing is running."
    named = "\n".join(f"- `{job.id}` {' '.join(job.command.split())[:80]}" for job in running)
    begin = "Interrupted the turn and killed" if interrupted else "Killed"
    return f"{begin} {len(running)} background process{'es' if len(running) > 1 else ''}:\n{named}"
