"""Installations that are damaged, half done or from the future: one line each, and everything else works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hermes_host.host import Host
from hermes_host.plugins import PluginRecord

GOOD = """
from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ToolSpec

@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="fine")

@hookimpl
def hermes_tools():
    yield ToolSpec(name="good_tool", summary="s", parameters={"type": "object"}, target="zq_good:run",
                   effects=frozenset({"read"}))
"""


class Site:
    """A folder of installed distributions, written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def module(self, name: str, code: str = GOOD) -> None:
        (self.folder / f"{name}.py").write_text(code, encoding="utf-8")

    def metadata(self, name: str, entry_points: str | bytes | None = None, metadata: str | None = "") -> Path:
        folder = self.folder / f"{name}-1.0.dist-info"
        folder.mkdir()
        if metadata is not None:
            text = metadata or f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
            (folder / "METADATA").write_text(text, encoding="utf-8")
        if entry_points is not None:
            data = entry_points.encode() if isinstance(entry_points, str) else entry_points
            (folder / "entry_points.txt").write_bytes(data)
        return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    site.module("zq_good")
    site.metadata("zq_good", "[hermes.v1]\ngood = zq_good\n")
    yield site
    for name in [name for name in sys.modules if name.startswith("zq_")]:
        del sys.modules[name]


@pytest.fixture
def records(tmp_path: Path) -> Callable[..., dict[str, PluginRecord]]:
    """The records of a host with these plugins and the good one, which must always work."""

    def look(*names: str) -> dict[str, PluginRecord]:
        host = Host(home=tmp_path / "home", plugins=[*names, "good"], environ={})
        found = {record.name: record for record in host.plugins.records}
        assert found["good"].state == "loaded"
        assert not found["good"].problems
        assert host.tools.names() == ["good_tool"]
        return found

    return look


def the_line(record: PluginRecord) -> str:
    (problem,) = record.problems
    assert "\n" not in problem.line()
    return problem.line()


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("zq_gone", "No module named 'zq_gone'"),
        ("zq_gone.plugin", "No module named 'zq_gone'"),
        ("zq_good:nothing", "nothing"),
        ("zq_good.below", "zq_good"),
    ],
)
def test_an_entry_point_to_nothing_is_one_line(
    site: Site, records: Callable[..., dict[str, PluginRecord]], target: str, complaint: str
) -> None:
    site.metadata("zq_bad", f"[hermes.v1]\nbad = {target}\n")
    record = records("bad")["bad"]
    assert record.state == "failed"
    assert complaint in the_line(record)
    assert "zq-bad 1.0" in the_line(record)


