"""Getting what was asked for into a scratch folder and looking at it there, before it is anywhere it could run."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from hermes_host.errors import HermesError
from hermes_installer.fetch import fetch
from hermes_installer.wanted import Wanted
from hermes_installer.wheels import Facts, check_wheel, distribution_in, facts_of, same_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_installer.environment import Tool

__all__ = ["Candidate", "get_candidate"]

_LIMIT = 200_000_000


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was fetched and looked at."""

    wanted: Wanted
    facts: Facts
    requirement: str
    """What an installer is told: an exact version, or the path of the wheel in the scratch folder."""
    site: Path
    """Where it is unpacked."""


def get_candidate(
    wanted: Wanted, tool: Tool, scratch: Path, *, allow_build: bool, say: Callable[[str], None]
) -> Candidate:
    """Fetch, check and unpack into `scratch`. None of its code runs, unless it is a project folder, which has to be
    built. Raises `HermesError`."""
    requirement = wanted.requirement
    if wanted.source != "index":
        wheel = _wheel(wanted, tool, scratch, allow_build=allow_build, say=say)
        check_wheel(wheel)
        requirement = str(wheel)
    site = scratch / "site"
    command = tool.install([requirement], origin=wanted.origin, target=site, dependencies=False)
    try:
        tool.run(command, say=say, folder=scratch, pinned=bool(wanted.origin.text))
    except HermesError as error:
        raise HermesError(
            f"{wanted.asked!r} could not be fetched. {error.message}",
            remedy="Only wheels are taken, for what a source package says would run when it is built."
            if wanted.source == "index"
            else error.remedy,
        ) from error
    facts = facts_of(distribution_in(site), site)
    if wanted.distribution and not same_name(wanted.distribution, facts.distribution):
        raise HermesError(f"{wanted.asked!r} is {wanted.distribution}, but the file says {facts.distribution}.")
    if wanted.plugin and wanted.plugin != facts.plugin:
        raise HermesError(f"The catalogue calls it {wanted.plugin!r}, but its entry point says {facts.plugin!r}.")
    if wanted.source == "index":
        extras = requirement.partition("[")[2].partition("]")[0]
        requirement = f"{facts.distribution}{f'[{extras}]' if extras else ''}=={facts.version}"
    return Candidate(wanted=wanted, facts=facts, requirement=requirement, site=site)


def _wheel(wanted: Wanted, tool: Tool, scratch: Path, *, allow_build: bool, say: Callable[[str], None]) -> Path:
    """The wheel's own copy, with the bytes it must have."""
    if wanted.source == "folder":
        return _built(wanted, tool, scratch, allow_build=allow_build, say=say)
    path = urlsplit(wanted.location).path if "://" in wanted.location else wanted.location
    name = path.rpartition("/")[2]
    folder = scratch / "wheel"
    folder.mkdir()
    copy = folder / name
    if "://" in wanted.location:
        say(f"Fetching {wanted.location}")
        copy.write_bytes(fetch(wanted.location, limit=_LIMIT).data or b"")
    else:
        try:
            shutil.copyfile(os.path.realpath(wanted.location), copy)
        except OSError as error:
            raise HermesError(f"{wanted.location} cannot be read: {error.strerror}.") from error
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted.sha256 and digest != wanted.sha256:
        raise HermesError(
            f"{wanted.location} is not the file it should be: its SHA-256 is {digest}, not {wanted.sha256}.",
            remedy="Nothing was installed. Somebody changed the file, or the catalogue is old.",
        )
    return copy


def _built(wanted: Wanted, tool: Tool, scratch: Path, *, allow_build: bool, say: Callable[[str], None]) -> Path:
    project = Path(wanted.location)
    if not ((project / "pyproject.toml").is_file() or (project / "setup.py").is_file()):
        raise HermesError(f"{project} is no project: it has no pyproject.toml.")
    if not allow_build:
        raise HermesError(
            f"{project} has to be built first, which runs whatever the project says, with your rights.",
            remedy="Say --allow-build if you trust it, or give a wheel.",
        )
    output = scratch / "built"
    tool.run(tool.build(project, output), say=say, folder=scratch)
    wheels = list(output.glob("*.whl"))
    if len(wheels) != 1:
        raise HermesError(f"Building {project} gave {len(wheels)} wheels.")
    return wheels[0]
