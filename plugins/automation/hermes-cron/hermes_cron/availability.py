"""When the agent has the tool: its words are paid for with every request, also by people who never use jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["nothing_runs_jobs"]


def nothing_runs_jobs(context: PluginContext) -> str:
    """Why the tool is not there; empty once a gateway has run here, or jobs were used."""
    if (context.home / "gateway.db").exists() or (context.home / "cron").exists():
        return ""
    return "Nothing has run jobs here yet: `hermes gateway start`, or `hermes cron add`."
