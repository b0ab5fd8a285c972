"""What a plugin wants and brings, found out in a confined process before anything of it runs in the host."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from hermes_host.errors import HermesError
from hermes_host.visible import one_line
from hermes_installer import confinement
from hermes_installer.lockfile import Agreed, Description

__all__ = ["Report", "describe_plugin"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `describe.py` writes."""

    capabilities: Agreed = Agreed()
    description: Description = Description()
    problems: tuple[str, ...] = ()
    error: str = ""


def describe_plugin(name: str, module: str, *, site: Path | None = None, python: Path | None = None) -> Report:
    """Ask the plugin `module`: unpacked in `site`, or installed in the environment of the interpreter `python`, or in
    the running one. Raises `HermesError` when it cannot be imported or says nothing that can be used."""
    script = Path(__file__).with_name("describe.py")
    command = [str(python or sys.executable), "-I", str(script), name, module]
    readable = [script.parent]
    if site is not None:
        command.append(str(site))
        readable.append(site)
    if python is not None:
        readable.append(python.parent.parent)
    with tempfile.TemporaryDirectory(prefix="hermes-describe-") as folder:
        try:
            answer = confinement.run_confined(command, readable=readable, folder=Path(folder).resolve())
        except HermesError as error:
            raise HermesError(f"Plugin {name!r} is refused. {error.message}") from error
    try:
        report = msgspec.json.decode(answer, type=Report)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HermesError(f"Plugin {name!r} is refused. What it says of itself is unusable: {error}.") from error
    if report.error:
        missing = "No module named" in report.error and site is not None
        raise HermesError(
            f"Plugin {name!r} is refused. It cannot be loaded: {one_line(report.error, 300)}.",
            remedy="Its plugin.py must need the standard library and hermes_host alone; or install it with --isolated."
            if missing
            else "Tell its author.",
        )
    return report
