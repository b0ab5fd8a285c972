"""`hermes version`: the host's version and those of all plugins."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import click

from hermes_host._version import __version__
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["version"]


@click.command(epilog="Example: hermes version --json")
@json_option
@click.option("--plugins", "with_plugins", is_flag=True, help="With the plugins.")
@pass_host
def version(host: Host, as_json: bool, with_plugins: bool) -> None:
    """Print the version of the host, and with --plugins or --json those of all plugins."""
    plugins = [record for record in host.plugins.records if not record.builtin] if as_json or with_plugins else []
    if as_json:
        print_json(
            {
                "version": __version__,
                "python": platform.python_version(),
                "plugins": [
                    {"name": item.name, "distribution": item.distribution, "version": item.version, "state": item.state}
                    for item in plugins
                ],
            }
        )
        return
    click.echo(f"hermes {__version__}")
    if plugins:
        print_table(
            ("plugin", "distribution", "version", "state"),
            [(item.name, item.distribution, item.version, item.state) for item in plugins],
        )
