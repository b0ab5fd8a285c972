"""A few lines of the system prompt: where commands run."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["environment"]

_THIS_MACHINE = "local"


async def environment(context: PluginContext, session: Session) -> str:
    """Operating system, shell, directory and backend; empty where the conversation has no terminal.

    Looks at nothing but this machine: a terminal elsewhere is opened by the first command, not by the prompt.
    """
    if not any(tool.name == "terminal" for tool in session.tools()):
        return ""
    backend = session.host.terminals.backend(session.context)
    lines = [f"Commands run on the terminal {backend!r}, starting in {session.context.directory}."]
    if backend == _THIS_MACHINE:
        shell = "bash" if shutil.which("bash") else "sh"
        lines.append(
            f"Operating system: {platform.system()} {platform.release()}, {platform.machine()}; shell: {shell}."
        )
    else:
        lines.append("Shell: POSIX.")
    lines.append("Some commands wait for the user's approval: prefer the least drastic one that does the job.")
    return "\n".join(lines)[:390]
