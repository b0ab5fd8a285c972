"""The tool `terminal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.config.sections import TerminalSection
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput
from hermes_terminal.notes import clip, exit_note, finish, sudo_note

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_host.terminals import Shell
    from hermes_terminal.arguments import TerminalArguments

__all__ = ["OUTPUT_LIMIT", "SHELL", "terminal"]

OUTPUT_LIMIT = 50_000
"""Characters of output the model gets."""

SHELL = "terminal.shell"
"""The key of the session's memory under which `/stop` finds the shell, without opening a terminal for nothing."""

_WORTH_TELLING = 5.0
_FIRST_LOOK = 0.1
"""Seconds in which a background process that cannot start usually ends."""
_GRACE = 2.0
"""Seconds before the turn's own end at which a command is stopped, so that its output is not lost."""


async def terminal(arguments: TerminalArguments, call: ToolContext) -> ToolOutput:
    """Run a command in the session's shell, or start it in the background."""
    shell = call.session.memory[SHELL] = await call.shell()
    try:
        if arguments.background:
            return await _start(arguments, shell)
        return await _run(arguments, shell, call)
    except (FileNotFoundError, NotADirectoryError):
        raise ToolError(
            f"There is no directory {arguments.workdir or shell.directory!r}. Nothing was executed.",
            remedy="Create it, or pass another workdir.",
        ) from None
    except ValueError as error:
        raise ToolError(f"{error} Nothing was executed.") from None


async def _run(arguments: TerminalArguments, shell: Shell, call: ToolContext) -> ToolOutput:
    before = shell.directory
    remaining = call.remaining
    wanted = arguments.timeout or call.plugin.section(TerminalSection, "terminal").timeout
    timeout = float(wanted) if remaining is None else min(wanted, max(1.0, remaining - _GRACE))
    result = await shell.run(
        arguments.command,
        timeout=timeout,
        directory=arguments.workdir,
        pty=arguments.pty,
        on_output=call.progress,
        limit=OUTPUT_LIMIT,
    )
    notes = [exit_note(result.code)]
    if result.timed_out:
        notes = [
            f"exit {result.code}: timed out after {timeout:g} s and was killed; what it printed until then is above. "
            "Run it with background=true and look with `process`, or give a longer timeout"
        ]
    elif result.interrupted:
        notes = ["exit 130: interrupted by the user"]
    elif result.code:
        notes.append(sudo_note(result.output))
    if result.seconds > _WORTH_TELLING and not result.timed_out:
        notes.append(f"took {result.seconds:.0f} s")
    if result.whole and result.whole not in result.output:
        notes.append(f"all output is in {result.whole}")
    if result.directory != before:
        notes.append(f"directory is now {result.directory}")
    return ToolOutput(
        content=finish(result.output, notes),
        is_error=result.timed_out or result.interrupted or result.code in (126, 127),
        title=f"exit {result.code}" if result.code else "",
    )


async def _start(arguments: TerminalArguments, shell: Shell) -> ToolOutput:
    job = await shell.jobs.start(arguments.command, directory=arguments.workdir, pty=arguments.pty)
    await job.wait(_FIRST_LOOK)
    output = clip(job.poll(), OUTPUT_LIMIT, str(job.file))
    if job.state == "running":
        note = f"{job.id} runs in the background, pid {job.pid}"
        return ToolOutput(content=finish(output, [note]), title=job.id)
    notes = [f"{job.id} has already ended", exit_note(job.code or 0) or "exit 0"]
    return ToolOutput(content=finish(output, notes), is_error=bool(job.code), title=f"{job.id} ended")
