"""`hermes honcho setup`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hermes_honcho.access import Access
from hermes_honcho.checks import reachable
from hermes_honcho.configuration import HonchoFile, configuration_of, find_file
from hermes_honcho.names import owner_peer
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json
from hermes_host.config import files
from hermes_host.errors import ConfigError, HermesError

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_honcho.configuration import Configuration
    from hermes_host.host import Host

__all__ = ["setup"]

_MODES = click.Choice(["hybrid", "honcho"])
_RECALL = click.Choice(["hybrid", "context", "tools"])
_STRATEGIES = click.Choice(["per-session", "per-repo", "per-directory", "global"])


@click.command(
    epilog="\b\nExamples:\n  hermes honcho setup\n"
    "  hermes honcho setup --base-url http://localhost:8000 --peer alice\n"
    "  pass show honcho | hermes honcho setup --key-stdin --peer alice"
)
@click.option("--key-stdin", is_flag=True, help="Read the API key from standard input.")
@click.option("--base-url", metavar="URL", help="A Honcho server of your own; on this machine it needs no key.")
@click.option("--environment", type=click.Choice(["production", "local"]), help="Where no URL is given.")
@click.option("--peer", metavar="NAME", help="The peer that stands for you.")
@click.option("--ai-peer", metavar="NAME", help="The peer that stands for the assistant.")
@click.option("--workspace", metavar="NAME", help="The workspace.")
@click.option("--memory-mode", type=_MODES, help="Beside local files, or alone.")
@click.option("--write", metavar="async|turn|session|N", help="When messages are sent.")
@click.option("--recall", type=_RECALL, help="How the model gets to know things.")
@click.option("--strategy", type=_STRATEGIES, help="What has a Honcho session of its own.")
@click.option("--local", is_flag=True, help="Write honcho.json in this home, not the file shared with other hosts.")
@click.option("--check/--no-check", default=True, help="Ask Honcho before anything is written.")
@json_option
@pass_host
def setup(host: Host, /, key_stdin: bool, local: bool, check: bool, as_json: bool, **given: str | None) -> None:
    """Configure Honcho. On a terminal it asks for what was not given; elsewhere it never asks."""
    context = host.context("honcho")
    path = context.home / "honcho.json" if local else find_file(context.home)
    before = configuration_of(context)
    key = sys.stdin.readline().strip() if key_stdin else ""
    if key_stdin and not key:
        raise click.UsageError("There is no key on standard input.")
    asked = sys.stdin.isatty() and sys.stdout.isatty() and not as_json and not key_stdin and not any(given.values())
    if asked:
        key, given = _ask(before)
    root, block = _changes(key, given)
    if not root and not block and not before.api_key and not before.base_url:
        raise click.UsageError("Say what to set: --key-stdin or --base-url, see --help.")
    file = HonchoFile(path)
    _write(file, root, block, check=check, host=host)
    after = configuration_of(host.context("honcho"))
    if as_json:
        print_json({"file": str(path), "active": after.active, "reason": after.reason, "checked": check})
        return
    click.echo(f"Written to {path}.")
    click.echo("Honcho is used from the next conversation on." if after.active else f"Not in use: {after.reason}")
    click.echo("See `hermes honcho status`; `hermes honcho migrate` lets Honcho learn from local files.")


def _ask(before: Configuration) -> tuple[str, dict[str, str | None]]:
    given: dict[str, str | None] = {}
    url = click.prompt("Address of your own server (empty: Honcho's)", default=before.base_url, show_default=True)
    given["base_url"] = url.strip() or None
    shown = "empty: keep the present one" if before.api_key else "empty: none, for a server on this machine"
    key = click.prompt(f"API key ({shown})", default="", show_default=False, hide_input=True).strip()
    given["peer"] = click.prompt("Your name there", default=owner_peer(before))
    given["workspace"] = click.prompt("Workspace", default=before.workspace)
    given["memory_mode"] = click.prompt("Memory mode", type=_MODES, default=before.memory_mode("default"))
    given["write"] = click.prompt("When to send (async, turn, session, N)", default=str(before.write_frequency))
    given["recall"] = click.prompt("Recall mode", type=_RECALL, default=before.recall_mode)
    given["strategy"] = click.prompt("Sessions", type=_STRATEGIES, default=before.strategy)
    return key, given


def _changes(key: str, given: dict[str, str | None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is written at the file's root, and in this host's block."""
    write: str | int | None = given.get("write")
    if isinstance(write, str) and write not in ("async", "turn", "session"):
        if not write.isdecimal() or int(write) < 1:
            raise click.UsageError("--write is async, turn, session or a number of turns.")
        write = int(write)
    root = {"apiKey": key or None, "baseUrl": given.get("base_url")}
    block = {
        "environment": given.get("environment"),
        "peerName": given.get("peer"),
        "aiPeer": given.get("ai_peer"),
        "workspace": given.get("workspace"),
        "memoryMode": given.get("memory_mode"),
        "writeFrequency": write,
        "recallMode": given.get("recall"),
        "sessionStrategy": given.get("strategy"),
    }
    return tuple({name: value for name, value in each.items() if value} for each in (root, block))  # type: ignore[return-value]


def _write(file: HonchoFile, root: dict[str, Any], block: dict[str, Any], *, check: bool, host: Host) -> None:
    """Write, ask Honcho with what was written, and put the file back as it was where that fails."""
    before = files.read_text(file.path)

    def edit(all_of_it: dict[str, Any], ours: dict[str, Any]) -> None:
        for name, value in root.items():
            (ours if name in ours else all_of_it)[name] = value
        ours.update(block)
        ours["enabled"] = True

    file.change(edit)
    try:
        configuration = configuration_of(host.context("honcho"))
        if configuration.problem:
            raise ConfigError(configuration.problem)
        if check and configuration.active:
            fault = run_async(host, lambda: _fault(host))
            if fault:
                raise ConfigError(fault)
    except HermesError as error:
        _put_back(file.path, before)
        raise ConfigError(error.message, remedy="Nothing was changed; --no-check writes it all the same.") from error


async def _fault(host: Host) -> str:
    access = Access(host.context("honcho"))
    try:
        return await reachable(access)
    finally:
        await access.aclose()


def _put_back(path: Path, before: str | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        files.write_private(path, before)
