"""Slash commands in an editor: which there are, and running one. A name is meant exactly; the editor completes it."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_host.errors import HermesError
from hermes_host.frontends import SlashCall
from hermes_host.registry import Contribution, near_names
from hermes_host.services import SlashCommands
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.agent import Session
    from hermes_host.host import Host
    from hermes_host.messages import Message
    from hermes_host.specs import SlashCommandSpec

__all__ = ["Answer", "advertised", "run", "runs_beside"]

log = logging.getLogger(__name__)

_EDITORS_OWN = frozenset({"clear", "fork", "new", "quit", "resume"})
"""Commands that leave the conversation: in an editor that is done by the editor."""

_RUN_TIME = f"{SlashCommands.__module__}:{SlashCommands.__qualname__}"


class Answer(NamedTuple):
    """What a command says, in Markdown, and what it wants sent as if the user had typed it."""

    said: str = ""
    submitted: str | Message | None = None


async def advertised(host: Host, session: Session) -> dict[str, Any]:
    """The commands, as the editor is told of them."""
    known = await _known(host, session)
    rows = []
    for name, command in sorted(known.items()):
        row: dict[str, Any] = {"name": name, "description": one_line(command.spec.summary, 200)}
        if command.spec.usage:
            row["input"] = {"hint": command.spec.usage}
        rows.append(row)
    return {"sessionUpdate": "available_commands_update", "availableCommands": rows}


def runs_beside(host: Host, name: str) -> bool:
    """Whether the command may run while a turn runs."""
    registry = host.slash_commands
    return name.lower() in registry and registry.get(name.lower()).spec.while_busy


async def run(host: Host, session: Session, name: str, arguments: str, options: dict[str, Any]) -> Answer:
    """Run a command. A failure becomes one line, whatever it was."""
    command = await _find(host, session, name.lower())
    if command is None:
        return Answer(await _unknown(host, session, name))
    if command.name in _EDITORS_OWN:
        return Answer(f"`/{command.name}` is the editor's own affair: use its list of conversations.")
    sent: list[str | Message] = []
    call = SlashCall(
        name=command.name,
        arguments=arguments,
        host=host,
        session=session,
        surface="acp",
        submit=sent.append,
        session_options=options,
    )
    try:
        answer = host.target(command, command.spec.target)(call)
        if inspect.isawaitable(answer):
            answer = await answer
    except HermesError as error:
        return Answer(f"**/{command.name}:** {error}")
    except Exception as error:
        log.warning("the command %r of plugin %r failed", command.name, command.plugin, exc_info=error)
        return Answer(f"**/{command.name}** of plugin {command.plugin!r} failed: {type(error).__name__}: {error}")
    return Answer("" if answer is None else str(answer), sent[-1] if sent else None)


async def _known(host: Host, session: Session) -> Mapping[str, Contribution[SlashCommandSpec]]:
    found = {item.name: item for item in host.slash_commands if item.name not in _EDITORS_OWN}
    for contribution in host.offered_services:
        if contribution.spec.provides != _RUN_TIME:
            continue
        try:
            source: SlashCommands = await host.part(contribution)
            specs = await source.commands(session.context)
        except Exception as error:
            log.warning("the commands of plugin %r cannot be listed", contribution.plugin, exc_info=error)
            continue
        for spec in specs:
            found.setdefault(spec.name, Contribution("slash_commands", spec, contribution.record))
    return found


async def _find(host: Host, session: Session, name: str) -> Contribution[SlashCommandSpec] | None:
    if name in host.slash_commands:
        return host.slash_commands.get(name)
    return (await _known(host, session)).get(name)


async def _unknown(host: Host, session: Session, name: str) -> str:
    near = near_names(name, await _known(host, session))
    hint = f"Did you mean {near}?" if near else "`/help` lists the commands."
    return (
        f"There is no command `/{one_line(name, 80)}`. {hint} A message that begins with a slash is written with two."
    )
