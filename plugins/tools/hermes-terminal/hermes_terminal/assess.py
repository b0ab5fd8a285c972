"""The judge at the approval gate: its verdicts as `Assessment`s, with paths resolved through links first."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_host.errors import NotFound
from hermes_host.protocols import Assessment
from hermes_terminal.judge import Judgement, judge
from hermes_terminal.places import Place, protected
from hermes_terminal.rules import table
from hermes_terminal.rules.code import INTERACTIVE, SHELLS

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_host.protocols import Terminal
    from hermes_terminal.arguments import ProcessArguments, TerminalArguments

__all__ = ["assess_process", "assess_terminal"]

_MAX_RESOLVED = 64


async def assess_terminal(arguments: TerminalArguments, call: ToolContext) -> Assessment:
    """Judge a command before it runs."""
    shell = await call.shell()
    place = await _place(call, shell.terminal)
    directory = await shell.terminal.resolve(posixpath.join(shell.directory, arguments.workdir))
    judgement = judge(arguments.command, place, directory=directory)
    judgement = await _follow_links(judgement, place, shell.terminal)
    shown = arguments.command
    if arguments.workdir:
        shown += f"\n(in {directory})"
    return _assessment(judgement, shown)


async def assess_process(arguments: ProcessArguments, call: ToolContext) -> Assessment:
    """Judge what is typed into a background process; looking at one and ending one of the session's own is fine."""
    if arguments.action not in ("write", "submit", "close") or not arguments.data:
        return Assessment(verdict="allow")
    shell = await call.shell()
    try:
        job = shell.jobs.get(arguments.session_id)
    except NotFound:
        return Assessment(verdict="allow")  # the tool says so; nothing runs
    place = await _place(call, shell.terminal)
    programs = judge(job.command, place, directory=shell.directory).programs
    shown = f"{arguments.data}\n(typed into {job.id}: {job.command})"
    if programs is None or not programs <= frozenset(table()) or programs & INTERACTIVE:
        return Assessment(
            verdict="ask", reason="It types into a program that may take this as commands of its own.", shown=shown
        )
    if programs & SHELLS:
        if arguments.action == "write":
            return Assessment(
                verdict="ask", reason="It types a part of a command into a shell.", shown=shown, rememberable=False
            )
        return _assessment(judge(arguments.data, place, directory=None), shown)
    return Assessment(verdict="allow")


async def _place(call: ToolContext, terminal: Terminal) -> Place:
    """The session's place, with links in the paths of workspace and host resolved."""
    workspace = await terminal.resolve(call.session.directory or terminal.directory)
    return Place(workspace, terminal.home, await terminal.resolve(str(call.plugin.home)))


async def _follow_links(judgement: Judgement, place: Place, terminal: Terminal) -> Judgement:
    """A name inside the workspace may be a link to a place outside."""
    if judgement.verdict == "deny":
        return judgement
    if len(judgement.written) > _MAX_RESOLVED:
        return Judgement("ask", "It changes too many files to look at each.", judgement.written)
    place = replace(place, home=await terminal.resolve(place.home)) if judgement.written else place
    for path in judgement.written:
        real = await terminal.resolve(path)
        why = protected(real, place)
        if why:
            return Judgement(
                "deny", f"{path!r} leads to {real!r}, {why}; an agent must not change that.", judgement.written
            )
        if (
            judgement.verdict == "allow"
            and place.zone(real) not in ("workspace", "temporary")
            and place.zone(path) == "workspace"
        ):
            judgement = Judgement("ask", f"{path!r} leads to {real!r}, outside the workspace.", judgement.written)
    return judgement


def _assessment(judgement: Judgement, shown: str) -> Assessment:
    return Assessment(verdict=judgement.verdict, reason=judgement.reason, shown=shown, rememberable=judgement.readable)
