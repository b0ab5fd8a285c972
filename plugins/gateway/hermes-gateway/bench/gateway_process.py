"""The gateway as the process people run, with the testing platform and plugins written for one measurement.

Programs beside this one import it; they are started as `python plugins/gateway/hermes-gateway/bench/PROGRAM.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_host.testing import Platform

__all__ = ["OWNER", "RUN", "GatewayProcess", "Usage", "percentile"]

OWNER = "u1"

RUN = "from hermes_host.cli import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """What a process has used so far: processor seconds, and resident memory in bytes."""

    def __init__(self, pid: int) -> None:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        self.cpu = (int(fields[11]) + int(fields[12])) / _TICKS
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        self.memory = int(status.split("VmRSS:")[1].split()[0]) * 1024


class GatewayProcess:
    """`hermes gateway run` in `home`, for one `Platform`; may be killed and started again."""

    def __init__(
        self,
        home: Path,
        platform: Platform,
        *,
        model_url: str = "",
        settings: dict[str, Any] | None = None,
        plugin: str = "hermes_host.testing.platform_plugin",
        source: Path | None = None,
        program: Sequence[str] = ("-c", RUN),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`plugin` is the module that brings the adapter `testing`; `source` a file to be importable under its name.

        Without `model_url` the provider that needs none answers.
        """
        self.home = home
        self.platform = platform
        self._program = tuple(program)
        self.process: asyncio.subprocess.Process | None = None
        site = home.parent / "site"
        info = site / "benchplatform-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: benchplatform\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[hermes.v1]\nbench-platform = {plugin}\n", encoding="utf-8")
        if source is not None:
            (site / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        home.mkdir(mode=0o700, exist_ok=True)
        self._environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ},
            "HERMES_HOME": str(home),
            "PYTHONPATH": str(site),
            "TESTING_PLATFORM_PORT": str(platform.port),
            **(environ or {}),
        }
        given = settings or {}
        gateway = {
            "access": {"testing": {"owners": [OWNER]}},
            "text_pause": 0.0,
            "media_pause": 0.0,
            **given.pop("gateway", {}),
        }
        config = {"server": {"enabled": False}, "gateway": gateway, **given}
        if model_url:
            config["model"] = {"provider": "custom", "base_url": model_url, "default": "test-model", "api_key": "none"}
        # JSON is YAML too.
        (home / "config.yaml").write_text(json.dumps(config) + "\n", encoding="utf-8")

    @property
    def pid(self) -> int:
        """Its process, which runs."""
        assert self.process is not None
        return self.process.pid

    def usage(self) -> Usage:
        """What it has used."""
        return Usage(self.pid)

    def threads(self) -> dict[str, float]:
        """Processor seconds of each thread that lives, by number and name."""
        found = {}
        for folder in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                head, _, rest = (folder / "stat").read_text(encoding="ascii").rpartition(")")
                fields = rest.split()
                found[f"{folder.name} {head.partition('(')[2]}"] = (int(fields[11]) + int(fields[12])) / _TICKS
        return found

    async def start(self, *, timeout: float = 60.0) -> float:
        """Start it; gives the seconds until the platform was reached."""
        before = time.perf_counter()
        log = (self.home / "gateway.out").open("ab")
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                "gateway",
                "run",
                env=self._environ,
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        finally:
            log.close()
        reached = asyncio.ensure_future(self.platform.until(lambda: self.platform._writers, timeout=timeout))
        ended = asyncio.ensure_future(self.process.wait())
        await asyncio.wait({reached, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not reached.done():
            reached.cancel()
            text = (self.home / "gateway.out").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"the gateway ended with {self.process.returncode}:\n{text[-3000:]}")
        await reached
        return time.perf_counter() - before

    async def kill(self) -> None:
        """End it as a power cut would, but for the disk's cache."""
        await self._end(signal.SIGKILL, 10)

    async def stop(self, *, timeout: float = 60.0) -> int:
        """End it in order; gives the exit code."""
        return await self._end(signal.SIGTERM, timeout)

    async def _end(self, number: int, timeout: float) -> int:
        process = self.process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            code = await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            process.kill()
            code = await process.wait()
        # What was sent before it died is in the sockets still; the connection counts as gone when it was read.
        await self.platform.until(lambda: not self.platform._writers, timeout=10)
        return code

    async def __aenter__(self) -> GatewayProcess:
        await self.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self.process is not None and self.process.returncode is None:
            await self._end(signal.SIGTERM, 30)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
