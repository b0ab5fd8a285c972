"""A plugin's project folder: what its pyproject.toml says, and how it is tried without being installed."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import HermesError
from hermes_host.specs import API_GROUP

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Project", "lay_metadata", "read_project"]

_REMEDY = "`hermes plugins new NAME --kind tool` makes a folder that is one."


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with a pyproject.toml that has an entry point of the group `hermes.v1`."""

    folder: str
    distribution: str
    version: str
    """Empty where it is worked out when the distribution is built."""
    entry_points: dict[str, str]
    """Names of plugins and the modules they are."""
    table: dict[str, Any]
    """`[project]` as it is written."""

    @property
    def name(self) -> str:
        """The plugin's name; of several, the first."""
        return next(iter(self.entry_points))

    @property
    def package(self) -> str:
        """The top-level package of the plugin's module."""
        return self.entry_points[self.name].partition(":")[0].partition(".")[0]

    @property
    def source(self) -> str:
        """The folder that must be on the path for the package to be imported."""
        import os

        below = os.path.join(self.folder, "src")
        return below if os.path.isdir(os.path.join(below, self.package)) else self.folder


def read_project(folder: Path) -> Project:
    """The project in `folder`. Raises `HermesError` where there is none, or where it is no plugin."""
    path = folder / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("project")
    except (FileNotFoundError, NotADirectoryError):
        raise HermesError(f"There is no pyproject.toml in {str(folder)!r}.", remedy=_REMEDY) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HermesError(f"{path} cannot be read: {error}.", remedy="Correct it.") from error
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(name, str) or not name:
        raise HermesError(f"{path} has no [project] with a name.", remedy=_REMEDY)
    groups = table.get("entry-points")
    points = groups.get(API_GROUP) if isinstance(groups, dict) else None
    if not isinstance(points, dict) or not points or not all(isinstance(value, str) for value in points.values()):
        raise HermesError(
            f"{path} has no entry point of the group {API_GROUP!r}, so it is no plugin.",
            remedy=f'Add [project.entry-points."{API_GROUP}"] with NAME = "PACKAGE.plugin".',
        )
    return Project(
        folder=str(folder.resolve()),
        distribution=name,
        version=str(table.get("version", "")),
        entry_points=points,
        table=table,
    )


def lay_metadata(project: Project, folder: Path) -> None:
    """Write into `folder` what an installer would: with it and `project.source` on the path, the plugin is found."""
    stem = re.sub(r"[-_.]+", "_", project.distribution).lower()
    target = folder / f"{stem}-{project.version or '0'}.dist-info"
    target.mkdir(parents=True, exist_ok=True)
    head = f"Metadata-Version: 2.1\nName: {project.distribution}\nVersion: {project.version or '0'}\n"
    points = "".join(f"{name} = {module}\n" for name, module in project.entry_points.items())
    (target / "METADATA").write_text(head, encoding="utf-8")
    (target / "entry_points.txt").write_text(f"[{API_GROUP}]\n{points}", encoding="utf-8")
