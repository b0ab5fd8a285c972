"""Landlock (`landlock(7)`): rules of the kernel for files, TCP and signals that a process lays on itself.

Part of the warden, so with as few imports as possible.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["ABI", "restrict"]

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_RULES_BELOW_A_PATH = 1
_READ = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read files, list directories."""
_ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The rights that mean something for what is no directory: execute, write, read, truncate, control a device."""
_RIGHTS_BY_ABI = (0, 13, 14, 15, 15, 16)
_libc = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "landlock")
    return result


def _abi() -> int:
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except (OSError, AttributeError):
        return 0


ABI = _abi()
"""The version the kernel has; 0 where it has none. TCP from 4 on, signals and abstract sockets from 6 on."""


def restrict(readable: list[bytes], writable: list[bytes], *, files: bool, tcp: bool) -> None:
    """From now on, for this process and all it starts: with `files` nothing but these paths, with `tcp` no TCP, and
    where the kernel can no signals to and no abstract sockets of processes outside. Raises `OSError`."""
    rights = (1 << _RIGHTS_BY_ABI[min(ABI, 5)]) - 1 if files else 0
    attributes = [rights, 3 if tcp and ABI >= 4 else 0, 3 if ABI >= 6 else 0]
    size = 24 if ABI >= 6 else 16 if ABI >= 4 else 8
    data = b"".join(value.to_bytes(8, "little") for value in attributes)[:size]
    if not any(data):
        return
    rules = _call(_CREATE, data, ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        if files:
            for path in readable:
                _allow(rules, path, _READ & rights)
            for path in writable:
                _allow(rules, path, rights)
        _call(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _allow(rules: int, path: bytes, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # what is not there needs no rule
    try:
        mode = os.fstat(descriptor).st_mode & 0o170000
        if mode == 0o120000:
            return
        if mode != 0o040000:
            rights &= _ON_FILES
        data = rights.to_bytes(8, "little") + descriptor.to_bytes(4, "little")
        _call(_ADD, ctypes.c_int(rules), ctypes.c_int(_RULES_BELOW_A_PATH), data, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
