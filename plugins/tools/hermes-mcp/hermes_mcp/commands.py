"""`hermes mcp`: add, list, test, accept, sign in to, import and remove servers."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import ago, count, json_option, print_json, print_table
from hermes_host.errors import ConfigError, NotFound
from hermes_host.visible import one_line
from hermes_mcp.configuring import add_server
from hermes_mcp.importing import PROGRAMS, entry_problem, known_files, read_servers
from hermes_mcp.logfile import LogFile
from hermes_mcp.offers import described, objection

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_mcp.offers import Offer
    from hermes_mcp.server import Server
    from hermes_mcp.servers import Servers

__all__ = ["mcp"]

_PLUGIN = "mcp"


@click.group(epilog="Example: hermes mcp add files -- npx -y @modelcontextprotocol/server-filesystem ~/notes")
def mcp() -> None:
    """Add, list, test and remove MCP servers."""


@mcp.command(
    epilog="\b\nExamples:\n  hermes mcp add files -- npx -y @modelcontextprotocol/server-filesystem ~/notes\n"
    "  hermes mcp add tickets --url https://tickets.example/mcp --header 'Authorization: Bearer abc'\n"
    "  hermes mcp add wiki --url https://wiki.example/mcp --auth oauth"
)
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", default="", help="The address of a streamable HTTP server.")
@click.option("--env", "env", multiple=True, metavar="NAME=VALUE", help="A variable it gets; secrets go to .env.")
@click.option("--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header; secrets go to .env.")
@click.option("--cwd", default="", help="Its working directory.")
@click.option("--auth", type=click.Choice(["oauth"]), help="Sign in with OAuth (then: hermes mcp auth NAME).")
@click.option("--no-test", is_flag=True, help="Do not start it to fetch its list.")
@click.option("--force", is_flag=True, help="Replace an entry of that name.")
@json_option
@pass_host
def add(
    host: Host,
    name: str,
    command: tuple[str, ...],
    url: str,
    env: tuple[str, ...],
    headers: tuple[str, ...],
    cwd: str,
    auth: str | None,
    no_test: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Add a server, start it once, and show what it offers.

    Its tools as they are described now count as accepted; what it changes later waits for your consent.
    """
    if bool(command) == bool(url):
        raise click.UsageError("Give either a command after -- or a --url.")
    entry: dict[str, Any] = {"url": url} if url else {"command": command[0], "args": list(command[1:])}
    entry |= {"cwd": cwd} if cwd else {}
    entry |= {"auth": auth} if auth else {}
    if env:
        entry["env"] = dict(_pair(text, "=") for text in env)
    if headers:
        entry["headers"] = dict(_pair(text, ":") for text in headers)
    add_server(host, name, entry, replace=force)
    if no_test or auth:
        hint = f"Now sign in: hermes mcp auth {name}" if auth else f"Try it: hermes mcp test {name}"
        print_json({"added": name}) if as_json else click.echo(f"Added {name}. {hint}")
        return
    _show_offer(host, name, as_json, f"Added {name}.")


@mcp.command("list", epilog="\b\nExamples:\n  hermes mcp list\n  hermes mcp list --json")
@json_option
@pass_host
def list_servers(host: Host, as_json: bool) -> None:
    """List the servers, from what is known; none is started."""

    async def work() -> list[dict[str, Any]]:
        return [_facts(server) for server in await _servers(host)]

    rows = run_async(host, work)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("There are no MCP servers. Add one: hermes mcp add --help")
    else:
        cells = [
            (row["name"], row["state"], row["tools"], row["fetched_ago"], row["waiting"] or "", row["where"])
            for row in rows
        ]
        print_table(("server", "state", "tools", "fetched", "waiting", "command or url"), cells)


@mcp.command(epilog="\b\nExamples:\n  hermes mcp test files\n  hermes mcp test files --json")
@click.argument("name")
@json_option
@pass_host
def test(host: Host, name: str, as_json: bool) -> None:
    """Start a server, fetch its list, and show it."""
    _show_offer(host, name, as_json, "")


