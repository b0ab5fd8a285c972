"""Plugins of the lock are loaded as they were agreed to, or not at all; the others as ever."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

import pytest

from hermes_host import Host, installed
from hermes_host.cli.plugins import every_record
from hermes_host.installed import hash_of
from hermes_host.plugins import Plugins

PLUGIN = """
from hermes_host import hookimpl
from hermes_host.specs import Capabilities, PluginInfo, SecretSpec

@hookimpl
def hermes_plugin_info():
    return PluginInfo(
        summary="Acme", secrets=(SecretSpec(name="ACME_KEY"),), capabilities=Capabilities(network=("api.acme.test",))
    )
"""
AGREED = {"hooks": ["hermes_plugin_info"], "secrets": ["ACME_KEY"], "network": ["api.acme.test"]}


class Site:
    """A `site-packages` with one plugin in it, and the lock that holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "site"
        self.lock = folder / "plugins.lock"
        self.seen = folder / "plugins.lock.seen"
        self.add("acme", "hermes-acme")

    def add(self, name: str, distribution: str, package: str = "acme_test_plugin", text: str = PLUGIN) -> None:
        code, info = self.root / package, self.root / f"{distribution.replace('-', '_')}-1.0.dist-info"
        code.mkdir(parents=True, exist_ok=True)
        info.mkdir()
        (code / "__init__.py").touch()
        (code / "plugin.py").write_text(text, encoding="utf-8")
        (code / "work.py").write_text("VALUE = 1\n", encoding="utf-8")
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[hermes.v1]\n{name} = {package}.plugin\n", encoding="utf-8")

    def agree(self, **more: object) -> None:
        files = [path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        entry = {
            "distribution": "hermes-acme",
            "version": "1.0",
            "root": str(self.root),
            "files": {path.relative_to(self.root).as_posix(): hash_of(path) for path in files},
            "capabilities": AGREED,
            **more,
        }
        self.lock.write_text(json.dumps({"version": 1, "plugins": {"acme": entry}}), encoding="utf-8")
        self.lock.chmod(0o600)

    def forget(self) -> None:
        """Be as a process that begins now."""
        for name in [name for name in sys.modules if "_test_plugin" in name.partition(".")[0]]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def load(self) -> Plugins:
        """The plugins as a process that begins now has them."""
        self.forget()
        return Plugins(only=["acme", "hermes-acme", "hermes-evil"], lock=self.lock)

    def state(self) -> tuple[str, str]:
        record = self.load().record("acme")
        return record.state, " ".join(problem.line() for problem in record.problems)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = Site(tmp_path)
    monkeypatch.syspath_prepend(str(found.root))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found.forget()
    return found


def test_without_a_lock_plugins_are_loaded_as_ever(site):
    assert site.state() == ("loaded", "")
    assert not site.seen.exists()


def test_a_plugin_that_is_as_it_was_agreed_to_is_loaded(site):
    site.agree()
    assert site.state() == ("loaded", "")


@pytest.mark.parametrize("change", ["byte", "same look", "gone", "link"])
def test_a_plugin_whose_bytes_changed_is_not_imported(site, change):
    site.agree()
    assert site.state()[0] == "loaded"
    path = site.root / "acme_test_plugin" / "work.py"
    before = path.stat()
    if change in ("byte", "same look"):
        path.write_text("VALUE = 2\n", encoding="utf-8")
    else:
        path.unlink()
    if change == "same look":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if change == "link":
        path.symlink_to(site.root / "acme_test_plugin" / "__init__.py")
    state, problem = site.state()
    assert state == "failed"
    assert "acme_test_plugin/work.py" in problem
    assert "`hermes plugins update acme`" in problem
    assert "acme_test_plugin.plugin" not in sys.modules


@pytest.mark.parametrize("field", ["entry point", "name", "version"])
def test_a_swapped_manifest_gets_nothing_imported(site, field):
    site.agree()
    site.add("evil", "hermes-evil", package="evil_test_plugin")
    info = site.root / "hermes_acme-1.0.dist-info"
    if field == "entry point":
        (info / "entry_points.txt").write_text("[hermes.v1]\nacme = evil_test_plugin.plugin\n", encoding="utf-8")
    else:
        text = "Name: hermes-emca\nVersion: 1.0\n" if field == "name" else "Name: hermes-acme\nVersion: 2.0\n"
        (info / "METADATA").write_text(text, encoding="utf-8")
    plugins = Plugins(only=["acme", "acme (hermes-emca)", "hermes-emca"], lock=site.lock)
    assert [record.state for record in plugins.records if record.name.startswith("acme")] == ["failed"]
    assert not {"acme_test_plugin.plugin", "evil_test_plugin.plugin"} & sys.modules.keys()


@pytest.mark.parametrize("name", ["plugin.so", "plugin/__init__.py", "extra.py"])
def test_new_code_beside_a_plugins_own_is_a_change(site, name):
    """Python would take `plugin.so`, or a folder `plugin`, in place of `plugin.py`."""
    site.agree()
    path = site.root / "acme_test_plugin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    state, problem = site.state()
    assert state == "failed"
    assert "(new)" in problem


def test_what_python_compiles_and_what_a_plugin_writes_are_no_change(site):
    site.agree()
    (site.root / "acme_test_plugin" / "__pycache__").mkdir()
    (site.root / "acme_test_plugin" / "notes.txt").write_text("mine", encoding="utf-8")
    assert site.state()[0] == "loaded"


def test_files_that_look_as_they_did_are_not_read_again(site, monkeypatch):
    site.agree()
    later = time.time() + 60
    monkeypatch.setattr(installed.time, "time", lambda: later)
    assert site.state()[0] == "loaded"
    assert "acme" in json.loads(site.seen.read_bytes())["plugins"]
    assert site.seen.stat().st_mode & 0o077 == 0
    read = []
    monkeypatch.setattr(installed, "hash_of", lambda path: read.append(path) or hash_of(path))
    assert site.state()[0] == "loaded"
    assert read == []
    path = site.root / "acme_test_plugin" / "work.py"
    path.write_text("VALUE = 2\n", encoding="utf-8")
    assert site.state()[0] == "failed"
    assert read != []
    assert json.loads(site.seen.read_bytes())["plugins"] == {}


def test_files_that_changed_a_moment_ago_are_not_trusted_to_show_the_next_change(site):
    site.agree()
    site.state()
    assert not site.seen.exists()


def test_a_plugin_that_asks_for_more_than_was_agreed_to_is_off(site):
    site.agree(capabilities={**AGREED, "secrets": [], "network": ["*"]})
    state, problem = site.state()
    assert state == "failed"
    assert "secrets: ACME_KEY" in problem
    assert "network" not in problem.replace("nobody agreed", "")
    assert "`hermes plugins accept acme`" in problem
    site.agree(capabilities={**AGREED, "hooks": []})
    assert "hooks: hermes_plugin_info" in site.state()[1]


def test_a_distribution_that_takes_an_agreed_name_is_refused_and_the_rightful_one_is_loaded(site, tmp_path):
    site.agree()
    site.add("acme", "hermes-evil", package="aaa_evil_test_plugin")  # sorts first
    plugins = site.load()
    assert plugins.record("acme").distribution == "hermes-acme"
    assert plugins.record("acme").state == "loaded"
    assert plugins.record("acme (hermes-evil)").state == "failed"
    assert "aaa_evil_test_plugin" not in sys.modules


def test_code_that_would_come_from_elsewhere_on_the_path_is_not_imported(site, tmp_path, monkeypatch):
    site.agree()
    other = tmp_path / "other" / "acme_test_plugin"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(other.parent))
    state, problem = site.state()
    assert state == "failed"
    assert str(other) in problem


