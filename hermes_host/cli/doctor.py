"""`hermes doctor`: is everything in order, and if not, what to do."""

from __future__ import annotations

import asyncio
import os
import platform
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from hermes_host._version import __version__
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.errors import HermesError
from hermes_host.models import has_key
from hermes_host.protocols import CheckResult
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import CheckSpec

__all__ = ["check_plugins", "doctor", "print_results"]

T = TypeVar("T")

_SIGNS = {"ok": ("✓", "ok", "green"), "warning": ("!", "warning", "yellow"), "error": ("✗", "error", "red")}


@click.command(epilog="Example: hermes doctor --json")
@json_option
@click.option("--fix", is_flag=True, help="Repair what can be repaired safely: folders and their permissions.")
@click.option("--timeout", default=10.0, show_default=True, metavar="SECONDS", help="How long one check may take.")
@pass_host
def doctor(host: Host, as_json: bool, fix: bool, timeout: float) -> int:
    """Check the installation and say what to repair. The exit code is 1 when there is an error."""
    results = [result for check in (_host, _home_fixed if fix else _home) for result in check(host)]
    for check in (_settings, _plugins, _model, _sessions):
        results += _guarded(check.__name__.strip("_"), host, check)
    progress = sys.stderr.isatty() and not as_json
    results += asyncio.run(_plugin_checks(host, timeout, progress))
    if as_json:
        print_json([{name: getattr(item, name) for name in CheckResult.__struct_fields__} for item in results])
    else:
        print_results(results)
    return 1 if any(result.status == "error" for result in results) else 0


def check_plugins(host: Host, plugins: Collection[str], limit: float = 10.0) -> list[CheckResult]:
    """The results of the checks of these plugins alone; `limit` is in seconds for each check."""
    return asyncio.run(_plugin_checks(host, limit, progress=False, plugins=plugins))


