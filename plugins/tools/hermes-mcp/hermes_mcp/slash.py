"""`/mcp`, and a slash command for each prompt of a server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, Unsupported
from hermes_host.messages import Message, Text
from hermes_host.visible import one_line, visible
from hermes_mcp.servers import Servers
from hermes_mcp.source import HANDED_OVER
from hermes_mcp.suspicion import suspicions

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_mcp.offers import PromptOffer
    from hermes_mcp.server import Server

__all__ = ["mcp", "run_prompt"]

_PLUGIN = "mcp"


async def mcp(call: SlashCall) -> str:
    """`/mcp [stop NAME | refresh NAME]`."""
    configured = await call.host.context(_PLUGIN).services.get(Servers)
    own = _handed_over(call)
    word, _, name = call.arguments.partition(" ")
    servers = next((each for each in own if name.strip() in each), configured)
    if word == "stop" and name:
        stopped = await servers.get(name.strip()).stop()
        return f"Stopped. The next call starts {name.strip()} again." if stopped else f"{name.strip()} was not running."
    if word == "refresh" and name:
        offer = await servers.get(name.strip()).refresh()
        return f"{name.strip()} offers {count(len(offer.tools), 'tool')}. The next conversation (/new) has them."
    if word:
        return "Usage: `/mcp`, `/mcp stop NAME`, `/mcp refresh NAME`"
    rows = [_row(server) for each in (*own, configured) for server in each]
    return "\n".join(rows) or "There are no MCP servers. Add one outside: `hermes mcp add --help`"


def _handed_over(call: SlashCall) -> list[Servers]:
    """Those of this conversation alone."""
    return [each.servers for each in call.session.context.memory.get(HANDED_OVER, ())]


def _row(server: Server) -> str:
    offer = server.offer
    known = count(len(server.tools()), "tool") if offer is not None else "its list was not fetched yet"
    failure = f": {one_line(server.failure, 160)}" if server.state == "failed" else ""
    return f"- **{one_line(server.name, 60)}** {server.state}, {known}{failure}"


async def run_prompt(call: SlashCall) -> str | None:
    """`/mcp_<server>_<prompt> name=value …`: send what the server makes of it."""
    if call.submit is None:
        raise Unsupported("This surface cannot submit messages for a command.")
    configured = await call.host.context(_PLUGIN).services.get(Servers)
    servers = next((each for each in _handed_over(call) if each.has_prompt(call.name)), configured)
    server, name = servers.prompt(call.name)
    offer = next((prompt for prompt in (server.offer.prompts if server.offer else ()) if prompt.name == name), None)
    if offer is None:
        raise HermesError(f"The MCP server {server.name!r} no longer offers the prompt {name!r}.")
    arguments = _arguments(offer, call.arguments)
    connection = await server.connection()
    result = await connection.call(lambda client: client.get_prompt(name, arguments))
    from hermes_mcp.results import prompt_text

    text = visible(prompt_text(result))
    if not text.strip():
        return f"The MCP server {server.name!r} gave an empty prompt."
    # The words are the server's: what they ask for does not have the owner's authority.
    call.submit(Message(role="user", parts=(Text(text=text),), provenance="external"))
    found = suspicions(text)
    return f"Look at what it sends: {'; '.join(found)}." if found else None


def _arguments(offer: PromptOffer, text: str) -> dict[str, str]:
    """`name=value` pairs; words without a name fill the arguments in order, the last one takes the rest."""
    names = [argument.name for argument in offer.arguments]
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise HermesError(f"The arguments cannot be read: {error}.", remedy="Close the quotation.") from error
    given: dict[str, str] = {}
    loose: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in names:
            given[name] = value
        else:
            loose.append(word)
    for name in [name for name in names if name not in given]:
        if loose:
            last = name == names[-1]
            given[name] = " ".join(loose) if last else loose[0]
            loose = [] if last else loose[1:]
    missing = [argument.name for argument in offer.arguments if argument.required and argument.name not in given]
    if missing or loose:
        wants = " ".join(f"{name}=…" for name in names) or "nothing"
        problem = f"It also needs {', '.join(missing)}." if missing else f"It does not take {loose[0]!r}."
        raise HermesError(problem, remedy=f"It takes: {wants}")
    return given
