"""Who is trusted, and what follows from it: exact identities, one table, and a look at names that imitate others.

Trust comes from where the bytes were really fetched from, as GitHub itself names it; never from a name, a prefix, or
what a hub says of itself.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_skillhub.protocol import Origin

__all__ = ["Ruling", "TrustLevel", "Verdict", "look_alikes", "rule", "same_repository", "trust_of"]

TrustLevel = Literal["builtin", "trusted", "community"]
Verdict = Literal["safe", "caution", "dangerous"]

_TABLE: dict[str, dict[str, Literal["allow", "block"]]] = {
    "builtin": {"safe": "allow", "caution": "allow", "dangerous": "allow"},
    "trusted": {"safe": "allow", "caution": "allow", "dangerous": "block"},
    "community": {"safe": "allow", "caution": "block", "dangerous": "block"},
}
_CONFUSED = str.maketrans(
    {
        **dict.fromkeys("0οоօ", "o"),
        **dict.fromkeys("1lіıΙІ|ӏ", "i"),
        **dict.fromkeys("аαạ", "a"),
        **dict.fromkeys("еҽє", "e"),
        **dict.fromkeys("сϲ", "c"),
        **dict.fromkeys("рρ", "p"),
        **dict.fromkeys("ѕ5", "s"),
        "х": "x",
        "у": "y",
        "ո": "n",
        "3": "e",
    }
)


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What policy says. `needs` is what a person must add for it to be done all the same."""

    allowed: bool
    needs: Literal["", "force", "accept-dangerous"] = ""
    reason: str = ""


def same_repository(left: str, right: str) -> bool:
    """Whether two `owner/repo` are one. GitHub does not tell upper from lower case; nothing else is forgiven."""
    return bool(left) and left.isascii() and right.isascii() and left.lower() == right.lower()


def trust_of(origin: Origin, trusted: Iterable[str]) -> TrustLevel:
    """The trust in what was fetched from `origin`. Nothing from a hub is ever `builtin`."""
    return "trusted" if any(same_repository(origin.repository, name) for name in trusted) else "community"


def rule(trust: str, verdict: str) -> Ruling:
    """The policy for a trust level and the scanner's verdict; what is not in the table is treated as the worst."""
    if _TABLE.get(trust, _TABLE["community"]).get(verdict, "block") == "allow":
        return Ruling(allowed=True)
    if verdict == "caution":
        return Ruling(allowed=False, needs="force", reason=f"The scan found things to look at, and it is {trust}.")
    return Ruling(allowed=False, needs="accept-dangerous", reason="The scan found things that are dangerous.")


def look_alikes(
    name: str, repository: str, *, installed: Iterable[str], trusted: Iterable[str], reserved: Iterable[str] = ()
) -> list[str]:
    """Sentences for a name that could be taken for another one, for the person who decides."""
    found = [
        f"Its name looks like that of the skill {other!r}, which you have."
        for other in sorted({*installed, *reserved})
        if other != name and _alike(name, other)
    ]
    trusted = sorted(set(trusted))
    if any(same_repository(repository, exact) for exact in trusted):
        return found
    found += [
        f"{repository!r} looks like {exact!r}, which is trusted. It is not the same."
        for exact in trusted
        if repository and _imitates(repository, exact)
    ]
    owner = repository.partition("/")[0].lower()
    if owner in {"official", "builtin", "trusted", "hermes", "verified"}:
        found.append(f"The account {owner!r} is an ordinary account: its name gives it no trust.")
    return found


def _imitates(repository: str, exact: str) -> bool:
    owner, _, repo = repository.partition("/")
    real_owner, _, real_repo = exact.partition("/")
    return (
        repository.lower().startswith(exact.lower())
        or (_alike(owner, real_owner) and owner.lower() != real_owner.lower())
        or (owner.lower() == real_owner.lower() and _alike(repo, real_repo))
    )


def _alike(left: str, right: str) -> bool:
    one, other = _skeleton(left), _skeleton(right)
    if one == other:
        return True
    return min(len(one), len(other)) >= 5 and _within_one_edit(one, other)


def _skeleton(text: str) -> str:
    """What is left of a name for a hurried reader."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_CONFUSED)
    plain = re.sub(r"[\W_]", "", plain)
    return plain.replace("rn", "m").replace("vv", "w")


def _within_one_edit(left: str, right: str) -> bool:
    """One character more, less or different, or two neighbours exchanged."""
    if abs(len(left) - len(right)) > 1:
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    one, other = left[start : len(left) - end], right[start : len(right) - end]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])
