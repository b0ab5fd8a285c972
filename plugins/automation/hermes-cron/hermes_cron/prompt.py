"""What the system prompt says to a job's conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["unattended"]

TEXT = """\
This is a scheduled job. Nobody is there: nobody reads along, answers questions or gives consent. Do the task with what
you have and decide yourself what is not said. Your final answer is delivered as it is to whoever made the job, who
cannot reply to it; do not send it by any tool. When there is nothing worth telling, answer with exactly [SILENT] and
nothing else: then nothing is delivered."""


async def unattended(context: PluginContext, session: Session) -> str:
    """The section, in conversations of jobs only."""
    return TEXT if session.context.source == "cron" else ""
