"""Content between markers that it cannot forge: each marker bears a random word that the content does not hold."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["fence", "label", "new_nonce"]


def new_nonce(contents: Iterable[str]) -> str:
    """A random word that occurs in none of `contents`."""
    texts = list(contents)
    while True:
        nonce = secrets.token_hex(6)
        if not any(nonce in text for text in texts):
            return nonce


def fence(kind: str, nonce: str, content: str, **attributes: str) -> str:
    """`content` between an opening and a closing marker of that kind."""
    said = "".join(f' {name}="{label(value)}"' for name, value in attributes.items() if value)
    return f"<{kind}-{nonce}{said}>\n{content.rstrip(chr(10))}\n</{kind}-{nonce}>"


def label(name: str) -> str:
    """A name that others chose (a path, an address), such that it cannot leave the line or the quotes it stands in."""
    return one_line(name, 300).translate(str.maketrans('"`<>', "''‹›"))
