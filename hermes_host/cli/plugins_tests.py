"""Run what a plugin's own project brings: its tests with the conformance kits, and the usual tools."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hermes_host.cli.listing import count
from hermes_host.cli.plugins_inspection import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hermes_host.cli.plugins_project import Project

__all__ = ["run_tests", "run_tools"]

_KITS = {
    "providers": "ProviderContract",
    "terminals": "TerminalContract",
    "session_stores": "SessionStoreContract",
    "memories": "MemoryContract",
    "skill_sources": "SkillSourceContract",
    "adapters": "AdapterContract",
}
"""The conformance kit for what a plugin contributes, beside `PluginContract`."""

_PYTEST_SECONDS = 600.0
_TOOL_SECONDS = 300.0
_INSTALL = "uv pip install -e '.[testing]'"


def run_tests(project: Project, kinds: Iterable[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Run the project's tests; a line for each kit that its contributions of `kinds` ask for, and one for the rest."""
    folder = Path(project.folder)
    wanted = ["PluginContract", *(_KITS[kind] for kind in sorted(kinds) if kind in _KITS)]
    if importlib.util.find_spec("pytest") is None or importlib.util.find_spec("pytest_asyncio") is None:
        yield Finding(name="tests", status="warning", detail="pytest is not installed here.", remedy=_INSTALL)
        return
    if not any((folder / "tests").glob("**/test_*.py")):
        remedy = "`hermes plugins new` makes a project with tests: look at one."
        yield Finding(name="tests", status="error", detail="There are none in tests/.", remedy=remedy)
        return
    classes = _contract_classes(folder / "tests")
    results = _pytest(folder, environ)
    if isinstance(results, Finding):
        yield results
        return
    for kit in dict.fromkeys(wanted):
        names = {name for name, kits in classes.items() if kit in kits}
        if names:
            yield _outcome(kit, [item for item in results if item[0] in names])
        else:
            remedy = f"Derive a test class from hermes_host.testing.{kit}."
            yield Finding(name=kit, status="error", detail="No test class is derived from it.", remedy=remedy)
    known = {name for name, kits in classes.items() if set(wanted) & set(kits)}
    yield _outcome("other tests", [item for item in results if item[0] not in known])


def _contract_classes(folder: Path) -> dict[str, list[str]]:
    """The test classes of a folder and the names of what they are derived from."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue  # running it says what is wrong
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name] = [ast.unparse(parent).rpartition(".")[2] for parent in node.bases]
    return found


def _pytest(folder: Path, environ: Mapping[str, str]) -> list[tuple[str, str, str]] | Finding:
    """Class, test and outcome of each test, or why there are none."""
    with tempfile.TemporaryDirectory(prefix="hermes-check-") as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "tests"]
        try:
            run = subprocess.run(
                command,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_PYTEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Finding(name="tests", status="error", detail=f"They take longer than {_PYTEST_SECONDS:g} s.")
        try:
            cases = list(ElementTree.parse(report).iter("testcase"))
        except (FileNotFoundError, ElementTree.ParseError):
            cases = []
    if not cases:
        said = [line for line in (run.stdout + run.stderr).strip().splitlines() if line.strip()]
        remedy = "Run `python -m pytest` in the folder."
        return Finding(name="tests", status="error", detail=said[-1] if said else "nothing ran", remedy=remedy)
    return [
        (case.get("classname", "").rpartition(".")[2], case.get("name", ""), next((sub.tag for sub in case), "passed"))
        for case in cases
    ]


def _outcome(name: str, results: list[tuple[str, str, str]]) -> Finding:
    counted = Counter("failed" if outcome in ("failure", "error") else outcome for _, _, outcome in results)
    shown = ", ".join(f"{counted[word]} {word}" for word in ("passed", "failed", "skipped") if counted[word])
    if counted["failed"]:
        first = next(test for _, test, outcome in results if outcome in ("failure", "error"))
        detail = f"{shown}: {first}" + (" and others" if counted["failed"] > 1 else "")
        return Finding(name=name, status="error", detail=detail, remedy="Run `python -m pytest` in the folder.")
    if not counted["passed"]:
        return Finding(name=name, status="skipped", detail=shown or "none")
    return Finding(name=name, status="ok", detail=shown)


def run_tools(project: Project, environ: Mapping[str, str]) -> Iterator[Finding]:
    """What ruff and mypy say, where they are installed."""
    for name, tool, arguments in (
        ("ruff check", "ruff", ["check", "--quiet", "--no-cache", "."]),
        ("ruff format", "ruff", ["format", "--check", "--quiet", "--no-cache", "."]),
        ("mypy --strict", "mypy", ["--strict", "--cache-dir=/dev/null", "-p", project.package]),
    ):
        if importlib.util.find_spec(tool) is None:
            remedy = f"uv pip install {tool}"
            yield Finding(name=name, status="skipped", detail=f"{tool} is not installed here", remedy=remedy)
        else:
            yield _run_tool(name, tool, arguments, project, environ)


def _run_tool(name: str, tool: str, arguments: list[str], project: Project, environ: Mapping[str, str]) -> Finding:
    try:
        run = subprocess.run(
            [sys.executable, "-m", tool, *arguments],
            cwd=project.folder,
            env={**environ, "MYPYPATH": project.source},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TOOL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Finding(name=name, status="warning", detail=f"It takes longer than {_TOOL_SECONDS:g} s.")
    if run.returncode == 0:
        return Finding(name=name, status="ok", detail="clean")
    lines = [line for line in (run.stdout or run.stderr).splitlines() if line.strip()]
    detail = f"{lines[0].strip()} ({count(len(lines), 'line')} in all)" if lines else f"exit code {run.returncode}"
    words = " ".join(word for word in arguments if not word.startswith(("--quiet", "--no-cache", "--cache-dir")))
    return Finding(name=name, status="error", detail=detail, remedy=f"Run `{tool} {words}` in the folder.")
