"""Plugins in environments of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path


def ask(entry: dict, code: str) -> str:
    """What the interpreter of an isolated plugin prints."""
    python = Path(entry["environment"]) / "bin" / "python"
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_plugins_that_need_different_versions_of_one_library_can_both_be_had(place):
    place.library("1.0")
    place.library("2.0")
    place.plugin(requires=("hermes-host", "acmelib<2"))
    later = "import acmelib\nassert acmelib.VERSION == '2.0'\n"
    place.plugin(name="hermes-later", requires=("hermes-host", "acmelib>=2"), more=later)
    place.install("hermes-acme", "--yes")
    place.install("hermes-later", "--yes", "--isolated")
    entry = place.lock["later"]
    assert entry["isolated"] is True
    assert Path(entry["environment"]) == place.home / "plugins" / "installer" / "environments" / "later"
    assert Path(entry["root"]).is_relative_to(entry["environment"])
    assert entry["description"]["tools"][0]["name"] == "hermes_later_greet"
    assert ask(entry, "import acmelib, hermes_host; print(acmelib.VERSION)") == "2.0"
    assert ask(entry, "import hermes_host; print(hermes_host.__version__)") == entry["host"]
    assert (place.site / "acmelib.py").read_text(encoding="utf-8") == "VERSION = '1.0'\n"
    assert place.state("acme")["state"] == "loaded"
    assert place.state("later")["state"] == "isolated"
    assert not list(place.site.glob("hermes_later*"))
    place.uv("install", "--no-deps", "hermes-later")  # not even when somebody puts it there
    state = place.state("later")
    assert state["state"] == "failed"
    assert "isolated" in state["problems"][0]["message"]


def test_an_isolated_plugin_is_updated_whole_and_removed_whole(place):
    place.plugin()
    place.install("hermes-acme", "--yes", "--isolated")
    environment = Path(place.lock["acme"]["environment"])
    assert "isolated" in place.hermes("plugins", "install", str(place.plugin("1.1")), "--yes", code=1).err
    place.hermes("plugins", "update", "acme")
    assert place.lock["acme"]["version"] == "1.1"
    assert place.lock["acme"]["environment"] == str(environment)
    assert list(environment.parent.iterdir()) == [environment]
    code = environment / "lib"
    (changed,) = code.rglob("hermes_acme/work.py")
    changed.write_text("evil = 1\n", encoding="utf-8")
    assert "hermes_acme/work.py" in place.hermes("plugins", "lock", "acme", code=1).out
    place.hermes("plugins", "update", "acme")
    place.hermes("plugins", "lock", "acme")
    place.hermes("plugins", "remove", "acme", "--yes")
    assert not environment.exists()
    assert not place.lock


def test_a_refused_isolated_installation_leaves_no_environment(place):
    place.plugin()
    place.install("hermes-acme", "--isolated", code=1)
    place.plugin("2.0", requires=("hermes-host", "nowhere-to-be-found"))
    place.install("hermes-acme", "--isolated", "--yes", code=1)
    assert list((place.home / "plugins" / "installer" / "environments").iterdir()) == []
    assert list((place.home / "cache" / "installer").iterdir()) == []
