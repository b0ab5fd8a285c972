"""What `hermes doctor` looks at."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError
from hermes_host.protocols import CheckResult, Command, Output
from hermes_local.backend import LocalBackend, find_shell
from hermes_local.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether a shell runs scripts here, which one, and whether there are pseudo-terminals."""
    settings = context.section(Settings, "local")
    return [await _check_shell(settings), _check_terminals()]


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
