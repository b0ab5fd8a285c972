"""What a skill hub does: search, inspect, fetch. `hermes_skillhub.testing` has the tests every hub must pass.

A hub judges nothing: paths, sizes, content and trust are checked by this plugin, whatever a hub says. It raises
`NotFound` for what it does not have, and `HubUnavailable` (or a subclass) when it cannot be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

__all__ = ["BundleFile", "Origin", "SkillBundle", "SkillHub", "SkillListing"]


class SkillListing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One skill as a hub lists it: nothing is downloaded for it yet."""

    name: str
    identifier: str
    """What `fetch` takes; the same skill always has the same one."""
    description: str = ""
    hub: str = ""
    """The hub's name; filled in by the search."""
    repository: str = ""
    """`owner/repo` where the hub says that it lies on GitHub. Only a fetch shows whether that is so."""
    version: str = ""
    tags: tuple[str, ...] = ()
    url: str = ""
    """A page for people."""
    trust: str = "community"
    """Filled in by the search."""
    details: Mapping[str, Any] = {}
    """Whatever else the hub says, for `inspect`."""


class BundleFile(msgspec.Struct, frozen=True):
    """One file of a skill; `path` is relative to the skill's folder, with `/`, exactly as the source has it."""

    path: str
    data: bytes
    executable: bool = False


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the bytes really came from."""

    repository: str = ""
    """`owner/repo` on GitHub, as GitHub itself calls it; empty for anything else."""
    revision: str = ""
    """The commit on GitHub, else a version."""
    path: str = ""
    """The folder within the repository."""
    url: str = ""


class SkillBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A downloaded skill, unchecked: whoever uses it checks every path first."""

    name: str
    identifier: str
    files: tuple[BundleFile, ...]
    origin: Origin = Origin()
    notes: tuple[str, ...] = ()
    """Sentences for the person who decides, such as the hub's own warnings."""


@runtime_checkable
class SkillHub(Protocol):
    """A place where skills can be found."""

    def claims(self, reference: str) -> str:
        """The identifier that `reference` means here, empty when it cannot be one of this hub's. No I/O.

        References are what people type: `owner/repo/path`, a URL, `clawhub:gifgrep` (the prefix is already gone).
        Bare words are not asked for, they are searched.
        """
        ...

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """At most `limit` skills, best first; with an empty query whatever it would show first.

        A hub of several places gives what the others have when one fails, and says so in a sentence to `report`.
        """
        ...

    async def inspect(self, identifier: str) -> SkillListing:
        """One skill, without downloading it where that can be avoided. Raises `NotFound`."""
        ...

    async def fetch(self, identifier: str) -> SkillBundle:
        """Download it, from the source and never from a cache. Raises `NotFound`, `BundleRefused`."""
        ...
