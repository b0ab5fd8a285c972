"""The command line `hermes`. Importing this package imports next to nothing.

======================  ==============================================================================
`entry`                 what happens around every command: exit codes, errors, leaving fast
`group`                 the lazy group: a command's module is imported when the command runs
`application`           what commands share: global options, the host, `pass_host` for plugins' commands
`builtin_commands`      the host's own commands and slash commands, as specs
`logs`                  where log records and tracebacks go
`chat`, `oneshot`       `hermes chat`, and one question with one answer
`line*`                 the interactive line mode
`slash`                 finding and running slash commands
the rest                one module for each command group
======================  ==============================================================================
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from hermes_host.cli.application import pass_host

__all__ = ["main", "pass_host"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `hermes` with `arguments` (default: those of the process) and leave the process with its exit code."""
    import sys

    if arguments is None:
        arguments = sys.argv[1:]
    # Asked for by scripts and shell prompts at every turn, so it waits neither for click nor for any plugin.
    if len(arguments) == 1 and arguments[0] in ("--version", "-V", "version"):
        from hermes_host._version import __version__

        sys.stdout.write(f"hermes {__version__}\n")
        return
    from hermes_host.cli.entry import leave, run

    leave(run(arguments))


def __getattr__(name: str) -> Any:
    if name == "pass_host":
        from hermes_host.cli.application import pass_host

        return pass_host
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
