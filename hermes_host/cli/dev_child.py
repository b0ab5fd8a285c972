"""The process that `hermes dev` starts anew at each reload: `python -m hermes_host.cli.dev_child ARGUMENTS`.

It is `hermes` itself, but it ends with the process that started it. While it runs, this module is a plugin as well,
which writes down which conversation to go on with.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.hookspecs import hookimpl
from hermes_host.specs import PluginInfo

if TYPE_CHECKING:
    from hermes_host.context import SessionContext

__all__ = ["NOTE", "PARENT", "main"]

NOTE = "HERMES_DEV_NOTE"
"""The variable with the file for the id of the conversation."""
PARENT = "HERMES_DEV_PARENT"
"""The variable with the number of the process that must live."""

_PR_SET_PDEATHSIG = 1


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """What `hermes plugins list` shows while `hermes dev` runs."""
    return PluginInfo(summary="Lets `hermes dev` go on with the same conversation")


@hookimpl
def hermes_session_started(session: SessionContext) -> None:
    """Forget the conversation before, unless this is the same."""
    note = _note()
    if note is not None and note.is_file() and note.read_text(encoding="utf-8") != session.id:
        note.unlink()


@hookimpl
def hermes_turn_finished(session: SessionContext, outcome: str) -> None:
    """Something was said, so the conversation is worth going on with."""
    note = _note()
    if note is not None and session.source == "cli":
        note.write_text(session.id, encoding="utf-8")


def _note() -> Path | None:
    return Path(os.environ[NOTE]) if os.environ.get(NOTE) else None


def main() -> None:
    """Run `hermes` with the arguments of this process."""
    _end_with_parent()
    from hermes_host.cli import main as hermes

    hermes(sys.argv[1:])


def _end_with_parent() -> None:
    """Where the system can do it: whoever kills `hermes dev` leaves no front end behind."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.environ.get(PARENT) not in (None, str(os.getppid())):
        sys.exit(143)  # it was gone before


if __name__ == "__main__":
    main()
