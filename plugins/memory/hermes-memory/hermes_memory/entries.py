"""The format of MEMORY.md and USER.md: entries with a line of `§` between them, and nothing else.

Bytes that are no UTF-8 are kept as surrogates (`surrogateescape`), so that what is read is written back as it was.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DELIMITER",
    "FILES",
    "TARGETS",
    "Target",
    "decode",
    "encode",
    "fingerprint",
    "has_delimiter",
    "join",
    "parse",
    "readable",
    "size",
    "usage",
]

Target = Literal["memory", "user"]

TARGETS: tuple[Target, ...] = ("memory", "user")
FILES: dict[Target, str] = {"memory": "MEMORY.md", "user": "USER.md"}
DELIMITER = "\n§\n"


def parse(text: str) -> list[str]:
    """The entries, stripped, without empty ones and repetitions.

    A line that holds only `§` parts two entries, also at the ends of the file and with the line ends of Windows.
    """
    entries: list[list[str]] = [[]]
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.removesuffix("\r") == "§":
            entries.append([])
        else:
            entries[-1].append(line)
    stripped = ("\n".join(lines).strip() for lines in entries)
    return list(dict.fromkeys(entry for entry in stripped if entry))


def join(entries: Iterable[str]) -> str:
    """The text of a file with these entries."""
    return DELIMITER.join(entries)


def has_delimiter(entry: str) -> bool:
    """Whether the entry would be read back as several ones."""
    return any(line.strip() == "§" for line in entry.split("\n"))


def decode(data: bytes) -> str:
    """Text from bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes `decode` made the text from."""
    return text.encode("utf-8", "surrogateescape")


def readable(entry: str) -> str:
    """The entry with bytes that are no UTF-8 shown as replacement characters."""
    return entry if entry.isascii() else encode(entry).decode("utf-8", "replace")


def size(entries: Sequence[str]) -> int:
    """Characters of the file with these entries."""
    return len(join(entries))


def usage(used: int, limit: int) -> str:
    """`67% — 1,474/2,200 chars`."""
    return f"{used * 100 // limit}% — {used:,}/{limit:,} chars"


def fingerprint(entry: str) -> str:
    """What an entry is known by beside its file."""
    return hashlib.sha256(encode(entry)).hexdigest()[:32]