@mcp.command(epilog="\b\nExamples:\n  hermes mcp accept files\n  hermes mcp accept files read_file")
@click.argument("name")
@click.argument("tools", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_host
def accept(host: Host, name: str, tools: tuple[str, ...], yes: bool) -> None:
    """Accept tools that were changed or added, or whose descriptions are suspicious, as they are now."""

    async def work() -> None:
        server = (await _servers(host)).get(name)
        await server.refresh()
        waiting = [tool for tool in server.tools() if objection(tool, server.accepted)[0]]
        chosen = [tool for tool in waiting if not tools or tool.name in tools]
        if not chosen:
            click.echo("Nothing waits for your consent.")
            return
        for tool in chosen:
            why, shown = objection(tool, server.accepted)
            click.echo(f"{tool.name}: {why}\n{shown or described(tool)}\n")
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("Nothing was accepted: nobody can be asked here. Say --yes if you have read it.")
            click.confirm(f"Accept {count(len(chosen), 'tool')}?", abort=True)
        server.accept(*chosen, clear=True)
        click.echo(f"Accepted: {', '.join(tool.name for tool in chosen)}")

    run_async(host, work)


@mcp.command(epilog="\b\nExamples:\n  hermes mcp auth wiki\n  hermes mcp auth wiki --forget")
@click.argument("name")
@click.option("--forget", "drop", is_flag=True, help="Remove the stored tokens.")
@pass_host
def auth(host: Host, name: str, drop: bool) -> None:
    """Sign in to a server with OAuth, in a browser on this machine."""
    from hermes_mcp.sign_in import forget, sign_in

    def show(address: str) -> None:
        click.echo(f"Open this address in a browser on this machine:\n\n  {address}\n")
        click.launch(address)

    async def work() -> None:
        server = (await _servers(host)).get(name)
        context = host.context(_PLUGIN)
        if drop:
            click.echo("Signed out." if forget(context, name) else "Nobody was signed in.")
            return
        if server.settings.auth != "oauth":
            raise ConfigError(
                f"The MCP server {name!r} does not sign in with OAuth.",
                remedy=f"hermes config set mcp_servers.{name}.auth oauth",
            )
        await sign_in(context, name, server.settings, show)
        click.echo(f"Signed in to {name}.")

    run_async(host, work)


@mcp.command(epilog="\b\nExample:\n  hermes mcp logs files -n 100")
@click.argument("name")
@click.option("-n", "number", default=50, type=click.IntRange(1, 100_000), show_default=True, help="Newest lines.")
@pass_host
def logs(host: Host, name: str, number: int) -> None:
    """Show what a server wrote to its standard error and logged."""

    async def work() -> list[str]:
        servers = await _servers(host)
        if name in servers:
            return servers.get(name).log.tail(number)
        # One that was handed over for a conversation, or removed.
        lines = LogFile(Path(servers.log_path(name)), host.secrets.redact).tail(number)
        return lines or servers.get(name).log.tail(number)

    for line in run_async(host, work) or ["It wrote nothing so far."]:
        click.echo(line)


@mcp.command(epilog="\b\nExample:\n  hermes mcp remove files")
@click.argument("name")
@pass_host
def remove(host: Host, name: str) -> None:
    """Remove a server, with its stored tokens and what was accepted of it."""
    from hermes_mcp.offers import Shelf
    from hermes_mcp.sign_in import forget

    if name not in (host.config.raw("mcp_servers") or {}):
        raise NotFound(f"There is no MCP server {name!r}.", remedy="See `hermes mcp list`.")
    context = host.context(_PLUGIN)
    host.config.unset(f"mcp_servers.{name}")
    Shelf(context.cache_directory, context.state_directory).forget(name)
    forget(context, name)
    click.echo(f"Removed {name}. Secrets in .env stay: see `hermes config show`.")


@mcp.command(
    "import",
    epilog="\b\nExamples:\n  hermes mcp import --from claude --dry-run\n  hermes mcp import ~/project/.mcp.json",
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "program", type=click.Choice(PROGRAMS), help="Look where this program keeps its servers.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--force", is_flag=True, help="Replace entries of the same name.")
@json_option
@pass_host
def import_servers(
    host: Host, file: Path | None, program: str | None, dry_run: bool, force: bool, as_json: bool
) -> None:
    """Take over servers from a file with mcpServers, such as Claude's, Cursor's or VS Code's.

    Secrets that stand in it literally go to .env. Nothing is started.
    """
    if (file is None) == (program is None):
        raise click.UsageError("Give either a file or --from.")
    files = [file] if file is not None else known_files(program or "", Path.home(), Path.cwd())
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if path is not None and path.is_file() and (file is not None or _has_servers(path)):
            found = {**read_servers(path), **found}
    if not found:
        raise NotFound("No servers were found.", remedy=f"Looked at: {', '.join(map(str, files))}")
    configured = host.config.raw("mcp_servers") or {}
    outcome: list[dict[str, str]] = []
    for name, entry in found.items():
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:48]
        problem = entry_problem(entry)
        if not problem and plain in configured and not force:
            problem = "there is one of that name already; --force replaces it"
        if not problem and not dry_run:
            try:
                add_server(host, plain, entry, replace=True)
            except ConfigError as error:
                problem = str(error)
        outcome.append({"name": plain, "outcome": f"left out: {problem}" if problem else "imported"})
    if as_json:
        print_json(outcome)
    else:
        print_table(("server", "outcome"), [(row["name"], row["outcome"]) for row in outcome])
        click.echo("Nothing was changed." if dry_run else "Try them: hermes mcp test NAME")


