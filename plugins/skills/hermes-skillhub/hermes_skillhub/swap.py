"""Exchange two folders in one step of the file system, where it can do that."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["exchange", "sync_folder"]

_AT_FDCWD = -100
_EXCHANGE = 2
_MAC_SWAP = 2
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def exchange(left: Path, right: Path) -> None:
    """Make each name mean what the other meant.

    On Linux and macOS at no moment is either of them missing. Where the file system cannot do that, `left` is missing
    for an instant; the journal of the caller then tells what was meant.
    """
    if not _in_one_step(left, right):
        aside = right.with_name(f"{right.name}.aside")
        left.rename(aside)
        right.rename(left)
        aside.rename(right)
    for folder in {left.parent, right.parent}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_one_step(left: Path, right: Path) -> bool:
    function = _function()
    if function is None:
        return False
    name, call = function
    one, other = os.fsencode(left), os.fsencode(right)
    linux = name == "renameat2"
    failed = call(_AT_FDCWD, one, _AT_FDCWD, other, _EXCHANGE) if linux else call(one, other, _MAC_SWAP)
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(left))


@cache
def _function() -> tuple[str, Any] | None:
    library = ctypes.CDLL(None, use_errno=True)
    name = "renameat2" if sys.platform == "linux" else "renamex_np"
    found = getattr(library, name, None)
    return None if found is None else (name, found)
