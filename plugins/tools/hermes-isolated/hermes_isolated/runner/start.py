"""The first thing that runs in an isolated plugin's process: `python -I start.py FD`.

Over the socket FD comes a plan (4 bytes length, then `marshal`). What the plan asks for is laid on this process before
anything of the plugin is imported: limits, and where it may start no programs, a filter of system calls. The socket is
then the connection to the host; standard output is the log, so that nothing a plugin prints can be taken for a message.
"""

from __future__ import annotations

import marshal
import os
import socket
import sys
from importlib.util import module_from_spec, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def main() -> None:
    """Lay the plan on this process, then serve."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    plan = marshal.loads(_exactly(channel, int.from_bytes(_exactly(channel, 4), "big")))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    _limit(plan["limits"])
    if plan["filter"]:
        _filter(plan["filter"])
    _make_visible(plan["package"])
    from hermes_isolated.runner.serve import serve

    serve(channel, int(plan["message"]))


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def _limit(limits: list[tuple[int, int]]) -> None:
    import resource

    for kind, value in limits:
        hard = resource.getrlimit(kind)[1]
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (wanted, wanted))
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib takes long
            file.write("500")  # when memory runs out, the kernel is to end this process rather than the host
    except OSError:
        pass


def _filter(code: bytes) -> None:
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, *arguments in (
        (_SET_NO_NEW_PRIVILEGES, 1),
        (_SET_SECCOMP, _FILTER, ctypes.addressof(program)),
    ):
        values: list[Any] = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
        if libc.prctl(ctypes.c_int(option), *values) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), "prctl")


def _make_visible(package: str) -> None:
    """Have `hermes_isolated` importable from that folder, and nothing else that lies beside it."""
    name = "hermes_isolated"
    spec = spec_from_file_location(name, f"{package}/__init__.py", submodule_search_locations=[package])
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
