"""What a person asked for, made exact: which distribution, from where, and which bytes where they are pinned."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hermes_host.errors import Denied, HermesError
from hermes_installer.environment import Origin
from hermes_installer.fetch import check_address
from hermes_installer.lockfile import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_installer.catalogue import Catalogue, KnownPlugin

__all__ = ["Wanted", "looks_like", "understand"]

_OWN = {"hermes-host", "hermes-installer"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to install."""

    asked: str
    source: Source
    distribution: str = ""
    """Empty where only the file can tell."""
    requirement: str = ""
    """For an index, such as `hermes-acme>=1`."""
    location: str = ""
    """For a file: its absolute path or its address."""
    sha256: str = ""
    """What its bytes must be; empty for whatever they are."""
    origin: Origin = Origin()
    publisher: str = ""
    plugin: str = ""
    """The plugin's name where the catalogue says it."""


def understand(asked: str, catalogue: Catalogue, *, origin: Origin) -> Wanted:
    """`asked` is a name, a requirement, a path, or an address; `origin` is what the user or the settings say.

    Raises `HermesError` when it is none of these, is withdrawn, or contradicts what the catalogue pins.
    """
    if re.match(r"[a-z]+://", asked):
        return _address(asked, catalogue, origin)
    if os.sep in asked or asked.startswith((".", "~")) or asked.endswith(".whl"):
        return _path(asked, origin)
    try:
        requirement = Requirement(asked)
    except InvalidRequirement as error:
        raise HermesError(
            f"{asked!r} is not the name of a plugin.",
            remedy="Say a name such as `telegram`, a requirement such as `hermes-telegram>=1`, a path or an address.",
        ) from error
    if requirement.url or requirement.marker:
        raise HermesError(f"{asked!r}: say the name, or the address alone.")
    return _requirement(asked, requirement, catalogue, origin)


def looks_like(name: str, known: Iterable[str]) -> str:
    """The known name that `name` could be mistaken for; empty where it is one of them, or like none."""
    wanted = canonicalize_name(name)
    names = {canonicalize_name(each) for each in known}
    if wanted in names:
        return ""
    for each in sorted(names):
        if _near(wanted, each):
            return each
    return ""


def _requirement(asked: str, requirement: Requirement, catalogue: Catalogue, origin: Origin) -> Wanted:
    known = catalogue.find(requirement.name)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if known is None:
        if canonicalize_name(requirement.name) in _OWN:
            raise HermesError(f"{requirement.name} is what installs; it is no plugin to install.")
        return Wanted(
            asked=asked,
            source="index",
            distribution=requirement.name,
            requirement=f"{requirement.name}{extras}{requirement.specifier}",
            origin=origin,
        )
    if known.versions and not origin.folder:
        return _pinned(asked, requirement, known, catalogue)
    if known.index and origin.text and origin.text.rstrip("/") != known.index.rstrip("/"):
        raise HermesError(
            f"The catalogue says that {known.distribution} comes from {known.index}, not from {origin.text}.",
            remedy="Leave the other place out.",
        )
    return Wanted(
        asked=asked,
        source="index",
        distribution=known.distribution,
        requirement=f"{known.distribution}{extras}{requirement.specifier}",
        origin=Origin(index=known.index) if known.index else origin,
        publisher=known.publisher,
        plugin=known.name,
    )


def _pinned(asked: str, requirement: Requirement, known: KnownPlugin, catalogue: Catalogue) -> Wanted:
    """The newest version that the catalogue has, that fits, and that was not withdrawn."""
    fitting = [version for version in known.versions if requirement.specifier.contains(version.version)]
    offered = [version for version in fitting if not catalogue.revoked(known.distribution, version.version)]
    if not offered:
        if fitting:
            reason = catalogue.revoked(known.distribution, fitting[-1].version)
            raise Denied(f"{known.distribution} {fitting[-1].version} was revoked: {reason}")
        versions = ", ".join(version.version for version in known.versions)
        raise HermesError(
            f"The catalogue has no {known.distribution} that fits {str(requirement.specifier)!r}.",
            remedy=f"It has: {versions}.",
        )
    newest = max(offered, key=lambda version: Version(version.version))
    return Wanted(
        asked=asked,
        source="catalogue",
        distribution=known.distribution,
        requirement=f"{known.distribution}=={newest.version}",
        location=catalogue.address_of(newest),
        sha256=newest.sha256,
        origin=Origin(index=known.index),
        publisher=known.publisher,
        plugin=known.name,
    )


def _path(asked: str, origin: Origin) -> Wanted:
    path = Path(asked).expanduser().absolute()
    if path.is_dir():
        return Wanted(asked=asked, source="folder", location=str(path), origin=origin)
    if path.is_file() and path.suffix == ".whl":
        return Wanted(asked=asked, source="wheel", location=str(path), origin=origin)
    if not path.exists():
        raise HermesError(f"There is no file or folder {path}.")
    raise HermesError(
        f"{path} is neither a wheel nor a project folder.",
        remedy="Source archives are not installed, for that runs what they say: unpack it and look at it.",
    )


def _address(asked: str, catalogue: Catalogue, origin: Origin) -> Wanted:
    check_address(asked)
    parts = urlsplit(asked)
    steps = [step for step in parts.path.split("/") if step]
    if steps and steps[-1].endswith(".whl"):
        fragment = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", parts.fragment)
        if parts.fragment and not fragment:
            raise HermesError(f"{asked!r}: what stands after # is no sha256=….")
        address = parts._replace(fragment="").geturl()
        digest = fragment[1].lower() if fragment else ""
        return Wanted(asked=asked, source="url", location=address, sha256=digest, origin=origin)
    index, rest = _index_entry(parts.netloc, parts.scheme, steps)
    if not index or not rest or len(rest) > 2:
        raise HermesError(
            f"{asked!r} is neither a wheel nor an entry of an index.",
            remedy="Such as https://HOST/project/NAME/ or https://HOST/simple/NAME/.",
        )
    if origin.text and origin.text.rstrip("/") != index:
        raise HermesError(f"{asked!r} and {origin.text} are two different places.", remedy="Say one of them.")
    try:
        requirement = Requirement("==".join(rest))
    except InvalidRequirement as error:
        raise HermesError(f"{asked!r} names no distribution.") from error
    return _requirement(asked, requirement, catalogue, Origin(index=index))


def _index_entry(host: str, scheme: str, steps: list[str]) -> tuple[str, list[str]]:
    """The index's address, and the name and perhaps the version after it."""
    if steps[:1] == ["project"]:  # a person's page of the same thing
        return f"{scheme}://{host}/simple", steps[1:]
    if "simple" in steps:
        position = steps.index("simple") + 1
        return f"{scheme}://{host}/{'/'.join(steps[:position])}", steps[position:]
    return "", []


def _near(one: str, other: str) -> bool:
    first, second = one.replace("-", ""), other.replace("-", "")
    if first == second or sorted(one.split("-")) == sorted(other.split("-")):
        return True
    shown = str.maketrans("01359", "oiesg")
    if first.translate(shown).replace("rn", "m").replace("vv", "w") == second.translate(shown):
        return True
    core = min(len(one.removeprefix("hermes-")), len(other.removeprefix("hermes-")))
    return _distance(first, second) <= (1 if core < 6 else 2)


def _distance(one: str, other: str) -> int:
    """Insertions, deletions and changes of a letter, and swaps of neighbours, that lead from one to the other."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
