"""`hermes plugins check`: everything that can be said about a plugin before others use it, as a scorecard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click
import msgspec

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.cli.plugins_inspection import Finding
from hermes_host.cli.plugins_metadata import installed_metadata, project_metadata
from hermes_host.cli.plugins_project import Project, lay_metadata, read_project
from hermes_host.cli.plugins_tests import run_tests, run_tools
from hermes_host.errors import HermesError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hermes_host.host import Host
    from hermes_host.plugins import PluginRecord

__all__ = ["check", "environment_with", "inspect_outside"]

_INSPECTION_SECONDS = 120.0
_MARKS = {"ok": "ok", "warning": "warning", "error": "ERROR", "skipped": "skipped"}
_COLOURS = {"ok": "green", "warning": "yellow", "error": "red", "skipped": None}


@click.command(epilog="Example: hermes plugins check ./hermes-weather")
@click.argument("subject", metavar="PATH|NAME")
@click.option("--quick", is_flag=True, help="Only look at it: no tests, no ruff, no mypy.")
@json_option
@pass_host
def check(host: Host, subject: str, quick: bool, as_json: bool) -> int:
    """Check a plugin before others use it: metadata, specs, speed, secrets, its tests, the usual tools.

    PATH is a project folder, installed or not; NAME an installed plugin. Its code is run. The exit code is 1 when
    something is an error.
    """
    findings: list[Finding] = []

    def say(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            _show(finding)

    title = _check(host, subject, say, quick=quick, announce=None if as_json else click.echo)
    counted = Counter(finding.status for finding in findings)
    if as_json:
        print_json({**title, "passed": not counted["error"], "findings": findings})
    else:
        click.echo(
            f"{counted['ok']} ok, {count(counted['warning'], 'warning')}, {count(counted['error'], 'error')},"
            f" {counted['skipped']} skipped"
        )
    return int(bool(counted["error"]))


def _check(
    host: Host,
    subject: str,
    say: Callable[[Finding], None],
    *,
    quick: bool,
    announce: Callable[[str], object] | None,
) -> dict[str, str]:
    project, record = _find(host, subject)
    name = project.name if project else record.name if record else ""
    title = {
        "plugin": name,
        "distribution": project.distribution if project else record.distribution if record else "",
        "version": project.version if project else record.version if record else "",
        "folder": project.folder if project else "",
    }
    if announce is not None:
        announce(" ".join(word for word in (title["distribution"], title["version"], title["folder"]) if word))
    with tempfile.TemporaryDirectory(prefix="hermes-check-") as scratch:
        environ = environment_with(project, Path(scratch))
        if project is not None:
            metadata = project_metadata(project)
        else:
            assert record is not None
            metadata = installed_metadata(name, record.module, record.distribution)
        for finding in metadata:
            say(finding)
        kinds: set[str] = set()
        for finding in inspect_outside(name, environ):
            say(finding)
            if finding.name == "loads" and finding.status == "ok":
                kinds = {word.partition(":")[0].replace(" ", "_") for word in finding.detail.split(", ")}
        if quick:
            return title
        if project is None:
            remedy = "Give the folder of its project."
            say(Finding(name="tests", status="skipped", detail="They are not installed with it.", remedy=remedy))
            return title
        with _progress("running its tests"):
            tests = list(run_tests(project, kinds, environ))
        for finding in tests:
            say(finding)
        for finding in run_tools(project, environ):
            say(finding)
    return title


def _find(host: Host, subject: str) -> tuple[Project | None, PluginRecord | None]:
    """The project folder, the installed plugin, or both."""
    if os.path.isdir(subject):
        return read_project(Path(subject)), None
    if os.sep in subject or subject.startswith("."):
        raise HermesError(f"There is no folder {subject!r}.", remedy="Give a project folder, or a plugin's name.")
    for record in host.plugins.records:
        if not record.builtin and subject in (record.name, record.distribution):
            folder = _editable_folder(record.distribution)
            return (read_project(folder) if folder else None), record
    raise HermesError(
        f"There is no plugin {subject!r}, and no folder of that name.", remedy="See `hermes plugins list`."
    )


def _editable_folder(distribution_name: str) -> Path | None:
    """Where an editable installation has its project; None for every other."""
    try:
        text = distribution(distribution_name).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    try:
        said = json.loads(text or "{}")
    except ValueError:
        return None
    if not said.get("dir_info", {}).get("editable"):
        return None
    folder = Path(unquote(urlsplit(str(said.get("url", ""))).path))
    return folder if (folder / "pyproject.toml").is_file() else None


def environment_with(project: Project | None, scratch: Path) -> dict[str, str]:
    """The environment for processes that are to find the project's plugin, installed or not."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HERMES_")}
    if project is not None:
        lay_metadata(project, scratch)
        earlier = environ.get("PYTHONPATH", "")
        environ["PYTHONPATH"] = os.pathsep.join([str(scratch), project.source, *([earlier] if earlier else [])])
    return environ


def inspect_outside(name: str, environ: Mapping[str, str], *, quick: bool = False) -> Iterator[Finding]:
    """What a process of its own finds out about the plugin: it may hang, exit or print."""
    with tempfile.TemporaryDirectory(prefix="hermes-check-") as scratch:
        path = Path(scratch) / "findings.json"
        command = [sys.executable, "-m", "hermes_host.cli.plugins_inspection", name, str(path)]
        try:
            run = subprocess.run(
                [*command, *(["quick"] if quick else [])],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_INSPECTION_SECONDS,
            )
        except subprocess.TimeoutExpired:
            yield Finding(name="loads", status="error", detail=f"It takes longer than {_INSPECTION_SECONDS:g} s.")
            return
        if not path.is_file():
            lines = run.stderr.strip().splitlines()
            detail = lines[-1] if lines else f"The process ended with {run.returncode}."
            yield Finding(name="loads", status="error", detail=detail)
            return
        yield from msgspec.json.decode(path.read_bytes(), type=list[Finding])


@contextmanager
def _progress(text: str) -> Iterator[None]:
    """Say on a terminal what is waited for."""
    shown = sys.stderr.isatty()
    if shown:
        click.echo(f"{text} …\r", nl=False, err=True)
    yield
    if shown:
        click.echo(" " * (len(text) + 2) + "\r", nl=False, err=True)


def _show(finding: Finding) -> None:
    mark = click.style(_MARKS[finding.status].ljust(8), fg=_COLOURS[finding.status])
    click.echo(f"{mark} {finding.name.ljust(19)} {one_line(finding.detail, 0)}".rstrip())
    if finding.remedy and finding.status != "ok":
        click.echo(f"{' ' * 29}{one_line(finding.remedy, 0)}")
