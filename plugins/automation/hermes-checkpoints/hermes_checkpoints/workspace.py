"""Which folder is snapshotted, and which folders never are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["MARKERS", "marked_workspace", "reason_against", "store_folder", "too_wide", "workspace_of"]

MARKERS = (
    *(".git", ".hg", ".svn", ".jj", "pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod", "pom.xml"),
    *("build.gradle", "build.gradle.kts", "composer.json", "Gemfile", "mix.exs", "CMakeLists.txt", "Makefile"),
    *("AGENTS.md", "HERMES.md", ".hermes.md", "flake.nix", "deno.json"),
)
"""Names that mark the top folder of a project."""


def workspace_of(directory: str) -> Path:
    """The project a folder belongs to, else the folder itself."""
    return marked_workspace(directory) or Path(os.path.realpath(directory))


def marked_workspace(directory: str) -> Path | None:
    """The project a folder belongs to: the nearest folder above it with a marker, below the home folder and `/`."""
    folder = Path(os.path.realpath(directory))
    never = _never()
    for candidate in (folder, *folder.parents):
        if candidate in never:
            return None
        if any(os.path.lexists(candidate / marker) for marker in MARKERS):
            return candidate
    return None


def reason_against(workspace: Path, home: Path) -> str:
    """Why a workspace is not snapshotted, empty where it is. `home` is `$HERMES_HOME`."""
    if too_wide(workspace):
        return f"{workspace} is too wide a folder to take snapshots of; start in the folder of a project."
    if workspace.is_relative_to(Path(os.path.realpath(home))):
        return f"{workspace} belongs to hermes itself."
    return ""


def too_wide(workspace: Path) -> bool:
    """Whether it is the home folder, or one above it."""
    return workspace in _never()


def store_folder(state: Path, workspace: Path) -> Path:
    """Where the snapshots of a workspace lie."""
    return state / hashlib.sha256(os.fsencode(workspace)).hexdigest()[:16]


def _never() -> frozenset[Path]:
    """The home folder and all above it, which `/` is one of."""
    home = Path(os.path.realpath(Path.home()))
    return frozenset((home, *home.parents, Path(home.anchor)))