def test_an_isolated_or_revoked_plugin_is_not_loaded_here(site):
    site.agree(isolated=True)
    assert "isolated" in site.state()[1]
    site.agree(revoked="It sent keys away.")
    state, problem = site.state()
    assert state == "failed"
    assert "It sent keys away." in problem


def test_the_lock_of_another_environment_says_nothing_about_this_one(site, tmp_path):
    site.agree(root=str(tmp_path / "elsewhere"), files={"acme_test_plugin/plugin.py": "sha256=00"})
    assert site.state()[0] == "loaded"


def test_another_spelling_of_this_environment_is_this_one(site, tmp_path):
    (tmp_path / "link").symlink_to(site.root)
    site.agree(root=str(tmp_path / "link"))
    assert site.state()[0] == "loaded"
    (site.root / "acme_test_plugin" / "work.py").write_text("VALUE = 2\n", encoding="utf-8")
    assert site.state()[0] == "failed"


@pytest.mark.parametrize("text", ["{", '{"version": 9, "plugins": {}}', '{"version": 1, "plugins": []}', "[" * 100_000])
def test_a_lock_that_cannot_be_used_switches_every_plugin_off_and_the_host_starts(site, text):
    site.agree()
    site.lock.write_text(text, encoding="utf-8")
    host = Host(home=site.folder, environ={"HERMES_PLUGINS": "acme"})
    records = {record.name: record for record in host.plugins.records}
    assert records["acme"].state == "failed"
    assert records["host"].state == "loaded"
    assert "plugins.lock" in records["host"].problems[0].line()
    assert "chat" in [command.name for command in host.commands]


def test_a_lock_that_others_may_write_is_not_believed(site):
    site.agree()
    site.lock.chmod(0o622)
    assert site.state()[0] == "failed"


def test_looking_at_an_agreed_plugin_costs_a_fraction_of_a_millisecond(site, monkeypatch):
    for number in range(30):
        (site.root / "acme_test_plugin" / f"part{number}.py").write_text("VALUE = 1\n", encoding="utf-8")
    site.agree()
    later = time.time() + 60
    monkeypatch.setattr(installed.time, "time", lambda: later)
    site.state()
    records = [site.load().record("acme")]
    best = min(_seconds(site, records) for _ in range(20))
    assert best < 0.003, "reading the lock, and a look at 35 files"


def _seconds(site: Site, records: list) -> float:
    started = time.perf_counter()
    installed.Installed(site.lock).refuse(records)
    assert records[0].state == "loaded"
    return time.perf_counter() - started


def test_what_lives_in_an_environment_of_its_own_is_listed(tmp_path: Path):
    entry = {"distribution": "acme-dice", "version": "1.2", "isolated": True}
    (tmp_path / "plugins.lock").write_text(json.dumps({"version": 1, "plugins": {"dice": entry}}), encoding="utf-8")
    (tmp_path / "plugins.lock").chmod(0o600)
    [(name, entry)] = installed.Installed(tmp_path / "plugins.lock").isolated().items()
    assert (name, entry.distribution, entry.version) == ("dice", "acme-dice", "1.2")
    records = every_record(Host(home=tmp_path, plugins=()))
    assert [record.state for record in records if record.name == "dice"] == ["isolated"]
