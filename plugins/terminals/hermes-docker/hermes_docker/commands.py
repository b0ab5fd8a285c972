"""`hermes docker`: fetching the image, and looking at and removing the containers of conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_docker.backend import backend_of
from hermes_docker.containers import Labels, fetch, name_of
from hermes_docker.reaping import nobody_uses, of_this_home
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from hermes_docker.backend import DockerBackend
    from hermes_host.host import Host

__all__ = ["docker"]


@click.group(epilog="\b\nExamples:\n  hermes docker pull\n  hermes docker list\n  hermes docker remove SESSION")
def docker() -> None:
    """Containers that conversations run their commands in."""


@docker.command(epilog="Example: hermes docker pull")
@click.argument("image", default="")
@pass_host
def pull(host: Host, image: str) -> None:
    """Fetch the image of new containers (or IMAGE), showing how far it is."""
    backend = _backend(host)
    image = image or backend.terminal.docker_image

    async def work() -> None:
        try:
            await backend.daemon.call(lambda client: _pull(client, image))
        finally:
            await backend.daemon.close()

    run_async(host, work)
    click.echo(f"{image} is there.")


def _pull(client: Any, image: str) -> None:
    shown: dict[str, str] = {}
    for line in fetch(client, image):
        layer, said = str(line.get("id", "")), str(line.get("status", ""))
        progress = line.get("progressDetail") or {}
        if progress.get("total"):
            said = f"{said} {min(100, 100 * progress.get('current', 0) // progress['total']) // 25 * 25} %"
        if said and shown.get(layer) != said:
            shown[layer] = said
            click.echo(f"{layer}: {said}" if layer else said, err=True)


@docker.command("list", epilog="Example: hermes docker list --json")
@json_option
@pass_host
def list_(host: Host, as_json: bool) -> None:
    """List the containers and workspaces of this home."""
    backend = _backend(host)
    found: list[dict[str, Any]] = []

    async def work() -> None:
        try:
            found.extend(await backend.daemon.call(lambda client: _found(client, backend)))
        finally:
            await backend.daemon.close()

    run_async(host, work)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No conversation has a container.")
    else:
        print_table(
            ("Session", "Container", "State", "Workspace", "Used"),
            [
                (each["session"], each["container"], each["state"], each["volume"], "yes" if each["used"] else "no")
                for each in found
            ],
        )


def _found(client: Any, backend: DockerBackend) -> list[dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    only_ours = of_this_home(backend.home_id())
    for container in client.containers.list(all=True, filters=only_ours, ignore_removed=True):
        entries[container.name] = {
            "session": container.labels.get(Labels.SESSION, ""),
            "container": container.name,
            "state": container.status,
            "volume": "",
        }
    for volume in client.volumes.list(filters=only_ours):
        name = volume.name.removesuffix("-workspace")
        session = (volume.attrs.get("Labels") or {}).get(Labels.SESSION, "")
        entry = entries.setdefault(name, {"session": session, "container": "", "state": "removed", "volume": ""})
        entry["volume"] = volume.name
    for name, entry in entries.items():
        with nobody_uses(backend.state / "locks", name) as free:
            entry["used"] = not free
    return [entries[name] for name in sorted(entries)]


@docker.command(epilog="Example: hermes docker remove 20260101_120000_abcdef")
@click.argument("session")
@pass_host
def remove(host: Host, session: str) -> None:
    """Remove the container of SESSION and its workspace, with all files in it."""
    backend = _backend(host)

    async def work() -> None:
        try:
            await backend.daemon.call(lambda client: _remove(client, backend, session))
        finally:
            await backend.daemon.close()

    run_async(host, work)
    click.echo(f"The container and the workspace of {session} are removed.")


def _remove(client: Any, backend: DockerBackend, session: str) -> None:
    from hermes_docker import containers

    known = [entry["session"] for entry in _found(client, backend)]
    if session not in known:
        raise NotFound(
            f"The session {session!r} has no container and no workspace.", remedy="See `hermes docker list`."
        )
    name = name_of(backend.home_id(), session)
    with nobody_uses(backend.state / "locks", name) as free:
        if not free:
            raise HermesError(f"The container of {session!r} is in use.", remedy="End that conversation first.")
        containers.remove(client, name)
        containers.remove_volume(client, f"{name}-workspace")


def _backend(host: Host) -> DockerBackend:
    return backend_of(host.context("docker"))
