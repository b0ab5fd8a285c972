"""`hermes completion`: the script that teaches a shell to complete `hermes`."""

from __future__ import annotations

import click

__all__ = ["completion"]

_HOW = {
    "bash": 'eval "$(hermes completion bash)"    in ~/.bashrc',
    "zsh": 'eval "$(hermes completion zsh)"     in ~/.zshrc, after compinit',
    "fish": "hermes completion fish > ~/.config/fish/completions/hermes.fish",
}


@click.command(epilog="\b\nInstall:\n" + "\n".join(f"  {line}" for line in _HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
def completion(shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    from hermes_host.cli.group import hermes

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells"
    click.echo(kind(hermes, {}, "hermes", "_HERMES_COMPLETE").source(), nl=False)
