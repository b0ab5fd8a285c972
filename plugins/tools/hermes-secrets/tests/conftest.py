"""`hermes` as a process, a keyring that is a file, and a password manager that is a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERMES = Path(sys.executable).with_name("hermes")

KEYRING = """
import json, os, pathlib
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class FileKeyring(KeyringBackend):
    priority = 1
    file = pathlib.Path(os.environ["FILE_KEYRING"])
    def _read(self):
        if self.file.with_suffix(".locked").exists():
            raise KeyringLocked("locked with " + self.file.read_text())
        return json.loads(self.file.read_text()) if self.file.exists() else {}
    def get_password(self, service, name):
        return self._read().get(service, {}).get(name)
    def set_password(self, service, name, value):
        values = self._read()
        values.setdefault(service, {})[name] = value[:-1] if name.startswith("SPOILT") else value
        self.file.write_text(json.dumps(values))
    def delete_password(self, service, name):
        values = self._read()
        del values[service][name]
        self.file.write_text(json.dumps(values))
"""

MANAGER = """#!{python}
import os, pathlib, sys
folder = pathlib.Path({folder!r})
(folder / "seen").open("a").write(repr(sys.argv[1:]) + "\\n")
(folder / "environment").write_text("\\n".join(os.environ))
what, name = sys.argv[1:]
entry = folder / name
if what == "get":
    if not entry.exists():
        sys.exit("sorry: no such entry")
    sys.stdout.write(entry.read_text() + "\\n")
elif what == "set":
    value = sys.stdin.read()
    if "refuse" in value:
        sys.exit("I refuse " + value)
    entry.write_text(value)
elif what == "unset":
    entry.unlink()
elif what == "hang":
    import time
    time.sleep(60)
elif what == "locked":
    sys.exit("the vault is locked")
elif what == "bytes":
    sys.stdout.buffer.write(b"\\xff\\xfe")
"""


class Hermes:
    """Runs `hermes` with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.keyring = folder / "keyring.json"
        modules = folder / "modules"
        modules.mkdir()
        (modules / "file_keyring.py").write_text(KEYRING, encoding="utf-8")
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HERMES_HOME": str(self.home),
            "PYTHONPATH": str(modules),
            "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
            "FILE_KEYRING": str(self.keyring),
        }

    def settings(self, text: str) -> None:
        (self.home / "config.yaml").write_text(text, encoding="utf-8")

    def env_file(self, text: str) -> Path:
        file = self.home / ".env"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return file

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """What it printed on both streams."""
        done = subprocess.run(
            [HERMES, *arguments], input=stdin, capture_output=True, text=True, env=self.environ, cwd=self.folder
        )
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def in_keyring(self) -> dict[str, str]:
        values: dict[str, Any] = json.loads(self.keyring.read_text(encoding="utf-8")) if self.keyring.exists() else {}
        found: dict[str, str] = values.get("hermes-host", {})
        return found


@pytest.fixture
def hermes(tmp_path: Path) -> Hermes:
    return Hermes(tmp_path)


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """The folder in which the password manager `vault/manager` keeps things."""
    folder = tmp_path / "vault"
    folder.mkdir()
    program = folder / "manager"
    program.write_text(MANAGER.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
    program.chmod(0o755)
    return folder
