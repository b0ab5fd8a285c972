"""`hermes acp`: serve one editor over standard input and output; or check and set up what that needs."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import application, run_async
from hermes_host.cli.listing import print_json
from hermes_host.config.logging_filter import RedactingFilter

if TYPE_CHECKING:
    from hermes_host.cli.application import Application
    from hermes_host.host import Host

__all__ = ["acp"]

_FAILED = 1


@click.command(
    epilog="\b\nExamples:\n"
    "  hermes acp                serve an editor, which starts it by itself\n"
    "  hermes acp --check        see whether it would work\n"
    "  hermes acp --setup        choose a provider and a model"
)
@click.option("--check", is_flag=True, help="Say whether an editor could be served, and leave.")
@click.option("--setup", is_flag=True, help="Choose a provider and a model in this terminal.")
@click.option("--json", "as_json", is_flag=True, help="With --check: as JSON.")
def acp(check: bool, setup: bool, as_json: bool) -> int:
    """Serve an editor over the Agent Client Protocol.

    Standard output carries the protocol alone; whatever anything prints goes to standard error, as the log does.
    """
    state = application()
    if check and setup or as_json and not check:
        raise click.UsageError("--check and --setup exclude each other; --json goes with --check.")
    if check:
        return _check(state.host, as_json)
    if setup:
        return _set_up()
    return _serve(state)


def _serve(state: Application) -> int:
    if sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("Editors start this by themselves. To see whether it works: hermes acp --check.")
    from hermes_acp.wires import LineTransport, take_standard_streams

    incoming, outgoing = take_standard_streams()
    host = state.host
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactingFilter(host.secrets))
    logging.basicConfig(
        level=logging.INFO if state.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )
    state.report_problems()

    async def serve() -> None:
        from hermes_acp.server import Server
        from hermes_acp.settings import Settings

        settings = host.context("acp").section(Settings, "acp")
        start = {"model": state.model, "provider": state.provider}
        server = Server(host, settings, start=start, bypass=state.yolo)
        await server.serve(await LineTransport.open(incoming, outgoing))

    run_async(host, serve)
    return 0


def _check(host: Host, as_json: bool) -> int:
    from importlib.metadata import version

    from hermes_acp.setting_up import fault_of, model_in_use

    fault = fault_of(host)
    found = {
        "usable": not fault,
        "model": "" if fault else model_in_use(host),
        "problem": fault,
        "protocol": 1,
        "sdk": version("agent-client-protocol"),
    }
    if as_json:
        print_json(found)
    elif fault:
        click.echo(f"Editors cannot be served: {fault} Run `hermes acp --setup`.")
    else:
        click.echo(f"Editors can be served with {found['model']}. The command for them is `hermes acp`.")
    return _FAILED if fault else 0


def _set_up() -> int:
    """The host's own way to choose a model, in this terminal; elsewhere, how to do it."""
    context = click.get_current_context()
    root = context.find_root()
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or not isinstance(root.command, click.Group):
        click.echo("Run this in a terminal, or: hermes model set PROVIDER:MODEL, and put its key into the .env file.")
        return _FAILED
    chooser = root.command.get_command(root, "model")
    if chooser is not None:
        chooser.main(args=[], prog_name="hermes model", standalone_mode=False, obj=root.obj)
    return 0
