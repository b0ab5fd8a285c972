"""`hermes plugins check`: what is wrong with a plugin is said, with what to do; what is right passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_host.cli.plugins_new import make_plugin

PLUGIN = Path("hermes_probe") / "plugin.py"


@pytest.fixture
def folder(tmp_path):
    """A plugin as `hermes plugins new` makes it, not installed."""
    return Path(make_plugin("probe", "tool", tmp_path).folder)


@pytest.fixture
def check(hermes):
    """Check a folder; the exit code, and the findings by name. Most only look, which is quick."""

    def run(subject, code, *options):
        result = hermes("plugins", "check", str(subject), "--json", *options)
        assert result.code == code, result
        return {finding["name"]: finding for finding in json.loads(result.out)["findings"]}

    return run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def without_tests(folder: Path) -> None:
    """Nothing but the contract, so that it is quick."""
    (test,) = (folder / "tests").glob("test_*.py")
    test.write_text(
        "from hermes_host.testing import PluginContract\n\n\nclass TestPlugin(PluginContract):\n    plugin = 'probe'\n",
        encoding="utf-8",
    )


def test_a_new_plugin_has_a_clean_scorecard(hermes, environ, folder):
    environ["HERMES_PLUGINS"] = ""
    result = hermes("plugins", "check", str(folder))
    assert result.code == 0, result
    assert "ok       PluginContract" in result.out
    assert "0 warnings, 0 errors" in result.out.splitlines()[-1]
    assert not (folder / ".mypy_cache").exists(), "checking leaves nothing in the folder"


def test_an_installed_plugin_is_checked_by_its_name(check, environ):
    environ["HERMES_PLUGINS"] = "offline"
    findings = check("offline", 0, "--quick")
    assert findings["loads"]["status"] == "ok"


def test_faults_of_the_metadata_are_named_with_what_to_do(folder, check):
    project = folder / "pyproject.toml"
    edit(project, 'license = "MIT"\nlicense-files = ["LICENSE"]\n', "")
    edit(project, 'version = "0.1.0"', 'version = "one"')
    edit(project, '"hermes-host>=0.1"', '"hermes-host>=0.1,<0.2"')
    edit(project, 'name = "hermes-probe"', 'name = "prober"')
    edit(folder / "README.md", "## Limits", "## Bounds")
    (folder / "hermes_probe" / "py.typed").unlink()
    (folder / "CHANGELOG.md").unlink()
    findings = check(folder, 1, "--quick")
    statuses = {name: findings[name]["status"] for name in ("license", "version", "py.typed")}
    assert set(statuses.values()) == {"error"}
    statuses = {name: findings[name]["status"] for name in ("requirements", "name", "readme", "changelog")}
    assert set(statuses.values()) == {"warning"}
    assert "Limits" in findings["readme"]["detail"]
    assert all(finding["remedy"] for finding in findings.values() if finding["status"] in ("error", "warning"))


def test_a_heavy_entry_module_is_an_error(folder, check):
    without_tests(folder)
    edit(
        folder / PLUGIN,
        "from hermes_host import hookimpl",
        "import msgspec\nimport rich.console\nfrom hermes_host import hookimpl",
    )
    findings = check(folder, 1)
    assert "rich" in findings["light entry module"]["detail"]
    assert findings["PluginContract"]["status"] == "error", "the kit finds it as well"


def test_faults_of_specs_are_named(folder, check):
    without_tests(folder)
    edit(folder / PLUGIN, "tools:run", "tools:walk")
    edit(folder / PLUGIN, 'summary="Counts words"', 'summary=""')
    edit(folder / PLUGIN, "def hermes_tools()", "def hermes_toolz():\n    return ()\n\n\n@hookimpl\ndef hermes_tools()")
    edit(folder / "hermes_probe" / "tools.py", "    limit =", '    call.plugin.secret("PROBE_KEY")\n    limit =')
    findings = check(folder, 1, "--quick")
    assert "walk" in findings["targets"]["detail"]
    assert "hermes_toolz" in findings["hooks"]["detail"]
    assert "PROBE_KEY" in findings["secrets"]["detail"]
    assert findings["says what it is"]["status"] == "error"


def test_a_name_that_an_installed_plugin_has_is_reported(folder, check, environ):
    without_tests(folder)
    edit(folder / PLUGIN, 'name="probe",\n        summary="Count', 'name="read_file",\n        summary="Count')
    findings = check(folder, 1, "--quick")
    assert "'files'" in findings["name clashes"]["detail"]


def test_a_plugin_that_cannot_be_imported_costs_one_line(folder, check):
    without_tests(folder)
    (folder / PLUGIN).write_text("import sys\nprint('noise')\nsys.exit(3)\n", encoding="utf-8")
    findings = check(folder, 1, "--quick")
    assert "sys.exit(3)" in findings["loads"]["detail"]


def test_a_kind_without_its_conformance_kit_is_an_error(tmp_path, check):
    folder = Path(make_plugin("probe", "memory", tmp_path).folder)
    without_tests(folder)
    findings = check(folder, 1)
    assert findings["MemoryContract"]["status"] == "error"
    assert findings["PluginContract"]["status"] == "ok"


def test_a_failing_test_and_untidy_code_are_errors(folder, check):
    without_tests(folder)
    (folder / "tests" / "test_more.py").write_text("def test_it():\n    assert   1 == 2\n", encoding="utf-8")
    edit(folder / "hermes_probe" / "tools.py", "number = len(", "number: str = len(")
    findings = check(folder, 1)
    assert "test_it" in findings["other tests"]["detail"]
    assert findings["ruff format"]["status"] == "error"
    assert findings["mypy --strict"]["status"] == "error"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "no pyproject.toml"),
        ("[project\n", "cannot be read"),
        ("[tool.x]\n", "no [project]"),
        ('[project]\nname = "x"\n', "so it is no plugin"),
    ],
)
def test_a_folder_that_is_no_plugin_is_refused(hermes_here, tmp_path, text, complaint):
    (tmp_path / "folder").mkdir()
    if text is not None:
        (tmp_path / "folder" / "pyproject.toml").write_text(text, encoding="utf-8")
    result = hermes_here("plugins", "check", "folder")
    assert result.code == 1
    assert complaint in result.err


def test_a_name_nobody_has_is_refused(hermes_here):
    for subject in ("nonsense", "./nonsense"):
        result = hermes_here("plugins", "check", subject)
        assert result.code == 1
        assert "nonsense" in result.err
