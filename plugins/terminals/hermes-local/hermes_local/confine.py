"""What the warden lays on itself, and so on every command, before it serves; part of the warden."""

from __future__ import annotations

import ctypes
import os

from hermes_local import landlock

TYPE_CHECKING = False  # as in the warden
if TYPE_CHECKING:
    from typing import Any

__all__ = ["become_unreadable", "confine"]

_SET_DUMPABLE, _NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 4, 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def confine(plan: dict[str, Any]) -> None:
    """Take every step of the plan. Raises `OSError` at the first that fails."""
    if plan["limits"]:
        import resource

        for kind, value in plan["limits"]:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
    _prctl(_NO_NEW_PRIVILEGES, 1)
    if plan["drop"] and os.geteuid() == 0:
        _drop_capabilities()
    if landlock.ABI:
        landlock.restrict(plan["readable"], plan["writable"], files=plan["files"], tcp=plan["no_tcp"])
    elif plan["files"]:
        raise OSError("The kernel has no Landlock.")
    code: bytes = plan["filter"]
    if code:
        program = _Program(len(code) // 8, code)
        _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program))


def _drop_capabilities() -> None:
    header = (0x20080522).to_bytes(4, "little") + bytes(4)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "capset")


def become_unreadable() -> None:
    """Keep commands, which run as the same user, out of this process's memory and descriptors."""
    _prctl(_SET_DUMPABLE, 0)


def _prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *values) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "prctl")
