"""What the model, and where needed the user, is told about the confinement of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_local.settings import Settings, TerminalSettings

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["prompt"]


async def prompt(context: PluginContext, session: Session) -> str:
    """A few lines about what commands may not do; empty where they are not confined."""
    terminal = context.section(TerminalSettings, "terminal")
    if terminal.sandbox == "off" or (session.context.terminal or terminal.backend) != "local":
        return ""
    import asyncio

    from hermes_local.sandbox import level_of

    settings = context.section(Settings, "local")
    level = await asyncio.to_thread(level_of, settings, terminal.sandbox)
    if not level.full:
        session.context.announce(f"Commands are confined less than asked: {level}.", level="warning", code="sandbox")
    network = settings.sandbox_network if settings.sandbox_network is not None else terminal.sandbox == "workspace"
    lines = [
        "Commands run in a sandbox: they may write only below the session's directory and in temporary folders, not in",
        "hooks and settings of git, editors and shells, and they see no credentials.",
    ]
    if not network:
        lines.append("They have no network.")
    lines.append("A refusal there is final: do not look for a way round it, tell the user what is needed.")
    return "\n".join(lines)
