"""A filter of system calls, made as a program for the kernel (`seccomp(2)`), without a library.

What is refused has nothing to do with ordinary commands: mounting, namespaces, devices, kernel modules, keys, tracing,
`io_uring` (which goes round the filter), raw and exotic sockets, setuid bits. Calls that programs try first and have
another way for (`clone3`, `openat2`: their arguments lie in memory, where a filter cannot look) are said not to exist.
"""

from __future__ import annotations

import platform
import struct

__all__ = ["SUPPORTED", "program"]

_REFUSED = {
    # name: x86_64, aarch64 (-1: there is none)
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, -1),
    "query_module": (178, -1),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "modify_ldt": (154, -1),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "uselib": (134, -1),
    "_sysctl": (156, -1),
}
_TRACING = {"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271)}
_MISSING = {
    "clone3": (435, 435),
    "openat2": (437, 437),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_JUDGED = {
    "clone": (56, 220),
    "socket": (41, 198),
    "ioctl": (16, 29),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "open": (2, -1),
    "openat": (257, 56),
    "creat": (85, -1),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
SUPPORTED = platform.machine() in _ARCHITECTURES
"""Whether the filter can be made for this machine's processor."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_ALLOW, _KILL, _REFUSE, _NO_SUCH_CALL, _NO_FAMILY = 0x7FFF0000, 0x80000000, 0x50001, 0x50026, 0x50061
_NAMESPACES = 0x7E020000
_SETUID_BITS = 0o6000
_CREATING = 0o100 | 0o20000000
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: put characters into a terminal as if somebody had typed them."""

_Instruction = tuple[int, int, int, int]


def program(*, tracing: bool, inet: bool, unix: bool) -> bytes:
    """The filter as an array of `struct sock_filter`. `tracing` allows debuggers, `inet` and `unix` those sockets.

    Raises `OSError` for a processor it is not known for.
    """
    try:
        column, architecture = _ARCHITECTURES[platform.machine()]
    except KeyError:
        raise OSError(f"There is no filter of system calls for the processor {platform.machine()}.") from None
    code: list[_Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, 0x40000000),  # x32: the same calls under other numbers
        (_RETURN, 0, 0, _NO_SUCH_CALL),
    ]

    def add(number: int, block: list[_Instruction]) -> None:
        if number >= 0:
            code.append((_EQUAL, 0, len(block), number))
            code.extend(block)

    for numbers in (*_REFUSED.values(), *(() if tracing else _TRACING.values())):
        add(numbers[column], [(_RETURN, 0, 0, _REFUSE)])
    for numbers in _MISSING.values():
        add(numbers[column], [(_RETURN, 0, 0, _NO_SUCH_CALL)])
    blocks = {
        "clone": _unless_bits(0, _NAMESPACES),
        "socket": _socket(inet=inet, unix=unix),
        "ioctl": _unless_equal(1, _TERMINAL_INPUT),
        "mknod": _unless_device(1),
        "mknodat": _unless_device(2),
        "chmod": _unless_bits(1, _SETUID_BITS),
        "fchmod": _unless_bits(1, _SETUID_BITS),
        "fchmodat": _unless_bits(2, _SETUID_BITS),
        "fchmodat2": _unless_bits(2, _SETUID_BITS),
        "open": _unless_creating(1, 2),
        "openat": _unless_creating(2, 3),
        "creat": _unless_bits(1, _SETUID_BITS),
    }
    for name, block in blocks.items():
        add(_JUDGED[name][column], block)
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _argument(index: int) -> _Instruction:
    """Load the lower half of an argument: flags, modes and families are no longer than that."""
    return (_LOAD, 0, 0, 16 + 8 * index)


def _unless_bits(index: int, bits: int) -> list[_Instruction]:
    return [_argument(index), (_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]


def _unless_equal(index: int, values: tuple[int, ...]) -> list[_Instruction]:
    tests = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_argument(index), *tests, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]


def _unless_device(index: int) -> list[_Instruction]:
    kinds = (0o020000, 0o060000)
    return [_argument(index), (_AND, 0, 0, 0o170000), *_unless_equal(index, kinds)[1:]]


def _unless_creating(flags: int, mode: int) -> list[_Instruction]:
    block = _unless_bits(mode, _SETUID_BITS)
    return [_argument(flags), (_ANY_BIT, 0, len(block) - 1, _CREATING), *block]


def _socket(*, inet: bool, unix: bool) -> list[_Instruction]:
    raw: list[_Instruction] = [
        _argument(1),
        (_AND, 0, 0, 0xF),
        (_EQUAL, 2, 0, 3),  # SOCK_RAW
        (_EQUAL, 1, 0, 10),  # SOCK_PACKET
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    routes: list[_Instruction] = [
        _argument(2),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    blocks = [(_NETLINK, routes)]
    blocks += [(family, raw) for family in (_INET, _INET6) if inet]
    blocks += [(_UNIX, [(_RETURN, 0, 0, _ALLOW)])] if unix else []
    found = [_argument(0)]
    for family, block in blocks:
        found += [(_EQUAL, 0, len(block), family), *block]
    return [*found, (_RETURN, 0, 0, _NO_FAMILY if inet else _REFUSE)]
