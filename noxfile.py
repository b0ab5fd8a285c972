"""Every routine task of the repository. `nox -l` lists them; arguments after `--` go to the tool behind a session.

Sessions that work on the whole repository run in the one locked environment, `.venv`, which `uv run` made when it
started nox; nothing is installed a second time. `tests-plugin` makes an environment of its own for each plugin.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
PYTHON_SOURCES = ("hermes_host", "plugins", "tests", "bench", "scripts", "docs/snippets", "noxfile.py")

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True


def run_locked(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> None:
    """Run a Python module in the locked environment, or in that of people who made theirs with pip."""
    if shutil.which("uv") and (Path(sys.prefix) == ROOT / ".venv" or not _made_with_pip()):
        session.run("uv", "run", "--locked", "--quiet", "python", "-m", *command, external=True, env=env)
    else:
        session.run(sys.executable, "-m", *command, external=True, env=env)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """All tests: host, rules, plugins, whole system. Without arguments, then also lint, types and docs."""
    for name in () if session.posargs else ("lint", "types", "docs"):
        session.notify(name)
    # The rules are tried by `lint`: once is enough. Tests wait for processes more than they compute: three at a time
    # are no more than two cores can do.
    everything = ("-n", "3", "--dist", "loadfile", "--ignore=tests/rules")
    run_locked(session, "pytest", *(session.posargs or everything))


@nox.session(name="tests-plugin")
@nox.parametrize("plugin", PLUGINS, ids=[folder.name for folder in PLUGINS])
def tests_plugin(session: nox.Session, plugin: Path) -> None:
    """One plugin's tests in a clean environment: the host, this plugin, what it declares, the testing extra."""
    development = _toml(ROOT)["dependency-groups"]["dev"]
    tools = [text for text in development if text.startswith(("openai", "pytest", "hypothesis"))]
    folders = [*_needed(plugin, set()), plugin]
    editables = [argument for folder in folders for argument in ("-e", f"{folder}[testing]")]
    session.install("-e", f"{ROOT}[testing]", *editables, *tools)
    session.run("python", "-m", "pytest", str(plugin), *session.posargs)


@nox.session(venv_backend="none")
def attacks(session: nox.Session) -> None:
    """Try every known attack and count what was blocked: `nox -s attacks -- "command approval"`."""
    run_locked(session, "tests.attacks.scorecard", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, formatting, import direction and the rule tests."""
    sources = [source for source in PYTHON_SOURCES if (ROOT / source).exists()]
    run_locked(session, "ruff", "check", *sources)
    run_locked(session, "ruff", "format", "--check", *sources)
    run_locked(session, "pytest", "-q", "tests/rules")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Strict type checks of the host and of every plugin."""
    packages = [argument for folder in PLUGINS for argument in ("-p", folder.name.replace("-", "_"))]
    run_locked(session, "mypy", "--strict", "-p", "hermes_host", *packages, *session.posargs)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Write the generated reference pages and build the site into `site/`; `-- serve` shows it while one writes."""
    run_locked(session, "scripts.reference")
    if session.posargs:
        run_locked(session, "mkdocs", *session.posargs)
    else:
        run_locked(session, "mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "true"})


@nox.session(venv_backend="none")
def requirements(session: nox.Session) -> None:
    """Write requirements-dev.txt anew."""
    run_locked(session, "scripts.requirements")


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """A wheel and a source distribution of the host and of every plugin, in `dist/`."""
    output = ROOT / "dist"
    if output.exists():
        shutil.rmtree(output)
    if shutil.which("uv"):
        session.run("uv", "build", "--all-packages", "--out-dir", str(output), "--quiet", external=True)
    else:
        for folder in (ROOT, *PLUGINS):
            with session.chdir(folder):
                run_locked(session, "hatchling", "build", "--directory", str(output))
    session.log(f"{len(list(output.glob('*.whl')))} wheels in {output}")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure against floors in the same run: `nox -s bench -- --json`, or `-- startup chat` for some of it."""
    run_locked(session, "bench", *session.posargs)


def _made_with_pip() -> bool:
    """Whether nox runs in an environment that holds the repository: `pip install -r requirements-dev.txt`."""
    try:
        return bool(importlib.metadata.version("hermes-host"))
    except importlib.metadata.PackageNotFoundError:
        return False


def _needed(plugin: Path, seen: set[Path]) -> list[Path]:
    """The plugins of this repository that a plugin, or its tests (extra `testing`), depend on; deepest first."""
    project = _toml(plugin)["project"]
    declared = {
        re.split(r"[\s\[<>=!~;]", text, maxsplit=1)[0]
        for text in [*project["dependencies"], *project.get("optional-dependencies", {}).get("testing", ())]
    }
    found = []
    for folder in PLUGINS:
        if folder.name in declared and folder not in seen:
            seen.add(folder)
            found += [*_needed(folder, seen), folder]
    return found


def _toml(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
