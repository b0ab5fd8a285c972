"""Variables that a section names for its settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from hermes_host.config import Config, Secret
from hermes_host.config.assignment import assign, resolve_key
from hermes_host.config.listing import known_settings, settings
from hermes_host.config.schema import json_schema


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, extra={"environment": ("DEPTH_LIMIT",)})] = 3


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    timeout: Annotated[float, Meta(gt=0, extra={"environment": ("WEATHER_TIMEOUT", "OLD_WEATHER_TIMEOUT")})] = 30.0
    places: Annotated[list[str], Meta(extra={"environment": ("WEATHER_PLACES",)})] = []
    numbers: Annotated[list[int], Meta(extra={"environment": ("WEATHER_NUMBERS",)})] = []
    anywhere: Annotated[list[str] | str, Meta(extra={"environment": ("WEATHER_ANYWHERE",)})] = []
    token: Annotated[Secret, Meta(extra={"environment": ("WEATHER_TOKEN",)})] = Secret()
    depth: Depth = Depth()
    plain: int = 1


def loaded(home: Path, yaml: str = "", overrides: dict[str, Any] | None = None, **environ: str) -> Config:
    if yaml:
        (home / "config.yaml").write_text(yaml, encoding="utf-8")
    config = Config.load(home, environ=environ, overrides=overrides)
    config.declare("weather", Weather, "weather")
    return config


def test_a_variable_sets_its_setting_and_is_named_as_the_origin(tmp_path: Path) -> None:
    config = loaded(tmp_path, WEATHER_TIMEOUT="7.5", DEPTH_LIMIT="9", WEATHER_PLACES="[Rome, Oslo]", WEATHER_TOKEN="s")
    weather = config.section("weather", Weather)
    assert (weather.timeout, weather.depth.limit, weather.places) == (7.5, 9, ["Rome", "Oslo"])
    assert weather.token.reveal() == "s"
    assert config.origin("weather.timeout") == config.origin("weather.depth.limit") == "environment"
    assert config.where("weather.depth.limit") == "$DEPTH_LIMIT"
    assert config.origin("weather.plain") == "default"
    assert config.problems == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("-1,-2", ["-1", "-2"]),
        ("Rome, Oslo ,", ["Rome", "Oslo"]),
        ("Rome", ["Rome"]),
        ("-100777", ["-100777"]),
        ("on", ["on"]),
        ('["Rome, Italy", "Oslo"]', ["Rome, Italy", "Oslo"]),
        ("[]", []),
    ],
)
def test_commas_part_the_items_of_a_list(tmp_path: Path, text: str, places: list[str]) -> None:
    for variable in ("WEATHER_PLACES", "HERMES__WEATHER__PLACES"):
        config = loaded(tmp_path, **{variable: text})
        assert config.section("weather", Weather).places == places
        assert config.problems == [] and config.origin("weather.places") == "environment"
    assert loaded(tmp_path, overrides={"weather.places": text}).get("weather.places") == places


def test_numbers_are_parted_too_and_each_is_checked(tmp_path: Path) -> None:
    assert loaded(tmp_path, WEATHER_NUMBERS="-1,-2").get("weather.numbers") == [-1, -2]
    assert loaded(tmp_path, WEATHER_NUMBERS="7").get("weather.numbers") == [7]
    config = loaded(tmp_path, WEATHER_NUMBERS="1,two")
    assert config.section("weather", Weather).numbers == []
    assert "Expected a list of a whole number, found '1,two'" in config.problems[0].message


def test_text_stays_text_where_the_setting_may_be_one_and_a_broken_list_is_not_parted(tmp_path: Path) -> None:
    assert loaded(tmp_path, WEATHER_ANYWHERE="a{1,2}").get("weather.anywhere") == "a{1,2}"
    config = loaded(tmp_path, WEATHER_PLACES='["Rome, "Oslo"')
    assert config.section("weather", Weather).places == []
    assert config.problems[0].where == "$WEATHER_PLACES"


def test_the_file_has_lists_of_its_own(tmp_path: Path) -> None:
    config = loaded(tmp_path, "weather: {places: 'Rome, Oslo'}\n")
    assert config.section("weather", Weather).places == []
    assert config.problems[0].message.startswith("Expected a list of text, found 'Rome, Oslo'")


def test_it_lies_above_the_file_and_below_the_command_line(tmp_path: Path) -> None:
    written = "weather: {timeout: 1, plain: 5}\n"
    config = loaded(tmp_path, written, {"weather.timeout": 3}, WEATHER_TIMEOUT="2")
    assert (config.get("weather.timeout"), config.origin("weather.timeout")) == (3.0, "command line")
    config = loaded(tmp_path, written, WEATHER_TIMEOUT="2")
    assert (config.get("weather.timeout"), config.origin("weather.timeout")) == (2.0, "environment")
    assert (config.get("weather.plain"), config.origin("weather.plain")) == (5, "file")
    config = loaded(tmp_path, written, {"weather.plain": 6}, WEATHER_TIMEOUT="")
    assert (config.get("weather.timeout"), config.origin("weather.timeout")) == (1.0, "file")


def test_a_path_that_is_spelt_out_goes_before_a_name(tmp_path: Path) -> None:
    config = loaded(tmp_path, WEATHER_TIMEOUT="2", HERMES__WEATHER__TIMEOUT="4")
    assert (config.get("weather.timeout"), config.where("weather.timeout")) == (4.0, "$HERMES__WEATHER__TIMEOUT")


def test_of_several_names_the_first_that_is_set_counts(tmp_path: Path) -> None:
    assert loaded(tmp_path, OLD_WEATHER_TIMEOUT="8").get("weather.timeout") == 8.0
    assert loaded(tmp_path, OLD_WEATHER_TIMEOUT="8", WEATHER_TIMEOUT="9").get("weather.timeout") == 9.0


def test_a_line_of_the_env_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEATHER_TIMEOUT=5\n", encoding="utf-8")
    assert loaded(tmp_path, WEATHER_TIMEOUT="2").get("weather.timeout") == 5.0


@pytest.mark.parametrize(("text", "message"), [("soon", "found 'soon'"), ("-1", "found -1"), ("[1]", "found a list")])
def test_rubbish_is_named_and_costs_only_itself(tmp_path: Path, text: str, message: str) -> None:
    config = loaded(tmp_path, WEATHER_TIMEOUT=text, DEPTH_LIMIT="4")
    weather = config.section("weather", Weather)
    assert (weather.timeout, weather.depth.limit) == (30.0, 4)
    (problem,) = config.problems
    assert problem.path == "weather.timeout" and problem.where == "$WEATHER_TIMEOUT" and problem.level == "error"
    assert problem.message.startswith("Expected a number, more than 0") and message in problem.message
    assert "the default is used" in problem.message
    assert config.origin("weather.timeout") == "default"
    below = loaded(tmp_path, "weather: {timeout: 12}\n", WEATHER_TIMEOUT=text)
    assert (below.get("weather.timeout"), below.origin("weather.timeout")) == (12.0, "file")


def test_the_rubbish_of_a_secret_is_not_shown(tmp_path: Path) -> None:
    config = loaded(tmp_path, WEATHER_TOKEN="[hunter2, hunter3]")
    assert "hunter" not in " ".join(problem.line() for problem in config.problems)


def test_a_section_that_nobody_set_is_loaded_only_when_a_variable_may_be_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy_settings.py").write_text(
        "from typing import Annotated\nimport msgspec\n"
        "class Lazy(msgspec.Struct):\n"
        "    pace: Annotated[int, msgspec.Meta(extra={'environment': ('HERMES_PACE',)})] = 1\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)

    def problems(**environ: str) -> list[str]:
        config = Config.load(tmp_path, environ=environ)
        config.declare("lazy", "lazy_settings:Lazy", "lazy")
        return [problem.where for problem in config.problems_at_hand]

    assert problems(HERMES_HOME="/x", HERMES__AGENT__MAX_TURNS="5") == []
    assert "lazy_settings" not in sys.modules
    assert problems(HERMES_PACE="fast") == ["$HERMES_PACE"]
    monkeypatch.delitem(sys.modules, "lazy_settings")


def test_everything_that_lists_settings_names_the_variables(tmp_path: Path) -> None:
    config = loaded(tmp_path, WEATHER_TIMEOUT="2")
    shown = {row.path: row for row in settings(config, "weather")}
    assert shown["weather.timeout"].environment == ("WEATHER_TIMEOUT", "OLD_WEATHER_TIMEOUT")
    assert shown["weather.timeout"].where == "$WEATHER_TIMEOUT"
    assert shown["weather.depth.limit"].environment == ("DEPTH_LIMIT",)
    assert shown["weather.plain"].environment == ()
    known = {row.path: row.environment for row in known_settings(config)}
    assert known["weather.depth.limit"] == ("DEPTH_LIMIT",)
    schema = json_schema(config)["properties"]["weather"]["properties"]
    assert schema["timeout"]["x-environment"] == ["WEATHER_TIMEOUT", "OLD_WEATHER_TIMEOUT"]
    assert schema["depth"]["properties"]["limit"]["x-environment"] == ["DEPTH_LIMIT"]
    assert "x-environment" not in schema["plain"]


def test_setting_a_variable_by_its_name_sets_the_setting(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert resolve_key(config, "WEATHER_TIMEOUT") == resolve_key(config, "OLD_WEATHER_TIMEOUT") == "weather.timeout"
    assert resolve_key(config, "DEPTH_LIMIT") == "weather.depth.limit"
    assign(config, resolve_key(config, "WEATHER_TIMEOUT"), "6")
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "weather:\n  timeout: 6\n"
