"""A home and a working folder for what is measured, and the model server beside it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import HERMES, Cost, run

ROOT = Path(__file__).resolve().parent.parent


class Workspace:
    """Programs are run in `folder` with `HERMES_HOME` set and nothing else of the user's environment but the paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ},
            "HERMES_HOME": str(self.home),
        }

    def hermes(self, *arguments: str, **environ: str) -> Cost:
        return run([*HERMES, *arguments], {**self.environ, **environ}, str(self.folder))

    def python(self, *arguments: str, **environ: str) -> Cost:
        return run([sys.executable, *arguments], {**self.environ, **environ}, str(self.folder))

    def use_server(self, url: str) -> None:
        """Configure the provider `custom` to talk to the model server."""
        settings = {"model": {"provider": "custom", "base_url": url, "default": "test-model", "api_key": "none"}}
        # JSON is YAML too.
        (self.home / "config.yaml").write_text(json.dumps(settings) + "\n", encoding="utf-8")


@contextlib.contextmanager
def workspace() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        yield Workspace(Path(folder))


class Server:
    """The model server as a process of its own; `report()` ends it and gives what it saw."""

    def __init__(self, scenario: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.server", scenario, *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def report(self) -> dict[str, Any]:
        output, _ = self._process.communicate("", timeout=30)
        report: dict[str, Any] = json.loads(output)
        return report


@contextlib.contextmanager
def serve(scenario: str, *options: str) -> Iterator[Server]:
    server = Server(scenario, *options)
    try:
        yield server
    finally:
        if server._process.poll() is None:
            server.report()
