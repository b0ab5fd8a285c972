"""`hermes terminal`: the places where commands run."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import HermesError
from hermes_host.protocols import Command, Exited, Output
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hermes_host.host import Host
    from hermes_host.protocols import Terminal, TerminalBackend

__all__ = ["terminal"]

_PATIENCE = 120.0
"""Seconds a backend gets to be opened, and for each step of the test: a container may have to be made first."""


@click.group(invoke_without_command=True, epilog="Example: hermes terminal test local")
@click.pass_context
def terminal(ctx: click.Context) -> None:
    """See, choose and test the places where commands run. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_terminals, as_json=False)


@terminal.command("list", epilog="Example: hermes terminal list --json")
@json_option
@pass_host
def list_terminals(host: Host, as_json: bool) -> None:
    """List the terminal backends that are installed."""
    chosen = host.config.section("terminal").backend
    found = [
        {
            "name": item.name,
            "plugin": item.plugin,
            "in_use": item.name == chosen,
            "features": sorted(item.spec.features),
            "summary": item.spec.summary,
        }
        for item in host.terminal_backends
    ]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No terminal backend is installed. Try `pip install 'hermes-host[standard]'`.")
    else:
        rows = [
            ("*" if row["in_use"] else "", row["name"], ", ".join(row["features"]), row["summary"]) for row in found
        ]
        print_table(("", "terminal", "features", "where commands run"), rows)


@terminal.command("use", epilog="\b\nExamples:\n  hermes terminal use local\n  hermes terminal use far-away")
@click.argument("name")
@pass_host
def use(host: Host, name: str) -> None:
    """Run commands there from the next conversation on. `/terminal NAME` does it for one conversation."""
    chosen = host.terminal_backends.get(name)
    host.config.set("terminal.backend", chosen.name)
    click.echo(f"Commands run on {chosen.name} from the next conversation on. `hermes terminal test` tries it.")


@dataclass(frozen=True)
class _Step:
    name: str
    ok: bool
    seconds: float
    detail: str = ""


@terminal.command("test", epilog="Example: hermes terminal test ssh --json")
@click.argument("name", required=False, default="")
@json_option
@pass_host
def test(host: Host, name: str, as_json: bool) -> int:
    """Open a terminal, run a command, write and read a file, and leave. The exit code is 1 when a step fails."""
    chosen = host.terminal_backends.get(name or host.config.section("terminal").backend)
    steps: list[_Step] = []

    def done(step: _Step) -> None:
        steps.append(step)
        if not as_json:
            sign = click.style("ok    ", fg="green") if step.ok else click.style("failed", fg="red")
            click.echo(f"{sign} {step.name:<18}{step.seconds * 1000:9.1f} ms  {one_line(step.detail, 0)}".rstrip())

    async def work() -> None:
        backend: TerminalBackend = await host.part(chosen)
        await _try(backend, chosen.spec.features, done)

    run_async(host, work)
    if as_json:
        print_json({"terminal": chosen.name, "steps": steps})
    return 0 if all(step.ok for step in steps) else 1


async def _try(backend: TerminalBackend, features: frozenset[str], done: Callable[[_Step], None]) -> None:
    began = time.monotonic()
    manager = backend.open("hermes-terminal-test", "")
    try:
        async with asyncio.timeout(_PATIENCE):
            live = await manager.__aenter__()
    except (HermesError, OSError, TimeoutError) as error:
        done(_Step("open", False, time.monotonic() - began, _said(error)))
        return
    try:
        done(_Step("open", True, time.monotonic() - began, live.directory))
        await _step("run a command", lambda: _run(live, "uname -a"), done)
        await _step("run another", lambda: _run(live, "true"), done)
        if "files" in features:
            await _step("write and read", lambda: _write_and_read(live), done)
    finally:
        began = time.monotonic()
        await manager.__aexit__(None, None, None)
    done(_Step("leave", True, time.monotonic() - began))


async def _step(name: str, action: Callable[[], Awaitable[str]], done: Callable[[_Step], None]) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(_PATIENCE):
            detail = await action()
    except (HermesError, OSError, TimeoutError) as error:
        done(_Step(name, False, time.monotonic() - began, _said(error)))
    else:
        done(_Step(name, True, time.monotonic() - began, detail))


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_PATIENCE:g} s"
    return f"{error}" or type(error).__name__


async def _run(live: Terminal, script: str) -> str:
    output = b""
    events: AsyncIterator[Any] = live.run(Command(script=script, timeout=_PATIENCE))
    async with aclosing(events) as stream:  # type: ignore[type-var]
        async for event in stream:
            if isinstance(event, Output):
                output += event.data
            elif isinstance(event, Exited) and event.code != 0:
                raise OSError(f"exit code {event.code}: {output.decode('utf-8', 'replace').strip()}")
    return output.decode("utf-8", "replace").strip()


async def _write_and_read(live: Terminal) -> str:
    path = f"{live.directory.rstrip('/')}/.hermes-terminal-test"
    data = bytes(range(256))
    await live.write(path, data)
    try:
        same = await live.read(path) == data
    finally:
        await live.remove(path)
    if not same:
        raise OSError("what was read is not what was written")
    return f"{count(len(data), 'byte')}"


@terminal.command("doctor", epilog="Example: hermes terminal doctor ssh")
@click.argument("name", required=False, default="")
@json_option
@pass_host
def doctor(host: Host, name: str, as_json: bool) -> int:
    """Run the checks of the plugins that bring terminal backends."""
    from hermes_host.cli.doctor import check_plugins, print_results

    items = [host.terminal_backends.get(name)] if name else list(host.terminal_backends)
    results = check_plugins(host, {item.plugin for item in items})
    if as_json:
        print_json(results)
    else:
        print_results(results)
    return 1 if any(result.status == "error" for result in results) else 0


@terminal.command("gc", epilog="Example: hermes terminal gc")
@json_option
@pass_host
def gc(host: Host, as_json: bool) -> int:
    """End what conversations that are gone have left behind: containers, machines, mounts.

    The exit code is 1 when the terminal in use cannot be looked at; others may simply not be set up.
    """
    found: dict[str, list[str]] = {}
    failed: dict[str, str] = {}

    async def work() -> None:
        for item in host.terminal_backends:
            if "reap" not in item.spec.features:
                continue
            try:
                backend: TerminalBackend = await host.part(item)
                found[item.name] = list(await backend.reap())
            except (HermesError, OSError) as error:
                failed[item.name] = str(error)

    run_async(host, work)
    if as_json:
        print_json({"reaped": found, "failed": failed})
        return int(host.config.section("terminal").backend in failed)
    for name, lines in found.items():
        click.echo(f"{name}: {count(len(lines), 'thing')} ended." if lines else f"{name}: nothing was left behind.")
        for line in lines:
            click.echo(f"  {one_line(line, 0)}")
    for name, text in failed.items():
        click.echo(f"{name}: not looked at: {one_line(text, 0)}", err=True)
    if not found and not failed:
        click.echo("No installed terminal backend leaves anything behind.")
    return int(host.config.section("terminal").backend in failed)
