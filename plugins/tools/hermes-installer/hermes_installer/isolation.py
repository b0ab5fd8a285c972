"""An environment of its own for one plugin: the host's package as it runs here, the plugin, and what it needs."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import zipfile
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

import hermes_host
from hermes_host import __version__
from hermes_host.errors import HermesError
from hermes_installer.environment import site_packages
from hermes_installer.wheels import Facts, facts_of, metadata_name, same_name

if TYPE_CHECKING:
    from hermes_installer.candidates import Candidate
    from hermes_installer.workshop import Workshop

__all__ = ["build_environment", "discard", "facts_in", "host_wheel", "interpreter", "put_in_place"]


def build_environment(shop: Workshop, candidate: Candidate, scratch: Path) -> Path:
    """A new environment beside its later place, with everything in it. Raises `HermesError`; nothing is then left."""
    folder = shop.environments / f".{candidate.facts.plugin}.{os.urandom(4).hex()}"
    origin = candidate.wanted.origin
    try:
        shop.tool.run(shop.tool.make_environment(folder), say=shop.say, folder=scratch)
        host = host_wheel(scratch)
        command = shop.tool.install([str(host), candidate.requirement], origin=origin, python=str(interpreter(folder)))
        shop.tool.run(command, say=shop.say, folder=scratch, pinned=bool(origin.text))
        facts = facts_in(folder, candidate.facts.distribution)
        if any(candidate.facts.payload.get(name) != digest for name, digest in facts.payload.items()):
            raise HermesError(f"{facts.distribution} is not what was looked at a moment ago.", remedy="Try again.")
    except BaseException:
        discard(folder)
        raise
    return folder


def put_in_place(shop: Workshop, built: Path, plugin: str) -> Path:
    """Give a built environment its place, instead of the one that may be there."""
    place = shop.environments / plugin
    old = shop.environments / f".{plugin}.old.{os.urandom(4).hex()}"
    if place.exists():
        place.rename(old)
    built.rename(place)
    discard(old)
    return place


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / "bin" / "python"


def facts_in(environment: Path, name: str) -> Facts:
    """What the distribution `name` in an environment is. Raises `HermesError` when it is not there."""
    root = site_packages(environment)
    for found in distributions(path=[str(root)]):
        if same_name(metadata_name(found), name):
            return facts_of(found, root)
    raise HermesError(f"{name} is not in {environment}.")


def discard(environment: Path) -> None:
    """Delete an environment, if it is there."""
    shutil.rmtree(environment, ignore_errors=True)


def host_wheel(folder: Path) -> Path:
    """A wheel of the very host that runs here, however it was installed: no index is asked for it."""
    package = Path(hermes_host.__file__).parent
    info = f"hermes_host-{__version__}.dist-info"
    metadata = distribution("hermes-host").read_text("METADATA") or ""
    contents = {
        f"hermes_host/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    contents[f"{info}/METADATA"] = metadata.encode()
    contents[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: hermes-installer\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},{_record_hash(data)},{len(data)}\n" for name, data in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = folder / f"hermes_host-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return wheel


def _record_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
