"""The tool `process`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput
from hermes_terminal.notes import clip, exit_note, finish, sudo_note
from hermes_terminal.terminal import OUTPUT_LIMIT

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_host.terminals import Job, Shell
    from hermes_terminal.arguments import ProcessArguments

__all__ = ["process"]

_GRACE = 2.0
_COMMAND_SHOWN = 100
_AFTER_INPUT = 0.1
"""Seconds a process is given to answer what was written to it, unless it ends earlier."""


async def process(arguments: ProcessArguments, call: ToolContext) -> ToolOutput:
    """Look at, feed or end a background process of this session."""
    shell = await call.shell()
    if arguments.action == "list":
        return _list(shell)
    if not arguments.session_id:
        raise ToolError(f"The action {arguments.action!r} needs a session_id.", remedy="See action='list'.")
    job = shell.jobs.get(arguments.session_id)
    match arguments.action:
        case "log":
            return _log(job, arguments)
        case "wait":
            remaining = call.remaining
            await job.wait(
                arguments.timeout if remaining is None else min(arguments.timeout, max(0.0, remaining - _GRACE))
            )
        case "kill":
            await job.kill()
        case "write" | "submit":
            await job.write((arguments.data + ("\n" if arguments.action == "submit" else "")).encode())
            await job.wait(_AFTER_INPUT)
        case "close":
            await job.write(arguments.data.encode(), eof=True)
            await job.wait(_AFTER_INPUT)
    return _news(job)


def _list(shell: Shell) -> ToolOutput:
    jobs = shell.jobs.list()
    lines = [f"{job.id}  {_state(job)}  {_one_line(job.command)}" for job in jobs]
    return ToolOutput(
        content="\n".join(lines) or "[no background processes]", title=count(len(jobs), "process", "processes")
    )


def _news(job: Job) -> ToolOutput:
    output = clip(job.poll(), OUTPUT_LIMIT, str(job.file))
    notes = [_state(job), sudo_note(output)]
    return ToolOutput(content=finish(output, notes), title=_state(job))


def _log(job: Job, arguments: ProcessArguments) -> ToolOutput:
    offset = -arguments.limit if arguments.offset is None else arguments.offset
    if offset < 0:
        # One more than asked for: whether the end of the last line counts as a line is not for the model to guess.
        lines = job.log(offset - 1, 1 - offset)[offset:][: arguments.limit]
    else:
        lines = job.log(offset, arguments.limit)
    text = clip("\n".join(lines), OUTPUT_LIMIT, str(job.file))
    return ToolOutput(content=finish(text, [_state(job)]), title=count(len(lines), "line"))


def _state(job: Job) -> str:
    seconds = (job.ended or time.time()) - job.started
    if job.state == "running":
        return f"running, pid {job.pid}, {seconds:.0f} s"
    if job.state == "killed":
        return f"killed after {seconds:.0f} s"
    if job.state == "lost":
        return "lost: it does not run any more or cannot be reached, and nobody knows how it ended"
    return f"{exit_note(job.code or 0) or 'exit 0'}, after {seconds:.0f} s"


def _one_line(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= _COMMAND_SHOWN else f"{line[: _COMMAND_SHOWN - 1]}…"
