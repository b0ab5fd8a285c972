"""The command `/stop`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["stop"]


async def stop(call: SlashCall) -> str:
    """Kill the session's background processes, and say how many there were."""
    shell = await call.host.terminals.shell(call.session.context)
    running = [job for job in shell.jobs.list() if job.state == "running"]
    await asyncio.gather(*(job.kill() for job in running))
    if not running:
        return "No background process is running."
    named = "\n".join(f"- `{job.id}` {' '.join(job.command.split())[:80]}" for job in running)
    return f"Killed {len(running)} background process{'es' if len(running) > 1 else ''}:\n{named}"
