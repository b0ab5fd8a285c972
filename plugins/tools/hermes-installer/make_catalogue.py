"""Writes the catalogue that ships: the plugins of this repository, from the folder tree.

python make_catalogue.py
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(__file__).resolve().parent / "hermes_installer" / "catalogue.json"


def render(root: Path = ROOT) -> str:
    """The catalogue's text, for the plugins below `root`."""
    found = []
    for path in sorted(root.glob("plugins/*/*/pyproject.toml"), key=lambda path: path.parent.name):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        (name,) = project["entry-points"]["hermes.v1"]
        entry = {"name": name, "distribution": project["name"], "summary": project["description"]}
        homepage = project.get("urls", {}).get("Homepage", "")
        found.append({**entry, "homepage": homepage} if homepage else entry)
    return json.dumps({"version": 1, "plugins": found, "revoked": []}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
