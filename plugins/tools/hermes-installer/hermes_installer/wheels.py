"""What a distribution holds, looked at without running any of it: a wheel's archive, and an unpacked distribution."""

from __future__ import annotations

import re
import stat
import zipfile
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hermes_host.errors import HermesError
from hermes_host.installed import hash_of
from hermes_host.specs import API_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Facts",
    "check_wheel",
    "distribution_in",
    "facts_of",
    "installed_files",
    "metadata_name",
    "metadata_version",
    "missing_requirements",
    "same_name",
]

_FILES = 5_000
_BYTES = 500_000_000
_RATIO = 200
_RUN_AT_START = {"sitecustomize.py", "usercustomize.py"}
_OF_THE_INSTALLER = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an unpacked distribution says, and the bytes it consists of."""

    distribution: str
    version: str
    plugin: str
    """The name of its entry point."""
    module: str
    """The value of its entry point."""
    files: dict[str, str]
    """As `InstalledPlugin.files`."""

    @property
    def payload(self) -> dict[str, str]:
        """Its files without those that an installer writes itself."""
        return {
            name: digest
            for name, digest in self.files.items()
            if not (".dist-info/" in name and name.rpartition("/")[2] in _OF_THE_INSTALLER)
        }


def check_wheel(path: Path) -> None:
    """Raises `HermesError` when a wheel's archive is not fit to be unpacked: names that lead out of it, links, devices,
    the same name twice, or more than anybody needs."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise HermesError(f"{path.name} is no wheel: {error}.") from error
    if len(entries) > _FILES:
        raise HermesError(f"{path.name} holds more than {_FILES:,} files.")
    seen: set[str] = set()
    total = 0
    for entry in entries:
        fault = _entry_fault(entry)
        folded = entry.filename.casefold()
        if not fault and folded in seen:
            fault = "it is there twice"
        if fault:
            raise HermesError(f"{path.name} is refused: {entry.filename!r}: {fault}.")
        seen.add(folded)
        total += entry.file_size
    packed = sum(entry.compress_size for entry in entries)
    if total > _BYTES or total > 1_000_000 + packed * _RATIO:
        raise HermesError(f"{path.name} is refused: unpacked it would be {total:,} bytes.")


def distribution_in(site: Path) -> Distribution:
    """The one distribution unpacked in `site`. Raises `HermesError` when there is none, or more."""
    found = list(distributions(path=[str(site)]))
    if len(found) != 1:
        raise HermesError(f"Not one distribution was unpacked, but {len(found)}.")
    return found[0]


def facts_of(distribution: Distribution, root: Path) -> Facts:
    """What a distribution that lies below `root` is. Raises `HermesError` when it is no plugin of this host, is only
    half there, or would run code by merely being installed."""
    name, version = metadata_name(distribution), metadata_version(distribution)
    if not name or not version:
        raise HermesError(f"A distribution in {root} is only half installed: it has no name or version.")
    points = [point for point in distribution.entry_points if point.group.startswith("hermes.v")]
    if not points:
        raise HermesError(
            f"{name} {version} is no plugin: it has no entry point in the group {API_GROUP!r}.",
            remedy="Check the name. A library is installed with pip or uv.",
        )
    spoken = [point for point in points if point.group == API_GROUP]
    if not spoken:
        raise HermesError(
            f"{name} {version} is for another host: it speaks {points[0].group}, this host {API_GROUP}.",
            remedy="Upgrade hermes-host.",
        )
    if len(spoken) > 1:
        raise HermesError(f"{name} {version} holds {len(spoken)} plugins; one distribution is one plugin.")
    point = spoken[0]
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", point.name):
        raise HermesError(f"{name} {version}: {point.name!r} cannot be the name of a plugin.")
    if not re.fullmatch(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?", point.value):
        raise HermesError(f"{name} {version}: its entry point {point.value!r} names no module.")
    files = installed_files(distribution, root)
    for relative in files:
        if relative.endswith(".pth") or relative in _RUN_AT_START:
            raise HermesError(
                f"{name} {version} is refused: {relative!r} would run at every start of Python.",
                remedy="Ask its author for a version without it.",
            )
    return Facts(distribution=name, version=version, plugin=point.name, module=point.value, files=files)


def installed_files(distribution: Distribution, root: Path) -> dict[str, str]:
    """The files of a distribution below `root` and their hashes; compiled ones and programs are left out. Raises
    `HermesError` when one that its RECORD names is missing."""
    if distribution.files is None:
        raise HermesError(f"{metadata_name(distribution)} is only half installed: it has no RECORD.")
    found = {}
    for relative in _relative_names(distribution, root):
        try:
            found[relative] = hash_of(root / relative)
        except OSError as error:
            raise HermesError(
                f"{metadata_name(distribution)} is only half installed: {relative} cannot be read."
            ) from error
    return dict(sorted(found.items()))


def metadata_name(distribution: Distribution) -> str:
    """A distribution's name as its metadata has it; empty for one that is only half there."""
    return _metadata(distribution, "Name")


def metadata_version(distribution: Distribution) -> str:
    """The same for its version."""
    return _metadata(distribution, "Version")


def _metadata(distribution: Distribution, field: str) -> str:
    try:
        found = distribution.metadata
        return str(found[field]) if field in found else ""
    except (OSError, AttributeError, TypeError):  # no METADATA: each version of Python says so in its own way
        return ""


def missing_requirements(distribution: Distribution, extras: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """What a distribution with these extras needs and what `installed`, names and versions, does not have."""
    versions = {canonicalize_name(name): version for name, version in installed.items()}
    found = []
    for text in distribution.requires or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            return [text]
        if needed.marker is not None and not any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        version = versions.get(canonicalize_name(needed.name))
        fits = version is not None and needed.specifier.contains(version, prereleases=True)
        if not fits or needed.extras or needed.url:
            found.append(text)
    return found


def same_name(one: str, other: str) -> bool:
    """Whether two spellings name one distribution."""
    return canonicalize_name(one) == canonicalize_name(other)


def _relative_names(distribution: Distribution, root: Path) -> Iterator[str]:
    for path in distribution.files or ():
        parts = PurePosixPath(str(path)).parts
        if path.is_absolute() or ".." in parts or parts[0] in ("bin", "Scripts") or "__pycache__" in parts:
            continue
        yield "/".join(parts)


def _entry_fault(entry: zipfile.ZipInfo) -> str:
    name = entry.filename
    parts = name.rstrip("/").split("/")
    if "\\" in name or "\x00" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "this is no relative name"
    if any(part in ("", ".", "..") for part in parts):
        return "this leads out of its folder"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "this is no regular file"
    if entry.flag_bits & 0x1:
        return "it is encrypted"
    return ""
