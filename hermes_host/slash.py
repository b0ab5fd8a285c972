"""Finding and running slash commands: exact name or alias, else a unique prefix; else the near names are said.

Besides those that plugins declare there are commands known only at run time (`hermes_host.services.SlashCommands`),
such as one for each skill. A declared name, or the beginning of one, comes before them.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, NotFound
from hermes_host.registry import Contribution, near_names
from hermes_host.services import SlashCommands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent.session import Session
    from hermes_host.frontends import SlashCall
    from hermes_host.host import Host
    from hermes_host.specs import ServiceSpec, SlashCommandSpec

__all__ = ["commands", "find", "run", "runs_beside"]

log = logging.getLogger(__name__)


async def commands(host: Host, session: Session) -> Sequence[Contribution[SlashCommandSpec]]:
    """All commands that can be used in a conversation: the declared ones, then those known only at run time."""
    found = {item.name: item for item in host.slash_commands}
    for contribution in host.offered_services:
        if contribution.spec.provides == _RUN_TIME:
            for spec in await _specs(host, session, contribution):
                found.setdefault(spec.name, Contribution("slash_commands", spec, contribution.record))
    return list(found.values())


_RUN_TIME = f"{SlashCommands.__module__}:{SlashCommands.__qualname__}"


async def _specs(host: Host, session: Session, contribution: Contribution[ServiceSpec]) -> Sequence[SlashCommandSpec]:
    try:
        source: SlashCommands = await host.part(contribution)
        return await source.commands(session.context)
    except Exception as error:  # noqa: BLE001 - the boundary to plugins: the other commands are still there
        contribution.record.add_problem(contribution.title, f"{type(error).__name__}: {error}")
        log.warning("the commands of plugin %r cannot be listed: %s", contribution.plugin, error)
        return ()


def runs_beside(host: Host, name: str) -> bool:
    """Whether the command may run while a turn runs."""
    registry = host.slash_commands
    return name.lower() in registry and registry.get(name.lower()).spec.while_busy


async def find(host: Host, session: Session, name: str) -> Contribution[SlashCommandSpec]:
    """The command meant by `name`. Raises `NotFound`, naming near ones or those that begin so."""
    registry = host.slash_commands
    name = name.lower()
    if name in registry:
        return registry.get(name)
    known = await commands(host, session)
    by_name = {item.name: item for item in known}
    if name in by_name:
        return by_name[name]
    words = {word: item for item in known for word in (item.name, *item.spec.aliases)}
    begun = sorted({item.name for word, item in words.items() if word.startswith(name)})
    declared = [word for word in begun if word in registry]
    if len(declared) == 1 or len(begun) == 1:
        return by_name[(declared if len(declared) == 1 else begun)[0]]
    if begun:
        raise NotFound(f"/{name} could be {' or '.join(f'/{word}' for word in begun)}.")
    near = near_names(name, words)
    hint = f"Did you mean {near}?" if near else "/help lists the commands."
    raise NotFound(
        f"There is no command /{name}.", remedy=f"{hint} A message that begins with a slash is written with two."
    )


async def run(command: Contribution[SlashCommandSpec], call: SlashCall) -> str:
    """Run it; gives Markdown to show, empty for nothing. A failure becomes one line, whatever it was."""
    if call.session.busy and not command.spec.while_busy:
        return f"/{command.name} must wait until the turn is over. /stop ends it."
    try:
        handler = call.host.target(command, command.spec.target)
        answer = handler(call)
        if inspect.isawaitable(answer):
            answer = await answer
    except HermesError as error:
        return f"**/{command.name}:** {error}"
    except Exception as error:  # noqa: BLE001 - the boundary to plugins' commands: the conversation goes on
        command.record.add_problem(f"slash command {command.name!r}", f"{type(error).__name__}: {error}")
        return f"**/{command.name}** of plugin {command.plugin!r} failed: {type(error).__name__}: {error}"
    return "" if answer is None else str(answer)
