"""What tools and prompts of servers are called here: `mcp_<server>_<tool>`, always valid, never ambiguous."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Target", "file_name", "name_all", "plain"]

Target = tuple[str, str, str]
"""Server, kind (`tool`, `resources` or `prompt`), and the name the server itself uses."""

_LONGEST = 64
_MARK = 8


def plain(text: str) -> str:
    """`text` in lower case with everything but letters and digits as single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def name_all(targets: Iterable[Target], taken: dict[str, Target] | None = None) -> dict[str, Target]:
    """A name for each target.

    A name that several targets would have, that is too long, or that `taken` gives to another target gets a mark of the
    target itself in its place; of several nobody keeps the plain one. So a name never comes to mean another tool, and
    the names do not depend on the order in which servers answer.
    """
    wanted: dict[str, list[Target]] = {}
    for target in sorted(set(targets)):
        wanted.setdefault(_wanted(target), []).append(target)
    named: dict[str, Target] = {}
    for name, claimants in wanted.items():
        for target in claimants:
            alone = len(claimants) == 1 and len(name) <= _LONGEST and (taken or {}).get(name, target) == target
            named[name if alone else _marked(name, target)] = target
    return named


def file_name(server: str) -> str:
    """A file name for a server; two servers never share one."""
    return server if re.fullmatch(r"[a-z0-9_-]{1,64}", server) else f"{plain(server)[:48]}-{_mark((server, '', ''))}"


def _wanted(target: Target) -> str:
    server, _, name = target
    return f"mcp_{plain(server) or 'server'}_{plain(name) or 'tool'}"


def _marked(name: str, target: Target) -> str:
    return f"{name[: _LONGEST - _MARK - 1].rstrip('_')}_{_mark(target)}"


def _mark(target: Target) -> str:
    return hashlib.sha256("\0".join(target).encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
