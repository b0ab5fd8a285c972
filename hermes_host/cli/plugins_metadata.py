"""What a distribution says about itself: looked at in its project folder, or as it is installed."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.cli.plugins_inspection import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_host.cli.plugins_project import Project

__all__ = ["HEADINGS", "installed_metadata", "project_metadata"]

HEADINGS = ("Install", "Configure", "Use", "Limits", "Remove")
"""What a README tells people."""

_VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[\w.]+)?")
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def project_metadata(project: Project) -> Iterator[Finding]:
    """The findings about a project folder."""
    folder, table = Path(project.folder), project.table
    yield _entry_point(project.name, project.entry_points[project.name])
    yield _distribution_name(project.distribution, project.name)
    dynamic = table.get("dynamic", [])
    if "version" in dynamic:
        yield Finding(name="version", status="ok", detail="worked out when it is built")
    else:
        yield _version(project.version)
    yield _presence("description", str(table.get("description", "")), "Add `description` to [project].")
    yield _presence("license", _license(table.get("license")), 'Add `license = "MIT"`, or another, to [project].')
    yield _readme(folder, table.get("readme"))
    yield _changelog(folder, project.version)
    typed = Path(project.source) / project.package / "py.typed"
    yield _presence("py.typed", "present" if typed.is_file() else "", f"Make the empty file {typed.name} beside it.")
    yield _requires(str(table.get("requires-python", "")), [str(item) for item in table.get("dependencies", [])])


def installed_metadata(name: str, module: str, distribution_name: str) -> Iterator[Finding]:
    """The findings about an installed distribution."""
    yield _entry_point(name, module)
    yield _distribution_name(distribution_name, name)
    try:
        found = distribution(distribution_name)
    except PackageNotFoundError:
        yield Finding(name="metadata", status="error", detail=f"{distribution_name} has none.", remedy="Reinstall it.")
        return
    head = found.metadata.json
    yield _version(found.version or "")
    yield _presence("description", str(head.get("summary", "")), "Add `description` to [project].")
    licences = [item for item in head.get("classifier", ()) if item.startswith("License")]
    licence = head.get("license_expression") or head.get("license") or next(iter(licences), "")
    yield _presence("license", str(licence), "Add `license` to [project].")
    readme = str(head.get("description", "")).strip()
    yield _presence("readme", "present" if readme else "", "Add `readme` to [project].")
    package = module.partition(":")[0].partition(".")[0]
    yield _presence("py.typed", _typed(found, package), "Ship the empty file py.typed in the package.")
    yield _requires(str(head.get("requires_python", "")), list(found.requires or ()))


def _typed(found: Distribution, package: str) -> str:
    return "present" if any(str(path) == f"{package}/py.typed" for path in found.files or ()) else ""


def _presence(name: str, value: str, remedy: str) -> Finding:
    if value.strip():
        return Finding(name=name, status="ok", detail=value.strip())
    return Finding(name=name, status="error", detail="missing", remedy=remedy)


def _entry_point(name: str, module: str) -> Finding:
    if not _NAME.fullmatch(name):
        remedy = "Use lower-case letters, digits and hyphens."
        return Finding(name="entry point", status="error", detail=f"{name!r} is no name of a plugin.", remedy=remedy)
    return Finding(name="entry point", status="ok", detail=f"{name} = {module}")


def _distribution_name(distribution_name: str, plugin: str) -> Finding:
    if re.sub(r"[-_.]+", "-", distribution_name).lower() == f"hermes-{plugin.replace('_', '-')}":
        return Finding(name="name", status="ok", detail=distribution_name)
    remedy = f"People look for hermes-{plugin}; keep another name where that one is taken."
    return Finding(name="name", status="warning", detail=distribution_name, remedy=remedy)


def _version(version: str) -> Finding:
    if _VERSION.fullmatch(version):
        return Finding(name="version", status="ok", detail=version)
    return Finding(name="version", status="error", detail=repr(version), remedy="Use a version such as 0.1.0.")


def _license(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("text") or value.get("file") or "")
    return value if isinstance(value, str) else ""


def _readme(folder: Path, value: Any) -> Finding:
    name = value.get("file", "") if isinstance(value, dict) else value
    path = folder / str(name or "README.md")
    if not name or not path.is_file():
        remedy = 'Write README.md, and add `readme = "README.md"` to [project].'
        return Finding(name="readme", status="error", detail="missing", remedy=remedy)
    text = path.read_text(encoding="utf-8", errors="replace")
    missing = [heading for heading in HEADINGS if not re.search(rf"^#+ {heading}\b", text, re.MULTILINE)]
    if missing:
        detail = f"It has no heading {', '.join(missing)}."
        return Finding(name="readme", status="warning", detail=detail, remedy="People look for these.")
    return Finding(name="readme", status="ok", detail=", ".join(HEADINGS))


def _changelog(folder: Path, version: str) -> Finding:
    path = folder / "CHANGELOG.md"
    if not path.is_file():
        return Finding(name="changelog", status="warning", detail="missing", remedy="Write CHANGELOG.md.")
    versions = re.findall(r"^## \[?v?(\d+\.\d+\S*?)\]?(?:\s|$)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if version and versions[:1] != [version]:
        remedy = f"Begin CHANGELOG.md with `## {version}`."
        return Finding(name="changelog", status="warning", detail="It does not begin with this version.", remedy=remedy)
    return Finding(name="changelog", status="ok", detail=versions[0] if versions else "present")


def _requires(python: str, dependencies: list[str]) -> Finding:
    host = next((item for item in dependencies if re.match(r"hermes[-_.]host\b", item)), "")
    if not host:
        remedy = 'Add "hermes-host>=0.1" to `dependencies`.'
        return Finding(name="requirements", status="error", detail="hermes-host is not among them.", remedy=remedy)
    if "<" in host or "==" in host:
        remedy = "Within hermes.v1 nothing is taken away: a floor is enough, a ceiling keeps users from upgrading."
        return Finding(name="requirements", status="warning", detail=host, remedy=remedy)
    if not python:
        remedy = 'Add `requires-python = ">=3.11"`.'
        return Finding(name="requirements", status="warning", detail="no requires-python", remedy=remedy)
    return Finding(name="requirements", status="ok", detail=f"{host}, Python {python}")
