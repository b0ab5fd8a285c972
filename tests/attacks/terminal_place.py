"""A home with secrets and a confined terminal in it, for the attacks on the terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.settings import Mode, Settings

from hermes_host.protocols import Terminal
from hermes_host.testing.terminals import Finished, run

CANARY = "canary-7f3a"


@dataclass
class Place:
    """A home with secrets, a repository in it, and a confined terminal there."""

    home: Path
    work: Path
    state: Path
    terminal: Terminal

    async def run(self, script: str, **fields: Any) -> Finished:
        return await run(self.terminal, script, timeout=fields.pop("timeout", 20), **fields)


def _protected_folder() -> Path:
    """A folder for homes that is not below /tmp: there everybody may write."""
    for folder in (Path.home(), Path("/opt"), Path("/var/lib"), Path("/srv")):
        real = Path(os.path.realpath(folder))
        if not real.is_relative_to("/tmp") and not real.is_relative_to("/var/tmp") and os.access(real, os.W_OK):
            cache = real / ".cache"
            cache.mkdir(exist_ok=True)
            return cache
    pytest.skip("there is no place outside /tmp to write to")


@asynccontextmanager
async def place(mode: Mode, **settings: Any) -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="hermes-attack-", dir=_protected_folder()) as name:
        home = Path(os.path.realpath(name))  # noqa: ASYNC240
        work, state = home / "work", home / ".hermes"
        for folder in (work, state, home / ".ssh", home / ".aws", work / "src" / "module"):
            folder.mkdir(parents=True)
        for secret in (state / ".env", home / ".ssh" / "id_ed25519", home / ".aws" / "credentials", home / ".netrc"):
            secret.write_text(CANARY, encoding="utf-8")
        (home / ".bashrc").write_text("# mine\n", encoding="utf-8")
        with mock.patch.dict(os.environ, {"HOME": str(home)}):
            plain = LocalBackend()
            async with plain.open("make", str(work)) as terminal:
                assert (await run(terminal, "git init -q . && git -C src/module init -q .")).code == 0
            backend = LocalBackend(Settings(**settings), sandbox=mode, state=str(state))
            async with backend.open("attack", str(work)) as terminal:
                yield Place(home, work, state, terminal)