def print_results(results: Sequence[CheckResult]) -> None:
    """Print results with what to do about them, and how many are bad."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    for result in results:
        sign, word, colour = _SIGNS[result.status]
        mark = click.style(sign if unicode else f"[{word}]", fg=colour)
        click.echo(f"{mark} {one_line(result.name)}: {one_line(result.detail, 0)}")
        if result.remedy:
            click.echo(f"    {one_line(result.remedy, 0)}")
    bad = [sum(result.status == status for result in results) for status in ("error", "warning")]
    click.echo(f"\n{count(bad[0], 'error')}, {count(bad[1], 'warning')}.")


# ------------------------------------------------------------------------------------------------ the host's checks


def _host(host: Host) -> Iterable[CheckResult]:
    where = Path(sys.executable)
    yield CheckResult(name="hermes", status="ok", detail=f"{__version__}, Python {platform.python_version()} ({where})")


def _home_fixed(host: Host) -> Iterable[CheckResult]:
    from hermes_host.context import private_directory

    private_directory(host.home)
    for path in _too_open(host.home):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return _home(host)


def _home(host: Host) -> Iterable[CheckResult]:
    home = host.home
    if not home.exists():
        yield CheckResult(name="home", status="ok", detail=f"{home} (made at first use)")
        return
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        yield CheckResult(
            name="home",
            status="error",
            detail=f"{home} is not a folder that can be written.",
            remedy=f"chown -R $USER {home}",
        )
        return
    exposed = _too_open(home)
    if exposed:
        names = ", ".join(str(path) for path in exposed)
        yield CheckResult(
            name="home", status="warning", detail=f"others can read {names}.", remedy="hermes doctor --fix closes that."
        )
        return
    yield CheckResult(name="home", status="ok", detail=str(home))


def _too_open(home: Path) -> list[Path]:
    names = (home, home / ".env", home / "auth.json", home / "config.yaml", home / "approvals.json")
    secret = [path for path in names if path.exists() and path.name != "config.yaml"]
    return [path for path in secret if path.stat().st_mode & 0o077]


def _settings(host: Host) -> Iterable[CheckResult]:
    for kind in ("providers", "tools"):
        getattr(host, kind)  # sections are declared when plugins are loaded
    problems = host.config.problems
    for problem in problems:
        yield CheckResult(
            name="settings", status=problem.level, detail=f"{problem.path}: {problem.message}", remedy=problem.remedy
        )
    if not problems:
        where = host.config.file
        yield CheckResult(name="settings", status="ok", detail=str(where) if where.exists() else f"{where} (none yet)")


def _plugins(host: Host) -> Iterable[CheckResult]:
    from hermes_host.cli.plugins import every_record

    records = every_record(host)
    for record in records:
        for problem in record.problems:
            status = "warning" if record.state == "loaded" else "error"
            yield CheckResult(
                name=f"plugin {record.name}",
                status="error" if status == "error" else "warning",
                detail=f"{problem.where}: {problem.message}",
                remedy=problem.remedy,
            )
    fine = [
        record.name for record in records if record.state == "loaded" and not record.builtin and not record.problems
    ]
    detail = f"{len(fine)} in order{': ' + ', '.join(fine) if fine else ''}"
    yield CheckResult(name="plugins", status="ok", detail=detail)


def _model(host: Host) -> Iterable[CheckResult]:
    try:
        chosen, name = host.resolve_model()
    except HermesError as error:
        yield CheckResult(name="model", status="error", detail=error.message, remedy=error.remedy)
        return
    detail = f"{chosen.name}:{name}" if name else chosen.name
    if chosen.spec.secrets and not has_key(host, chosen) and not host.config.section("model").api_key:
        from hermes_host.cli.model import missing_key

        yield CheckResult(name="model", status="error", detail=f"{detail}: no key.", remedy=missing_key(chosen))
        return
    yield CheckResult(name="model", status="ok", detail=detail)


def _sessions(host: Host) -> Iterable[CheckResult]:
    latest = host.sessions.list(limit=1)
    yield CheckResult(name="sessions", status="ok", detail=f"latest: {latest[0].id}" if latest else "none yet")


def _guarded(name: str, host: Host, check: Callable[[Host], Iterable[CheckResult]]) -> list[CheckResult]:
    try:
        return list(check(host))
    except HermesError as error:
        return [CheckResult(name=name, status="error", detail=error.message, remedy=error.remedy)]
    except OSError as error:
        return [CheckResult(name=name, status="error", detail=str(error))]


# --------------------------------------------------------------------------------------------- the plugins' checks


async def _plugin_checks(
    host: Host, limit: float, progress: bool, plugins: Collection[str] | None = None
) -> list[CheckResult]:
    """All checks of all plugins (or of those named) at once, each on its own; results in the order of their names."""
    wanted = [item for item in host.checks if plugins is None or item.plugin in plugins]
    checks = sorted(wanted, key=lambda item: item.name)
    done = 0

    async def run(check: Contribution[CheckSpec]) -> list[CheckResult]:
        nonlocal done
        found = await _run_check(host, check, limit)
        done += 1
        if progress:
            click.echo(f"\r\x1b[K{done} of {len(checks)} checks", err=True, nl=done == len(checks))
        return found

    async with host:
        found = await asyncio.gather(*map(run, checks))
    return [result for results in found for result in results]


async def _run_check(host: Host, check: Contribution[CheckSpec], limit: float) -> list[CheckResult]:
    def failed(detail: str, remedy: str = "") -> list[CheckResult]:
        detail = f"the check of plugin {check.plugin!r} {detail}"
        return [CheckResult(name=check.name, status="error", detail=detail, remedy=remedy)]

    async def call() -> list[CheckResult]:
        target: Callable[..., Awaitable[Iterable[CheckResult]]] = host.target(check, check.spec.target)
        return list(await target(host.context(check.plugin)))

    try:
        found = await asyncio.wait_for(_in_thread(call), limit)
    except TimeoutError:
        return failed(f"did not end within {limit:g} s.")
    except HermesError as error:
        return failed(f"failed: {error.message}", error.remedy)
    except Exception as error:  # noqa: BLE001 - the boundary to plugins' checks
        return failed(f"failed: {type(error).__name__}: {error}")
    wrong = [item for item in found if not isinstance(item, CheckResult)]
    return failed(f"gave {type(wrong[0]).__name__}, not CheckResult.") if wrong else found


def _in_thread(call: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Future[T]:
    """Run `call` in a thread and a loop of its own: what blocks must hold up neither the others nor the clock.

    The thread is a daemon, so that one that never ends does not keep the process alive.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", value))

    def work() -> None:
        value, error = None, None
        try:
            value = asyncio.run(call())
        except Exception as caught:  # noqa: BLE001 - carried over to the one who waits
            error = caught
        except SystemExit as caught:
            error = RuntimeError(f"it called sys.exit({caught.code!r})")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=work, name="hermes-check", daemon=True).start()
    return future
