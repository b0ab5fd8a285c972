"""Migrations lose no key, keep comments, and have nothing to do the second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.config import Config
from hermes_host.config.document import read
from hermes_host.config.editing import migrate
from hermes_host.config.migrations import VERSION, changes, migrated
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# mine
model:
  model: ${MODEL}   # by placeholder
terminal: {env_type: docker, docker_image: x}
unknown:
  api_key: canary-in-clear
"""


def test_older_names_are_renamed_in_place(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(TEXT, encoding="utf-8")
    config = Config.load(tmp_path, environ={})
    done = migrate(config)
    after = TEXT.replace("model: ${MODEL}", "default: ${MODEL}").replace("env_type", "backend")
    assert config.file.read_text(encoding="utf-8") == f"{after}_config_version: {VERSION}\n"
    assert (tmp_path / done.backup).read_text(encoding="utf-8") == TEXT
    assert "canary" not in done.diff
    assert migrate(config).summaries == ()


def test_a_dry_run_and_a_missing_file_change_nothing(tmp_path: Path) -> None:
    config = Config.load(tmp_path, environ={})
    assert migrate(config).summaries == ()
    assert not config.file.exists()
    config.file.write_text(TEXT, encoding="utf-8")
    assert len(migrate(config, dry_run=True).summaries) == 3
    assert config.file.read_text(encoding="utf-8") == TEXT


def test_a_broken_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        migrate(Config.load(tmp_path, environ={}))


SCALARS = st.one_of(st.integers(), st.booleans(), st.text(st.characters(categories=["L", "N"]), max_size=5), st.none())
SECTION = st.one_of(
    SCALARS, st.dictionaries(st.sampled_from(["env_type", "backend", "model", "default", "other"]), SCALARS, max_size=4)
)
DATA = st.dictionaries(
    st.sampled_from(["model", "terminal", "display", "_config_version", "mine", "platforms"]), SECTION, max_size=5
)
RENAMED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("terminal", "env_type"): ("terminal", "backend"),
    ("model", "model"): ("model", "default"),
}


@settings(max_examples=150, deadline=None)
@given(DATA, st.booleans())
def test_no_key_is_lost_and_the_second_run_does_nothing(data: dict[str, Any], flow: bool) -> None:
    document = read("config.yaml", yaml.safe_dump(data, default_flow_style=flow, sort_keys=False) if data else "")
    assert document.data == data
    after = read("config.yaml", migrated(document))
    assert not after.broken
    old, new = _leaves(data), _leaves(after.data)
    for path, value in old.items():
        if path == ("_config_version",):
            continue
        assert new.get(path, new.get(RENAMED.get(path, path))) == value
        assert path in new or RENAMED[path] in new
    assert list(changes(after.data)) == []


def _leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(value, dict) and value:
        return {found: leaf for key, item in value.items() for found, leaf in _leaves(item, (*path, key)).items()}
    return {path: value}
