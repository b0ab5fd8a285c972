"""Look at one plugin in a process of its own: `python -m hermes_host.cli.plugins_inspection NAME FILE [quick]`.

Whoever starts it puts the plugin on the path. The findings go into FILE, because a plugin may print. `quick` leaves out
what takes long: it says whether the plugin works at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.cli import plugins_findings as facts
from hermes_host.errors import PluginError
from hermes_host.host import Host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hermes_host.plugins import PluginRecord
    from hermes_host.registry import Contribution

__all__ = ["Finding", "inspect_plugin"]

_IMPORT_SHOULD = 20.0
"""Milliseconds: every start of `hermes` pays for the entry modules of all plugins."""
_SCHEMA_SHOULD = 4000
"""Bytes: every request to a model pays for all tools."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the scorecard."""

    name: str
    status: Literal["ok", "warning", "error", "skipped"]
    detail: str = ""
    remedy: str = ""


def inspect_plugin(name: str, home: Path, *, quick: bool = False) -> Iterator[Finding]:
    """The findings about a plugin that is on the path. `home` is an empty folder for the hosts that are made."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HERMES_")}
    host = Host(home=home, plugins=[name], environ=environ)
    record = next((record for record in host.plugins.records if record.name == name), None)
    if record is None:
        yield Finding(name="loads", status="error", detail=f"There is no plugin {name!r} on the path.")
        return
    own = facts.contributions_of(host, name) if record.state == "loaded" else []
    yield _loading(record, own)
    if record.state != "loaded":
        return
    yield _targets(own)
    if quick:
        return
    yield _finding("says what it is", facts.info_faults(record), record.summary, "Implement hermes_plugin_info.")
    yield _light(record.module)
    unknown = [problem for problem in record.problems if problem.where == "hooks"]
    yield _finding("hooks", [problem.message for problem in unknown], ", ".join(record.hooks), "Correct their names.")
    yield _finding("summaries", facts.summary_faults(own), f"{len(own)} of one line", "Say in one line what it is.")
    yield _finding(
        "schemas",
        facts.schema_faults(host, own),
        "all can be described to a model",
        "Make `parameters` the target of a Struct.",
    )
    yield _sizes(facts.schema_sizes(host, own))
    sections = ", ".join(section.name for section in record.info.sections) if record.info else ""
    faults = facts.section_faults(host, record)
    yield _finding("settings", faults, sections or "none", "Give every field of the Struct a default.")
    secrets = ", ".join(secret.name for secret in record.info.secrets) if record.info else ""
    yield _finding("secrets", facts.secret_faults(record, own), secrets or "none", "Add them to PluginInfo.secrets.")
    yield _clashes(name, home, environ, own)
    off = Host(home=home, plugins=[name], blocked=[name], environ=environ)
    yield _finding("switched off", facts.leftovers(off, name), "nothing is left", "Do nothing outside the hooks.")


def _finding(name: str, faults: Iterable[str], detail: str, remedy: str) -> Finding:
    found = list(faults)
    if found:
        return Finding(name=name, status="error", detail=" ".join(found), remedy=remedy)
    return Finding(name=name, status="ok", detail=detail)


def _loading(record: PluginRecord, own: list[Contribution[Any]]) -> Finding:
    problems = [problem for problem in record.problems if problem.where != "hooks" or record.state != "loaded"]
    if problems:
        said = " ".join(f"{problem.where}: {problem.message}" for problem in problems)
        return Finding(name="loads", status="error", detail=said, remedy="HERMES_STRICT=1 shows where.")
    counted: dict[str, int] = {}
    for item in own:
        counted[item.kind] = counted.get(item.kind, 0) + 1
    shown = ", ".join(f"{kind.replace('_', ' ')}: {number}" for kind, number in sorted(counted.items()))
    return Finding(name="loads", status="ok", detail=shown or "it contributes nothing but observers or decisions")


def _light(module: str) -> Finding:
    name = "light entry module"
    try:
        facts.measure_import(module)  # writes the compiled files
        light = facts.measure_import(module)
    except PluginError as error:
        return Finding(name=name, status="error", detail=str(error))
    if light.foreign:
        detail = f"It imports {', '.join(light.foreign)}."
        return Finding(name=name, status="error", detail=detail, remedy="Import them where a target points at.")
    if light.milliseconds > _IMPORT_SHOULD:
        remedy = "Do less when the module is imported: every start of `hermes` pays for it."
        return Finding(name=name, status="warning", detail=f"{light.milliseconds:.1f} ms", remedy=remedy)
    return Finding(name=name, status="ok", detail=f"{light.milliseconds:.1f} ms")


def _targets(own: list[Contribution[Any]]) -> Finding:
    faults = list(facts.target_faults(own))
    said = " ".join(fault for fault, _ in faults)
    if any(not needs_package for _, needs_package in faults):
        return Finding(name="targets", status="error", detail=said, remedy="Correct the specs.")
    if faults:
        return Finding(name="targets", status="warning", detail=said, remedy="Install what it needs, and check again.")
    return Finding(name="targets", status="ok", detail="all can be imported")


def _sizes(sizes: dict[str, int]) -> Finding:
    large = {name: size for name, size in sizes.items() if size > _SCHEMA_SHOULD}
    if large:
        shown = ", ".join(f"{name} {size} bytes" for name, size in large.items())
        remedy = "Say only what the model cannot guess: every request pays for it."
        return Finding(name="schema sizes", status="warning", detail=shown, remedy=remedy)
    return Finding(name="schema sizes", status="ok", detail=f"{sum(sizes.values())} bytes" if sizes else "no tools")


def _clashes(name: str, home: Path, environ: dict[str, str], own: list[Contribution[Any]]) -> Finding:
    everyone = Host(home=home, environ=environ)
    others = Host(home=home, blocked=[name], environ=environ)
    faults = facts.clash_faults(everyone, others, name, own)
    detail = " ".join(fault for fault, _ in faults)
    if any(grave for _, grave in faults):
        return Finding(name="name clashes", status="error", detail=detail, remedy="Choose other names.")
    if faults:
        return Finding(name="name clashes", status="warning", detail=detail, remedy="Is that what you want?")
    number = sum(not record.builtin and record.name != name for record in others.plugins.records)
    return Finding(name="name clashes", status="ok", detail=f"none with {number} installed plugins")


def main(name: str, path: str, *words: str) -> None:
    """Write the findings as JSON; what cannot be foreseen ends the process with a traceback."""
    with tempfile.TemporaryDirectory(prefix="hermes-inspection-") as home:
        findings = list(inspect_plugin(name, Path(home), quick="quick" in words))
    Path(path).write_bytes(msgspec.json.encode(findings))


if __name__ == "__main__":
    main(*sys.argv[1:])
