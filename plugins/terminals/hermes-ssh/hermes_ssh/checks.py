"""What `hermes doctor` looks at."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult, Command, Output
from hermes_ssh.backend import SshBackend
from hermes_ssh.settings import Settings, TerminalSettings, combined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]

_TOOLS = "env sh head grep sed awk tr cat sleep stat"


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the machine answers, runs commands and has what they need. Nothing where none is configured."""
    settings = combined(context.section(Settings, "ssh"), context.section(TerminalSettings, "terminal"))
    if not settings.host:
        return []
    backend = SshBackend(settings, passphrase=lambda: context.secret("SSH_KEY_PASSPHRASE"))
    script = f'for each in {_TOOLS}; do command -v "$each" >/dev/null || echo "$each"; done'
    started = time.monotonic()
    try:
        async with backend.open("doctor", "") as terminal:
            seconds = time.monotonic() - started
            async with aclosing(terminal.run(Command(script=script, timeout=20))) as events:  # type: ignore[type-var]
                missing = b"".join([event.data async for event in events if isinstance(event, Output)]).split()
            directory = terminal.directory
    except HermesError as error:
        return [CheckResult(name="ssh", status="error", detail=error.message, remedy=error.remedy)]
    except OSError as error:
        return [CheckResult(name="ssh", status="error", detail=f"{settings.host}: {error}", remedy="Check `ssh`.")]
    if missing:
        names = b" ".join(missing).decode("utf-8", "replace")
        return [
            CheckResult(
                name="ssh",
                status="warning",
                detail=f"{settings.host} lacks {names}: what commands leave behind may not be found.",
                remedy=f"Install {names} there.",
            )
        ]
    detail = f"{settings.host} answered in {seconds:.1f} s; commands start in {directory}"
    return [CheckResult(name="ssh", status="ok", detail=detail)]
