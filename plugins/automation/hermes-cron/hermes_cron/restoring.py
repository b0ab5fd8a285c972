"""Bringing jobs back only where that is right: not over a store that is well, nor under a gateway that runs."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from hermes_cron.backups import Restored, restore
from hermes_cron.database import Database, folder
from hermes_host.errors import HermesError, SessionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["restore_checked"]


def restore_checked(home: Path, backup: Path | None, *, now: float, force: bool = False) -> Restored:
    """See `restore`. Raises `HermesError` while something runs jobs, and for a store that is well without `force`."""
    if _somebody_runs(home):
        raise HermesError("Something runs jobs now.", remedy="`hermes gateway stop` first, then try again.")
    if not force and _is_well(home):
        raise HermesError("The store is well; nothing was changed.", remedy="--force restores the backup all the same.")
    return restore(home, backup, now=now)


def _is_well(home: Path) -> bool:
    database = Database(home)
    try:
        database.examine()
    except SessionError:
        return False
    finally:
        database.close()
    return True


def _somebody_runs(home: Path) -> bool:
    """By the locks alone: the store may not be readable."""
    place = folder(home) / "holders"
    for path in place.iterdir() if place.is_dir() else ():
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
    return False
