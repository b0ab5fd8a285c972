"""What a start pays for: only what is needed is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("yaml", "ruamel", "rich", "click", "msgspec", "hypothesis")


def imported(script: str, *arguments: object) -> set[str]:
    ending = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    command = [sys.executable, "-c", script + ending, *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(outcome.stdout))


LOAD = """
import sys
from pathlib import Path
from hermes_host.config import Config
config = Config.load(Path(sys.argv[1]), environ={"HERMES__AGENT__MAX_TURNS": "5", "HERMES_MODEL": "a/b:c"})
"""


def test_importing_and_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    assert imported(LOAD, tmp_path) == set()


def test_a_home_without_a_file_never_imports_yaml(tmp_path: Path) -> None:
    used = LOAD + "assert config.section('agent').max_turns == 5 and config.get('model.default') == 'a/b:c'\n"
    assert imported(used + "assert config.problems == []\n", tmp_path) == {"msgspec"}


def test_a_home_with_a_file_imports_one_yaml_library(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("agent: {deadline: 3}\n", encoding="utf-8")
    assert imported(LOAD + "assert config.section('agent').deadline == 3\n", tmp_path) == {"msgspec", "yaml"}
