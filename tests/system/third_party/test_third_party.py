"""A plugin from outside the repository works like one from inside, and features are chosen by installing them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def with_greeter(install, greeter):
    return install(PLUGINS / "providers" / "hermes-offline", greeter, extras=("testing",))


def test_a_third_partys_command_works(with_greeter):
    assert with_greeter.run("hermes", "greet", "Ada") == "Hello, Ada!\n"
    assert "Greet somebody." in with_greeter.run("hermes", "--help")


def test_a_third_partys_provider_and_tool_work(with_greeter):
    answer = with_greeter.run("hermes", "chat", "-Q", "-q", "greet Ada", "--provider", "parrot")
    assert answer.splitlines()[0] == "Hello, Ada! (bows)"


def test_a_third_partys_settings_are_the_hosts_settings(with_greeter):
    with_greeter.run("hermes", "config", "set", "greeter.greeting", "Good day")
    answer = with_greeter.run("hermes", "chat", "-Q", "-q", "greet Ada", "--provider", "parrot")
    with_greeter.run("hermes", "config", "unset", "greeter.greeting")
    assert answer.splitlines()[0] == "Good day, Ada! (bows)"


def test_a_third_partys_plugin_is_listed_with_its_version(with_greeter):
    listed = json.loads(with_greeter.run("hermes", "plugins", "list", "--json"))
    assert "hermes-example-greeter" in json.dumps(listed)


def test_a_third_partys_own_tests_pass_where_it_is_installed(with_greeter, greeter):
    report = with_greeter.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=greeter)
    assert "failed" not in report
    assert "passed" in report


def test_removing_a_plugin_leaves_nothing_behind(install, greeter):
    installation = install(PLUGINS / "providers" / "hermes-offline", greeter)
    installation.run("hermes", "greet", "Ada")
    installation.uninstall("hermes-example-greeter")
    installation.run("hermes", "greet", "Ada", code=2)
    assert "greet" not in installation.run("hermes", "plugins", "list")


def test_the_plugins_one_installs_make_the_agent_one_gets(install):
    offline, files, local = (
        PLUGINS / path for path in ("providers/hermes-offline", "tools/hermes-files", "terminals/hermes-local")
    )
    installation = install(offline, files, local)
    place = installation.folder / "place"
    place.mkdir()
    (place / "README.md").write_text("# A quiet place\n", encoding="utf-8")

    listed = installation.run("hermes", "plugins", "list")
    assert "files" in listed
    assert "planning" not in listed
    answer = installation.run("hermes", "chat", "-Q", "-q", "read README.md and tell me its title", cwd=place)
    assert "A quiet place" in answer
    refused = installation.run("hermes", "chat", "-Q", "-q", "run ls -la", cwd=place)
    assert "terminal" in refused, "a tool that is not installed is named, not invented"
