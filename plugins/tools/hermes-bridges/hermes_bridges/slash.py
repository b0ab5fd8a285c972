"""The commands of Claude Code plugins as slash commands: a message made of a Markdown file.

Nothing is run for one and no file of the workspace is read: shell lines and file references stay text, and the agent is
told that it may run or read them with its own tools, which pass the approval gate.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hermes_bridges.bridges import Bridges
from hermes_host.errors import HermesError, NotFound, Unsupported
from hermes_host.messages import ATTACHED, Text, user_message
from hermes_host.specs import SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_bridges.bridges import Bridge
    from hermes_bridges.bundle import SlashFile
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.frontends import SlashCall

__all__ = ["BridgedCommands", "commands", "filled", "run"]

_PLACEHOLDER = re.compile(r"\$(?:ARGUMENTS(?:\[(\d{1,2})\])?(?![A-Za-z0-9_])|(\d)(?!\d))")
_SHELL = re.compile(r"^!(?!`|\[)[ \t]*(\S.*)$|!`([^`\n]+)`", re.MULTILINE)
_OWN_FILE = re.compile(r"@\$\{CLAUDE_PLUGIN_ROOT\}/([^\s`'\")]+)")
_MOST_ATTACHED = 100_000


async def commands(context: PluginContext, spec: object) -> BridgedCommands:
    """The service."""
    return BridgedCommands(context, await context.services.get(Bridges))


class BridgedCommands:
    """A slash command for each command file of folders that are on."""

    def __init__(self, context: PluginContext, bridges: Bridges) -> None:
        self._context = context
        self._bridges = bridges

    async def commands(self, session: SessionContext) -> Sequence[SlashCommandSpec]:
        """What can be used now. A name that is taken gets the folder's name before it: `name.command`."""
        return [
            SlashCommandSpec(
                name=name,
                summary=command.summary or f"A command of {bridge.name}.",
                target="hermes_bridges.slash:run",
                usage=command.usage,
                aliases=tuple(word for word in (f"{bridge.name}.{command.name}", f"{bridge.name}:{command.name}")
                              if word != name),
            )
            for name, (bridge, command) in named(self._context, self._bridges).items()
        ]  # fmt: skip


def named(context: PluginContext, bridges: Bridges) -> dict[str, tuple[Bridge, SlashFile]]:
    """Every command by the name it has here."""
    taken = {word for item in context.registry("slash_commands") for word in (item.name, *item.spec.aliases)}
    found: dict[str, tuple[Bridge, SlashFile]] = {}
    for bridge in bridges.on():
        for command in bridge.bundle.commands if bridge.bundle is not None else ():
            free = command.name not in taken and command.name not in found
            found.setdefault(command.name if free else f"{bridge.name}.{command.name}", (bridge, command))
    return found


async def run(call: SlashCall) -> str:
    """`/<command> [arguments]`: submit what the file says."""
    context = call.host.context("bridges")
    known = named(context, await context.services.get(Bridges))
    if call.name.lower() not in known:
        raise NotFound(f"There is no command /{call.name} any more.", remedy="/help lists the commands.")
    if call.submit is None:
        raise Unsupported("This surface cannot submit messages for a command.")
    bridge, command = known[call.name.lower()]
    said = f"/{call.name} {call.arguments}".strip()
    text = f"[The user invoked the command /{call.name} of the plugin {bridge.name!r}: do this.]\n\n"
    text += filled(command.text, call.arguments, bridge)
    call.submit(user_message(Text(text=said), Text(text=f"\n\n{text}", meta={ATTACHED: "command"})))
    return ""


def filled(text: str, arguments: str, bridge: Bridge) -> str:
    """A command's text with its arguments, the folder's own files, and a remark on what is not done for it."""
    shell = [one or other for one, other in _SHELL.findall(text)]
    text = _SHELL.sub(lambda match: f"(the output of `{match[1] or match[2]}`)", text)
    remarks = []
    if shell:
        remarks.append("No command was run for this text: run those whose output you need with your own tools.")
    if re.search(r"(?<![\w`])@[\w./~-]+", text):
        remarks.append("Words that begin with @ name files: read those you need.")
    files = _own_files(text, bridge)
    text = _with_arguments(text, arguments)
    text = text.replace("${CLAUDE_PLUGIN_ROOT}", bridge.consent.path)
    return "\n\n".join([text, *files, *([f"[{' '.join(remarks)}]"] if remarks else [])])


def _with_arguments(text: str, arguments: str) -> str:
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = arguments.split()

    def value(match: re.Match[str]) -> str:
        if match[1] is not None:  # $ARGUMENTS[0] is the first
            place = int(match[1])
        elif match[2] is not None:  # $1 is the first
            place = int(match[2]) - 1
        else:
            return arguments
        return words[place] if 0 <= place < len(words) else ""

    found = _PLACEHOLDER.sub(value, text)
    return f"{found}\n\nARGUMENTS: {arguments}" if arguments and not _PLACEHOLDER.search(text) else found


def _own_files(text: str, bridge: Bridge) -> list[str]:
    found = []
    assert bridge.tree is not None
    for path in dict.fromkeys(_OWN_FILE.findall(text)):
        path = path.rstrip(".,;:")
        try:
            content = bridge.tree.text(path)[:_MOST_ATTACHED]
        except HermesError as error:
            found.append(f"[{path}: {error}]")
        else:
            found.append(f"[{path} of the plugin]\n{content}")
    return found
