"""What `hermes doctor` asks of this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["grammar_loads"]


async def grammar_loads(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the grammar that commands are judged with can be loaded, and judges."""
    try:
        from hermes_terminal.judge import judge
        from hermes_terminal.places import Place

        verdicts = [judge(text, Place("/work", "/home/user")).verdict for text in ("ls", "sudo ls", "rm -rf /")]
    except (ImportError, OSError, ValueError, TypeError) as error:
        return [
            CheckResult(
                name="terminal-judge",
                status="error",
                detail=f"The grammar for shell commands cannot be loaded ({error}): every command needs approval.",
                remedy="pip install --force-reinstall tree-sitter tree-sitter-bash",
            )
        ]
    if verdicts != ["allow", "ask", "deny"]:
        return [
            CheckResult(name="terminal-judge", status="error", detail=f"The judge gives wrong verdicts: {verdicts}.")
        ]
    return [CheckResult(name="terminal-judge", status="ok", detail="Commands are judged on their syntax tree.")]
