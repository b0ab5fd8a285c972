"""Slash commands in an editor: which there are, and running one. A name is meant exactly; the editor completes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_host import slash
from hermes_host.frontends import SlashCall
from hermes_host.registry import near_names
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.agent import Session
    from hermes_host.host import Host
    from hermes_host.messages import Message
    from hermes_host.registry import Contribution
    from hermes_host.specs import SlashCommandSpec

__all__ = ["Answer", "advertised", "run", "runs_beside"]

runs_beside = slash.runs_beside

_EDITORS_OWN = frozenset({"clear", "fork", "new", "quit", "resume"})
"""Commands that leave the conversation: in an editor that is done by the editor."""


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


async def run(host: Host, session: Session, name: str, arguments: str, options: dict[str, Any]) -> Answer:
    """Run a command. A failure becomes one line, whatever it was."""
    command = (await _known(host, session)).get(name.lower())
    if name.lower() in _EDITORS_OWN:
        return Answer(f"`/{name.lower()}` is the editor's own affair: use its list of conversations.")
    if command is None:
        return Answer(await _unknown(host, session, name))
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
    said = await slash.run(command, call)
    return Answer(said, sent[-1] if sent else None)


async def _known(host: Host, session: Session) -> Mapping[str, Contribution[SlashCommandSpec]]:
    return {item.name: item for item in await slash.commands(host, session) if item.name not in _EDITORS_OWN}


async def _unknown(host: Host, session: Session, name: str) -> str:
    near = near_names(name, await _known(host, session))
    hint = f"Did you mean {near}?" if near else "`/help` lists the commands."
    return (
        f"There is no command `/{one_line(name, 80)}`. {hint} A message that begins with a slash is written with two."
    )
