"""Frozen: never edit."""

from __future__ import annotations

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json


@click.command()
@click.argument("name")
@json_option
@pass_host
def frozen(host, name, as_json):
    """Say NAME."""
    if as_json:
        print_json({"name": name, "plugins": len(host.plugins.records) > 0})
    else:
        click.echo(f"It is {name}.")


@click.command()
def below():
    """Say that it is below."""
    click.echo("below plugins")
