"""A plugin's command."""

import click

from hermes_host.cli import pass_host


@click.group(invoke_without_command=True)
@click.option("--crash", is_flag=True)
@pass_host
def greet(host, crash):
    """Greets."""
    if crash:
        raise RuntimeError("the greeting is lost")
    click.echo(f"hello from {host.home.name}")


@greet.command()
def loudly():
    """Shouts."""
