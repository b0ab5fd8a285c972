"""Running a command hook: JSON on its standard input, a bounded answer, an environment without secrets, an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_bridges.bundle import CommandHook

__all__ = ["Ended", "hook_environment", "run_hook"]

_MOST_OUTPUT = 1 << 18
_PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a hook ended. `failure` says why there is no answer; then the rest is empty."""

    code: int = -1
    output: str = ""
    errors: str = ""
    failure: str = ""


def hook_environment(
    environ: Mapping[str, str], *, root: str, project: str, data: str, cache: str, passed: Sequence[str] = ()
) -> dict[str, str]:
    """What a hook sees: the few variables every program needs, the owner's choice, and where things are."""
    return {
        **{name: environ[name] for name in (*_PASSED, *passed) if name in environ},
        "CLAUDE_PLUGIN_ROOT": root,
        "CLAUDE_PROJECT_DIR": project,
        "CLAUDE_PLUGIN_DATA": data,
        # Compiled files within the folder would neither be what was accepted, nor leave it as it was.
        "PYTHONPYCACHEPREFIX": cache,
    }


async def run_hook(
    hook: CommandHook, payload: dict[str, Any], *, environment: Mapping[str, str], directory: str, limit: float
) -> Ended:
    """Run it to its end, for `limit` seconds at most; what it started ends with it. Never raises for its faults."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_words(hook, environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(failure=f"it cannot be started: {getattr(error, 'strerror', None) or error}")
    try:
        async with asyncio.timeout(limit):
            _, output, errors = await asyncio.gather(
                _say(process, json.dumps(payload, ensure_ascii=False, default=str).encode("utf-8", "replace")),
                _read(process.stdout),
                _read(process.stderr),
            )
            code = await process.wait()
    except TimeoutError:
        return Ended(failure=f"it did not end within {limit:g} s")
    finally:
        await _end(process)
    if code < 0:
        return Ended(failure=f"it was ended by the signal {-code}")
    return Ended(code=code, output=output, errors=errors)


def _words(hook: CommandHook, environment: Mapping[str, str]) -> list[str]:
    if hook.arguments is None:
        return [shutil.which("bash", path=environment.get("PATH")) or "/bin/sh", "-c", hook.command]
    words = [hook.command, *hook.arguments]
    for name in ("CLAUDE_PLUGIN_ROOT", "CLAUDE_PROJECT_DIR", "CLAUDE_PLUGIN_DATA"):
        words = [word.replace(f"${{{name}}}", environment[name]) for word in words]
    return words


async def _say(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    # One that does not listen is none the worse for it.
    with contextlib.suppress(OSError):
        process.stdin.write(data)
        await process.stdin.drain()
    with contextlib.suppress(OSError):
        process.stdin.close()
        await process.stdin.wait_closed()


async def _read(pipe: asyncio.StreamReader | None) -> str:
    assert pipe is not None
    kept = bytearray()
    while chunk := await pipe.read(1 << 16):
        kept += chunk[: _MOST_OUTPUT - len(kept)]
    return kept.decode("utf-8", "replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    # The whole group: also what it left running behind itself.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
