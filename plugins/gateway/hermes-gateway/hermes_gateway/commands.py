"""`hermes gateway`: run the gateway, in the foreground or as a service, and see how it fares."""

from __future__ import annotations

import os
import pwd
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import ago, json_option, print_json, print_table
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.protocols import CheckResult

__all__ = ["gateway"]


@click.group(invoke_without_command=True, epilog="Example: hermes gateway setup && hermes gateway start")
@click.pass_context
def gateway(ctx: click.Context) -> None:
    """Answer wherever people write: chats, mail, HTTP. Without a command: how it fares."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(status, as_json=False)


@gateway.command(epilog="Example: hermes gateway run")
@pass_host
def run(host: Host) -> None:
    """Run in the foreground until Ctrl+C.

    A second Ctrl+C ends it at once; what was not done by then goes on with the next start.
    """
    from hermes_gateway.logfile import log_to_file, log_to_screen

    log_to_file(host)
    watched = sys.stderr.isatty()
    if watched:
        log_to_screen(host)

    async def work() -> int:
        from hermes_gateway.service import Service

        service = Service(host)
        return await service.run(ready=lambda: _say_ready(service.snapshot(), watched=watched))

    sys.exit(run_async(host, work))


@gateway.command(epilog="Example: hermes gateway start")
@pass_host
def start(host: Host) -> None:
    """Start it in the background, as a service where it is installed as one."""
    from hermes_gateway import process, units

    if process.snapshot(host.home)["running"]:
        click.echo("It runs already.")
        return
    service = units.find(host.home)
    if service is not None:
        if not service.is_current:
            click.echo(
                f"{service.path} is from another installation: `hermes gateway install --force` renews it.", err=True
            )
        units.run([service.start])
        click.echo(f"Started {service.name}.")
        return
    _say_ready(process.start(host.home, host.environ))


@gateway.command(epilog="Example: hermes gateway stop")
@click.option("--force", is_flag=True, help="End it at once; what runs goes on with the next start.")
@pass_host
def stop(host: Host, force: bool) -> None:
    """End it: running turns get time to finish, what is to be sent is sent."""
    from hermes_gateway import process, units

    service = units.find(host.home)
    if service is not None and not force:
        units.run([service.stop])
        click.echo(f"Stopped {service.name}.")
        return
    click.echo("Stopping; running turns get time to finish …", err=True)
    click.echo(f"Stopped (process {process.stop(host.home, force=force)}).")


@gateway.command(epilog="Example: hermes gateway restart")
@pass_host
def restart(host: Host) -> None:
    """End it and start it again, with the settings as they are now."""
    from hermes_gateway import process, units

    service = units.find(host.home)
    if service is not None:
        units.run([service.restart])
        click.echo(f"Restarted {service.name}.")
        return
    try:
        process.stop(host.home)
    except NotFound:
        pass
    _say_ready(process.start(host.home, host.environ))


@gateway.command(epilog="Example: hermes gateway status --json")
@json_option
@pass_host
def status(host: Host, as_json: bool) -> None:
    """Show whether it runs and how its platforms fare. Exit code 1 when it does not run."""
    from hermes_gateway import process, units

    found = process.snapshot(host.home)
    service = units.find(host.home)
    access = _access(host)
    if as_json:
        print_json({**found, "service": service.name if service else "", "access": access})
    else:
        _print_status(found, service.name if service else "")
        for item in access:
            if item.status != "ok":
                click.echo(f"! {item.name}: {item.detail}. {item.remedy}")
    if not found["running"]:
        sys.exit(1)


@gateway.command(epilog="\b\nExamples:\n  hermes gateway install\n  sudo hermes gateway install --system --user alice")
@click.option("--system", is_flag=True, help="A service of the machine, that starts with it.")
@click.option("-u", "--user", default="", metavar="NAME", help="The user it runs as (with --system).")
@click.option("--force", is_flag=True, help="Write the unit anew.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit and change nothing.")
@pass_host
def install(host: Host, system: bool, user: str, force: bool, only_print: bool) -> None:
    """Install it as a service (systemd or launchd), and start that."""
    from hermes_gateway import units

    unit = units.unit(_home_of(host, user) if system else host.home, system=system, user=user)
    if only_print:
        click.echo(unit.text, nl=False)
        return
    if unit.is_installed and not force and unit.is_current:
        click.echo(f"{unit.path} is there already.")
        return
    if unit.is_installed and not force:
        raise HermesError(f"{unit.path} is there and says something else.", remedy="--force writes it anew.")
    unit.write()
    units.run(unit.install)
    click.echo(f"Installed and started {unit.name} ({unit.path}).")
    if unit.manager == "systemd" and not system:
        click.echo("To have it run while you are not logged in: loginctl enable-linger")


@gateway.command(epilog="Example: hermes gateway uninstall")
@pass_host
def uninstall(host: Host) -> None:
    """Remove the service. What it keeps stays."""
    from hermes_gateway import units

    unit = units.find(host.home)
    if unit is None:
        raise NotFound("It is not installed as a service.")
    units.run(unit.uninstall)
    unit.path.unlink(missing_ok=True)
    click.echo(f"Removed {unit.path}.")


@gateway.command(epilog="\b\nExamples:\n  hermes gateway logs -n 100\n  hermes gateway logs -f")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@pass_host
def logs(host: Host, lines: int, follow: bool) -> None:
    """Show the end of its log."""
    from hermes_gateway.process import LOG

    path = host.home / "logs" / LOG
    if not path.exists():
        raise NotFound("There is no log yet.", remedy="`hermes gateway start` makes one.")
    _show_log(path, lines, follow)


@gateway.command(epilog="Example: hermes gateway setup telegram")
@click.argument("platform", default="")
@pass_host
def setup(host: Host, platform: str) -> None:
    """Set up a platform: what it needs, asked one after another, and checked."""
    from hermes_gateway.setup import set_up

    set_up(host, platform)


def _access(host: Host) -> list[CheckResult]:
    """Who may talk on the platforms that are set up, and what was laid aside."""
    from hermes_gateway.access_check import findings

    context = host.context("gateway")
    adapters = [item for item in host.registry("adapters") if "external" not in item.spec.features]
    return list(findings(host, [item.name for item in adapters if not context.lacking(item)]))


def _home_of(host: Host, user: str) -> Path:
    """The home of a service that runs as another user: theirs, unless one was named."""
    if os.environ.get("HERMES_HOME") or not user:
        return host.home
    try:
        return Path(pwd.getpwnam(user).pw_dir) / ".hermes"
    except KeyError as error:
        raise NotFound(f"There is no user {user!r} on this machine.") from error


def _say_ready(found: dict[str, Any], *, watched: bool = False) -> None:
    """Say that it runs; `watched` when what follows is seen as well."""
    where = f" It listens on {found['address']}." if found.get("address") else ""
    end = " Ctrl+C ends it." if watched else ""
    click.echo(f"The gateway runs (process {found['pid']}).{where}{end}", err=True)
    platforms = [part for part in found["parts"] if part["kind"] == "adapter"]
    if not platforms:
        click.echo("No platform is set up yet: `hermes gateway setup`.", err=True)
    for part in platforms:
        state, detail = part.get("state", "starting"), part.get("detail", "")
        if state == "running":
            click.echo(f"{part['name']} is connected{f' as {detail}' if detail else ''}.", err=True)
        elif state == "starting":
            click.echo(f"{part['name']} is connecting …", err=True)
    _say_troubles(found, err=True)


def _say_troubles(found: dict[str, Any], *, err: bool) -> None:
    for part in found["parts"]:
        if part.get("state") in ("failed", "waiting"):
            click.echo(f"! {part['name']}: {part.get('detail', '')} {part.get('remedy', '')}".rstrip(), err=err)


def _print_status(found: dict[str, Any], service: str) -> None:
    if not found["running"]:
        said = {
            "crashed": "The gateway does not run; it did not end in order. What was open goes on with the next start.",
            "failed": "The gateway does not run; it ended with an error.",
        }.get(found["state"], "The gateway does not run.")
        click.echo(f"{said} `hermes gateway start` starts it.")
        return
    since = ago(found.get("started", time.time()), time.time())
    listening = f", listening on {found['address']}" if found.get("address") else ""
    click.echo(f"The gateway is {found['state']} (process {found['pid']}, started {since}{listening}).")
    if service:
        click.echo(f"It is the service {service}.")
    rows = [
        (
            part["name"],
            part["kind"],
            part.get("state", "starting"),
            ago(part.get("since", 0), time.time()),
            part.get("detail", "") if part.get("state", "starting") == "running" else "",
        )
        for part in found["parts"]
        if part["kind"] != "part" or part.get("state") != "running"
    ]
    if rows:
        print_table(("name", "kind", "state", "since", ""), rows)
        _say_troubles(found, err=False)
    numbers = [f"{found[key]} {word}" for key, word in _NUMBERS.items() if found.get(key)]
    if numbers:
        click.echo(", ".join(numbers) + ".")


_NUMBERS = {
    "turns_running": "turns at work",
    "updates_waiting": "messages waiting",
    "outbox_pending": "messages to be sent",
    "outbox_failed": "messages not delivered (`hermes gateway outbox`)",
}


def _show_log(path: Path, lines: int, follow: bool) -> None:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file.readlines()[-lines:]:
            click.echo(line, nl=False)
        if follow:
            from hermes_gateway.logfile import follow as following

            for line in following(file):
                click.echo(line, nl=False)