def test_a_distribution_that_lost_its_files_is_one_line(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    """Removing a package by hand leaves its metadata."""
    site.metadata("zq_half", "[hermes.v1]\nhalf = zq_half.plugin\n")
    (site.folder / "zq_half").mkdir()
    record = records("half")["half"]
    assert record.state == "failed"
    assert "zq_half.plugin" in the_line(record)
    assert "hermes plugins disable half" in the_line(record)


def test_a_distribution_without_metadata_still_loads(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    """An installation that was interrupted: the code is there, its name is not."""
    site.module("zq_bare", "")
    site.metadata("zq_bare", "[hermes.v1]\nbare = zq_bare\n", metadata=None)
    record = records("bare")["bare"]
    assert record.state == "loaded"
    assert not record.builtin, "it must not pass for the host's own"


@pytest.mark.parametrize("metadata", ["no colon here\n", "\n\n\n", "Name:\nVersion:\n", "Name: zq-odd\n"])
def test_metadata_that_says_nothing_does_no_harm(
    site: Site, records: Callable[..., dict[str, PluginRecord]], metadata: str
) -> None:
    site.module("zq_odd", "")
    site.metadata("zq_odd", "[hermes.v1]\nodd = zq_odd\n", metadata=metadata)
    record = records("odd")["odd"]
    assert record.state == "loaded"
    assert not record.builtin


@pytest.mark.parametrize("entry_points", [None, "", "[hermes.v1]\n", "[console_scripts]\nzq = zq_good:main\n"])
def test_a_distribution_that_brings_no_plugin_is_none(
    site: Site, records: Callable[..., dict[str, PluginRecord]], entry_points: str | None
) -> None:
    site.metadata("zq_other", entry_points)
    assert {"host", "good"} <= set(records())
    assert not any(record.distribution == "zq-other" for record in records().values())


def test_an_empty_metadata_folder_is_passed_over(site: Site, records: Callable[..., dict[str, PluginRecord]]) -> None:
    site.metadata("zq_empty", metadata=None)
    assert records()["good"].state == "loaded"


def test_a_plugin_for_a_later_api_is_reported_and_never_imported(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    site.module("zq_later", "raise RuntimeError('imported')")
    site.metadata("zq_later", "[hermes.v2]\nlater = zq_later\n")
    record = records("later")["later"]
    assert record.state == "unsupported"
    assert "hermes.v2" in the_line(record)
    assert "Upgrade hermes-host" in the_line(record)
    assert "zq_later" not in sys.modules


def test_two_distributions_with_one_entry_name_name_each_other(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    for name in ("zq_first", "zq_second"):
        site.module(name, "")
        site.metadata(name, f"[hermes.v1]\ntwin = {name}\n")
    found = records("twin", "zq-first", "zq-second")
    assert found["twin"].state == "loaded"
    other = found["twin (zq-second)"]
    assert other.state == "failed"
    assert "zq-first and zq-second" in the_line(other)


def test_one_distribution_on_the_path_twice_is_one_plugin(
    site: Site, records: Callable[..., dict[str, PluginRecord]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable installation beside the wheel it came from."""
    again = Site(tmp_path / "again")
    again.folder.mkdir()
    again.metadata("zq_good", "[hermes.v1]\ngood = zq_good\n")
    monkeypatch.syspath_prepend(str(again.folder))
    found = records()
    assert [name for name in found if name.startswith("good")] == ["good"]


def test_a_plugin_that_takes_a_name_of_the_host_is_refused(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    site.module("zq_impostor", "raise RuntimeError('imported')")
    site.metadata("zq_impostor", "[hermes.v1]\nhost = zq_impostor\n")
    found = records("host", "zq-impostor")
    assert found["host"].builtin
    assert found["host"].state == "loaded"
    assert found["host (zq-impostor)"].state == "failed"
    assert "zq_impostor" not in sys.modules


def test_the_command_line_survives_all_of_them_at_once(site: Site, tmp_path: Path) -> None:
    site.metadata("zq_bad", "[hermes.v1]\nbad = zq_gone\n")
    site.metadata("zq_later", "[hermes.v2]\nlater = zq_later\n")
    site.module("zq_bare", "")
    site.metadata("zq_bare", "[hermes.v1]\nbare = zq_bare\n", metadata=None)
    site.metadata("zq_empty", metadata=None)
    site.module("zq_loud", "import sys\nprint('noise', file=sys.stderr)\nsys.exit('bye')\n")
    site.metadata("zq_loud", "[hermes.v1]\nloud = zq_loud\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HERMES_HOME": str(tmp_path / "home"),
        "HERMES_PLUGINS": "bad,later,bare,loud,good",
        "PYTHONPATH": str(site.folder),
        "LANG": "C.UTF-8",
    }
    program = [sys.executable, "-c", "from hermes_host.cli import main; main()"]
    listed = subprocess.run(
        [*program, "plugins", "list"], env=environ, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path
    )
    assert listed.returncode == 0, listed.stderr
    assert "Traceback" not in listed.stderr
    states = {line.split()[0]: line for line in listed.stdout.splitlines() if line and not line.startswith("!")}
    assert "failed" in states["bad"]
    assert "failed" in states["loud"]
    assert "unsupported" in states["later"]
    assert "loaded" in states["good"]


def test_a_distribution_for_this_api_and_a_later_one_is_loaded_for_this_one(
    site: Site, records: Callable[..., dict[str, PluginRecord]]
) -> None:
    site.module("zq_a_later_both", "raise RuntimeError('imported')")
    site.module("zq_both", "")
    site.metadata("zq_both", "[hermes.v1]\nboth = zq_both\n[hermes.v2]\nboth = zq_a_later_both\n")
    found = {name: record for name, record in records("both", "zq-both").items() if "both" in name}
    assert [(record.module, record.state) for record in found.values()] == [("zq_both", "loaded")]
    assert not found["both"].problems
