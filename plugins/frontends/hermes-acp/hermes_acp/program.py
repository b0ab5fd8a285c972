"""The program `hermes-acp`: as `hermes acp`, with the streams guarded before any plugin is loaded."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

__all__ = ["main"]


def main() -> None:
    """Run it; ends the process."""
    arguments = sys.argv[1:]
    if not arguments and not (sys.stdin is not None and sys.stdin.isatty()):
        from hermes_acp.wires import take_standard_streams

        take_standard_streams()
    sys.argv = ["hermes", "acp", *arguments]
    (hermes,) = entry_points(group="console_scripts", name="hermes")
    sys.exit(hermes.load()())
