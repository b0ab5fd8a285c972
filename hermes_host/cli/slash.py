"""Finding and running slash commands: exact name or alias, else a unique prefix; else the near names are said."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, NotFound
from hermes_host.registry import near_names

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import SlashCommandSpec

__all__ = ["find", "run"]


def find(host: Host, name: str) -> Contribution[SlashCommandSpec]:
    """The command meant by `name`. Raises `NotFound`, naming near ones or those that begin so."""
    registry = host.slash_commands
    name = name.lower()
    if name in registry:
        return registry.get(name)
    words = {word: item for item in registry for word in (item.name, *item.spec.aliases)}
    begun = sorted({item.name for word, item in words.items() if word.startswith(name)})
    if len(begun) == 1:
        return registry.get(begun[0])
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
