"""What `hermes doctor` looks at."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError, HermesError
from hermes_host.protocols import CheckResult, Command, Exited, Output
from hermes_local.backend import LocalBackend, find_shell
from hermes_local.settings import Settings, TerminalSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext
    from hermes_local.settings import Mode

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Which shell runs scripts here, whether there are pseudo-terminals, and how commands are confined."""
    settings = context.section(Settings, "local")
    mode = context.section(TerminalSettings, "terminal").sandbox
    return [await _check_shell(settings), _check_terminals(), *await _check_sandbox(context, settings, mode)]


async def _check_sandbox(context: PluginContext, settings: Settings, mode: Mode) -> list[CheckResult]:
    from hermes_local.sandbox import level_of

    level = await asyncio.to_thread(level_of, settings, mode)
    name, install = "local sandbox", "Install bubblewrap (`apt-get install bubblewrap`)."
    if mode == "off":
        possible = await asyncio.to_thread(level_of, settings, "strict")
        return [CheckResult(name=name, status="ok", detail=f"{level}; possible here: {possible}")]
    if not level.means or (settings.sandbox_required and not level.full):
        return [CheckResult(name=name, status="error", detail=f"No command is run: {level}", remedy=install)]
    backend = LocalBackend(settings, sandbox=mode, state=str(context.home), level=level)
    try:
        async with asyncio.timeout(30), backend.open("doctor", "/") as terminal:
            async with aclosing(terminal.run(Command(script="exit 7", timeout=10))) as events:  # type: ignore[type-var]
                ended = [event.code async for event in events if isinstance(event, Exited)]
            group = getattr(terminal, "limited", True)
    except (HermesError, OSError, TimeoutError) as error:
        return [CheckResult(name=name, status="error", detail=f"No command is run: {error}", remedy=install)]
    if ended != [7]:
        return [CheckResult(name=name, status="error", detail=f"A command did not end as it should: {ended}")]
    results = [CheckResult(name=name, status="ok" if level.full else "warning", detail=str(level), remedy=install)]
    if level.full:
        results = [CheckResult(name=name, status="ok", detail=str(level))]
    if mode == "strict" and not group:
        by_root = " and, as root, none on processes" if os.geteuid() == 0 else ""
        results.append(
            CheckResult(
                name="local sandbox limits",
                status="warning",
                detail=f"No control group can be made: limits are for each process{by_root}, not for all together.",
                remedy="Run the host in a systemd user service, whose control groups belong to you.",
            )
        )
    return results


async def _check_shell(settings: Settings) -> CheckResult:
    try:
        shell = find_shell(settings)
        version = await _version(settings)
    except (ConfigError, OSError, TimeoutError) as error:
        return CheckResult(
            name="local shell",
            status="error",
            detail=f"No script can be run: {error}",
            remedy="Install bash, or set `local.shell` in config.yaml to a POSIX shell.",
        )
    if not version:
        return CheckResult(
            name="local shell",
            status="warning",
            detail=f"{shell} is not bash: functions do not stay from one command to the next.",
            remedy="Install bash.",
        )
    return CheckResult(name="local shell", status="ok", detail=f"{shell}, bash {version}")


async def _version(settings: Settings) -> str:
    backend = LocalBackend(settings)
    command = Command(script='printf %s "$BASH_VERSION"', timeout=10)
    async with asyncio.timeout(15), backend.open("doctor", "/") as terminal, aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
        written = b"".join([event.data async for event in events if isinstance(event, Output)])
    return written.decode("utf-8", "replace")


def _check_terminals() -> CheckResult:
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return CheckResult(
            name="local pseudo-terminals",
            status="warning",
            detail=f"None can be opened ({error.strerror}): commands with `pty` fail.",
            remedy="Mount /dev/pts.",
        )
    return CheckResult(name="local pseudo-terminals", status="ok", detail="available")