def _has_servers(path: Path) -> bool:
    try:
        return bool(read_servers(path))
    except ConfigError:
        return False


def _pair(text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise click.UsageError(f"Expected NAME{separator}VALUE, found no {separator!r}.")
    return name.strip(), value.strip() if separator == ":" else value


def _show_offer(host: Host, name: str, as_json: bool, intro: str) -> None:
    async def work() -> tuple[Server, Offer]:
        server = (await _servers(host)).get(name)
        return server, await server.refresh()

    server, offer = run_async(host, work)
    tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "read_only": tool.read_only,
            "used": server.wants(tool.name),
            "waits": objection(tool, server.accepted)[0],
            "note": tool.note,
        }
        for tool in offer.tools
    ]
    if as_json:
        prompts = [prompt.name for prompt in offer.prompts]
        facts = {"name": name, "software": offer.software, "protocol": offer.protocol, "resources": offer.resources}
        print_json({**facts, "tools": tools, "prompts": prompts, "notes": offer.notes})
        return
    click.echo(f"{intro} {offer.software or name} speaks protocol {offer.protocol}.".strip())
    for tool in tools:
        marks = ["reads" if tool["read_only"] else "asks", *([] if tool["used"] else ["left out"])]
        click.echo(one_line(f"{tool['name']} ({', '.join(marks)}) {tool['description']}", 110))
        if tool["waits"]:
            click.echo(f"    ! {tool['waits']}")
    if offer.prompts:
        click.echo(f"Prompts: {', '.join(prompt.name for prompt in offer.prompts)}")
    if offer.resources:
        click.echo("It has resources.")
    for note in offer.notes:
        click.echo(f"Note: {note}")
    if any(tool["waits"] for tool in tools):
        click.echo(f"Read what is marked, then: hermes mcp accept {name}")


def _facts(server: Server) -> dict[str, Any]:
    offer = server.offer
    settings = server.settings
    return {
        "name": server.name,
        "state": "on" if settings.enabled else "off",
        "tools": len(server.tools()) if offer is not None else None,
        "fetched": offer.fetched if offer is not None else None,
        "fetched_ago": ago(offer.fetched, time.time()) if offer is not None else "never",
        "waiting": len([tool for tool in server.tools() if objection(tool, server.accepted)[0]]),
        # Not its arguments: they may hold secrets.
        "where": settings.url.partition("?")[0] if settings.url else settings.command,
        "protocol": offer.protocol if offer is not None else "",
    }


async def _servers(host: Host) -> Servers:
    from hermes_mcp.servers import Servers

    return await host.context(_PLUGIN).services.get(Servers)
