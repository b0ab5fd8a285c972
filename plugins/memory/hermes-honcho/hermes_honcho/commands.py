"""`hermes honcho`: looking at the memory and changing its settings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hermes_honcho.access import Access
from hermes_honcho.checks import reachable
from hermes_honcho.commands_files import identity, migrate
from hermes_honcho.commands_setup import setup
from hermes_honcho.configuration import LEVELS, HonchoFile, configuration_of, directory_key, find_file, without_secrets
from hermes_honcho.memory import outbox_of
from hermes_honcho.names import names_of, owner_peer, plain_name
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, moment, print_json, print_table
from hermes_host.context import SessionContext
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["honcho"]


@click.group(epilog="\b\nExamples:\n  hermes honcho setup\n  hermes honcho status\n  hermes honcho map my-project")
def honcho() -> None:
    """Set up and look at the memory of the user that Honcho keeps."""


honcho.add_command(setup)
honcho.add_command(identity)
honcho.add_command(migrate)


@honcho.command(epilog="Example: hermes honcho status --json")
@click.option("--check/--no-check", default=True, help="Ask Honcho whether it answers.")
@json_option
@pass_host
def status(host: Host, check: bool, as_json: bool) -> None:
    """Show the settings in force, whether Honcho answers, and what waits to be sent."""
    context = host.context("honcho")
    configuration = configuration_of(context)
    waiting = outbox_of(context, configuration).waiting()
    names = names_of(configuration, SessionContext("(this conversation)", directory=os.getcwd()))
    fault = ""
    if check and configuration.active:
        fault = run_async(host, lambda: _reachable(host))
    facts: dict[str, Any] = {
        "active": configuration.active,
        "reason": configuration.reason,
        "file": configuration.path,
        "server": configuration.base_url or configuration.environment,
        "key": bool(configuration.api_key),
        "answers": None if not (check and configuration.active) else not fault,
        "fault": fault,
        "workspace": configuration.workspace,
        "user_peer": names.user,
        "ai_peer": names.ai,
        "session_here": names.session,
        "session_strategy": configuration.strategy,
        "memory_mode": configuration.memory_mode(owner_peer(configuration)),
        "recall_mode": configuration.recall_mode,
        "write_frequency": configuration.write_frequency,
        "save_messages": configuration.save_messages,
        "context_tokens": configuration.context_tokens,
        "dialectic_reasoning_level": configuration.level,
        "dialectic_max_chars": configuration.dialectic_characters,
        "linked_hosts": list(configuration.linked_hosts),
        "unsent": waiting.unsent,
        "unsent_elsewhere": waiting.elsewhere,
        "refused": waiting.refused,
        "oldest_unsent": waiting.oldest or None,
    }
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)
    if fault or configuration.problem:
        sys.exit(1)


def _print_facts(facts: dict[str, Any]) -> None:
    if not facts["active"]:
        click.echo(f"Not in use: {facts['reason']}")
    elif facts["answers"] is not None:
        click.echo("Honcho answers." if facts["answers"] else f"Honcho cannot be used now: {facts['fault']}")
    for name, value in facts.items():
        if name in ("active", "reason", "answers", "fault") or value in (None, "", []):
            continue
        shown = ("yes" if value else "no") if isinstance(value, bool) else value
        if name == "oldest_unsent":
            shown = moment(value)
        click.echo(f"  {name.replace('_', ' ')}: {shown}")


async def _reachable(host: Host) -> str:
    return await reachable(await host.services.get(Access))


@honcho.command(epilog="Example: hermes honcho sessions --remote --json")
@click.option("--remote", is_flag=True, help="List the sessions that the workspace has at Honcho.")
@json_option
@pass_host
def sessions(host: Host, remote: bool, as_json: bool) -> None:
    """List which directories have a Honcho session of their own by name."""
    if remote:

        async def look() -> list[str]:
            access = await host.services.get(Access)
            return [name async for name in access.session_names()]

        found = run_async(host, look)
        if as_json:
            print_json({"sessions": found})
        else:
            click.echo("\n".join(found) or "The workspace has no sessions yet.")
        return
    mapped = configuration_of(host.context("honcho")).sessions
    if as_json:
        print_json({"sessions": mapped})
    elif mapped:
        print_table(("directory", "session"), sorted(mapped.items()))
    else:
        click.echo("No directory is mapped. Map this one: hermes honcho map NAME")


@honcho.command("map", epilog="\b\nExamples:\n  hermes honcho map my-project\n  hermes honcho map --remove")
@click.argument("name", required=False)
@click.option("--remove", is_flag=True, help="Let the strategy decide again.")
@json_option
@pass_host
def map_directory(host: Host, name: str | None, remove: bool, as_json: bool) -> None:
    """Give this directory the Honcho session NAME; without NAME, show which one it has."""
    context, key = host.context("honcho"), directory_key(os.getcwd())
    if name is not None and remove:
        raise click.UsageError("NAME and --remove exclude each other.")
    if name is not None and not name.strip():
        raise click.UsageError("NAME is empty.")
    if name is not None or remove:

        def edit(root: dict[str, Any], block: dict[str, Any]) -> None:
            holder = block if "sessions" in block else root
            mapped = holder.setdefault("sessions", {})
            if not isinstance(mapped, dict):
                raise ConfigError("`sessions` in Honcho's file is no object.", remedy="Correct it by hand.")
            mapped.pop(key, None)
            if name is not None:
                mapped[key] = plain_name(name)

        HonchoFile(find_file(context.home)).change(edit)
    configuration = configuration_of(context)
    used = names_of(configuration, SessionContext("(this conversation)", directory=key)).session
    if as_json:
        print_json({"directory": key, "session": used, "mapped": key in configuration.sessions})
    else:
        how = "mapped" if key in configuration.sessions else configuration.strategy
        click.echo(f"{key}: {used} ({how})")
        if name is not None or remove:
            click.echo("Conversations begun from now on use it.")


@honcho.command(epilog="Example: hermes honcho peer --user alice --reasoning medium")
@click.option("--user", metavar="NAME", help="The peer that stands for you.")
@click.option("--ai", metavar="NAME", help="The peer that stands for the assistant.")
@click.option("--reasoning", type=click.Choice(LEVELS), help="How hard Honcho thinks at least.")
@json_option
@pass_host
def peer(host: Host, user: str | None, ai: str | None, reasoning: str | None, as_json: bool) -> None:
    """Show or change who you and the assistant are at Honcho."""
    _set(host, peerName=user, aiPeer=ai, dialecticReasoningLevel=reasoning)
    configuration = configuration_of(host.context("honcho"))
    names = names_of(configuration, SessionContext("-", directory=os.getcwd()))
    _show(as_json, user=names.user, ai=names.ai, reasoning=configuration.level)


@honcho.command(epilog="Example: hermes honcho mode honcho")
@click.argument("mode", required=False, type=click.Choice(["hybrid", "honcho"]))
@click.option("--recall", type=click.Choice(["hybrid", "context", "tools"]), help="How the model gets to know things.")
@click.option("--write", metavar="async|turn|session|N", help="When messages are sent.")
@json_option
@pass_host
def mode(host: Host, mode: str | None, recall: str | None, write: str | None, as_json: bool) -> None:
    """Show or change the memory mode: `hybrid` beside local files, `honcho` alone."""
    _set(host, memoryMode=mode, recallMode=recall, writeFrequency=frequency(write))
    configuration = configuration_of(host.context("honcho"))
    memory_mode = configuration.memory_mode(owner_peer(configuration))
    _show(as_json, mode=memory_mode, recall=configuration.recall_mode, write=configuration.write_frequency)
    if mode == "honcho" and not as_json:
        click.echo("Local files of memory stay in use until you switch them off:")
        click.echo("  hermes config set memory.memory_enabled false")
        click.echo("  hermes config set memory.user_profile_enabled false")


@honcho.command(epilog="Example: hermes honcho tokens --context 1200 --dialectic 400")
@click.option("--context", "context_", type=click.IntRange(0), help="Tokens Honcho may give at once; 0: its own limit.")
@click.option("--dialectic", type=click.IntRange(50, 10_000), help="Characters of an answer that ride on a message.")
@json_option
@pass_host
def tokens(host: Host, context_: int | None, dialectic: int | None, as_json: bool) -> None:
    """Show or change how much of what Honcho knows is given to the model."""
    if context_ == 0:
        HonchoFile(find_file(host.context("honcho").home)).change(lambda root, block: block.update(contextTokens=None))
        context_ = None
    _set(host, contextTokens=context_, dialecticMaxChars=dialectic)
    configuration = configuration_of(host.context("honcho"))
    _show(as_json, context=configuration.context_tokens, dialectic=configuration.dialectic_characters)


def frequency(written: str | None) -> str | int | None:
    """`async`, `turn`, `session` or a number of turns."""
    if written is None or written in ("async", "turn", "session"):
        return written
    if written.isdecimal() and int(written) > 0:
        return int(written)
    raise click.UsageError("--write is async, turn, session or a number of turns.")


def _set(host: Host, **values: Any) -> None:
    wanted = {key: value for key, value in values.items() if value is not None}
    if any(isinstance(value, str) and not value.strip() for value in wanted.values()):
        raise click.UsageError("A name is empty.")
    if not wanted:
        return
    file = HonchoFile(find_file(host.context("honcho").home))
    file.change(lambda root, block: block.update(wanted))


def _show(as_json: bool, **facts: Any) -> None:
    if as_json:
        print_json(without_secrets(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name}: {'not set' if value is None else value}")
