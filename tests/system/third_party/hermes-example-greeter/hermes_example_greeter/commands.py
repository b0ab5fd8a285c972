"""The commands `hermes greet` and `/greet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall


@click.command()
@click.argument("name")
@click.option("--loud", is_flag=True, help="In capitals.")
def greet(name: str, loud: bool) -> None:
    """Greet NAME.

    Example: hermes greet Ada --loud
    """
    text = f"Hello, {name}!"
    click.echo(text.upper() if loud else text)


async def slash_greet(call: SlashCall) -> str:
    """Answer `/greet NAME`."""
    return f"Hello, **{call.arguments or 'you'}**!"
