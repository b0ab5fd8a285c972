"""What the tests of the command line share: real processes, with a plugin found through a real entry point."""

import gc
import logging
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from hermes_host.cli import entry

HERMES = Path(sys.executable).parent / "hermes"
STUB = Path(__file__).parent / "stub"
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Result:
    """What a finished command left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"<exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}>"


class Terminal:
    """`hermes` in a pseudo-terminal: type, and wait for what should appear."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], directory: Path) -> None:
        self.output = ""
        self._seen = 0
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.execve(HERMES, [str(HERMES), *arguments], environ)
        termios.tcsetwinsize(self._descriptor, (30, 100))

    def type(self, text: str) -> None:
        """Send keys; `\\r` is Enter."""
        os.write(self._descriptor, text.encode())

    def expect(self, text: str, seconds: float = 15.0) -> str:
        """Wait until `text` appears after what was expected before; gives what came up to its end."""
        ends = time.monotonic() + seconds
        while True:
            plain = SEQUENCE.sub("", self.output)
            found = plain.find(text, self._seen)
            if found >= 0:
                part = plain[self._seen : found + len(text)]
                self._seen = found + len(text)
                return part
            left = ends - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{text!r} did not appear. There is:\n{plain[self._seen - 200 :]}")

    def end(self, seconds: float = 15.0) -> int:
        """Wait for the end of the process; gives its exit code."""
        ends = time.monotonic() + seconds
        while self._read(max(0.0, ends - time.monotonic())):
            pass
        assert time.monotonic() < ends, f"it did not end: {self.output[-500:]}"
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def press_until_end(self, key: str, seconds: float = 15.0) -> int:
        """Press a key again and again until the process has ended; gives its exit code."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.type(key)
            if select.select([self._descriptor], [], [], 0.3)[0] and not self._read(0):
                return self.end()
        raise AssertionError(f"it did not end: {self.output[-500:]}")

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self._pid, number)

    def mode(self) -> int:
        """The terminal's local modes."""
        return termios.tcgetattr(self._descriptor)[3]

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self.output += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The host's home; made by the host."""
    return tmp_path / "hermes-home"


@pytest.fixture
def environ(tmp_path: Path, home: Path) -> dict[str, str]:
    """A bare environment with an empty home and the stub plugin alone."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HERMES_HOME": str(home),
        "HERMES_PLUGINS": "stub",
        "PYTHONPATH": str(STUB),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }


@pytest.fixture
def hermes(environ: dict[str, str], tmp_path: Path):
    """Run a command to its end."""

    def run(*arguments: str, stdin: str | bytes | None = None, **more: str) -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [HERMES, *arguments],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**environ, **more},
            cwd=tmp_path,
            timeout=30,
        )
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    return run


@pytest.fixture
def hermes_here(environ: dict[str, str], tmp_path: Path, monkeypatch, capsys):
    """Run a command in this process, which is several times as fast; the process is left as it was found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(STUB)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    thresholds, handlers = gc.get_threshold(), list(logging.getLogger().handlers)

    def run(*arguments: str, stdin: str = "", **more: str) -> Result:
        given = tmp_path / "stdin"
        given.write_text(stdin)
        with monkeypatch.context() as patch, given.open() as file:
            patch.setattr(sys, "stdin", file)
            for name, value in more.items():
                patch.setenv(name, value)
            code = entry.run(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    yield run
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def terminal(environ: dict[str, str], tmp_path: Path):
    """Open `hermes` in a pseudo-terminal."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, **more: str) -> Terminal:
        opened.append(Terminal(arguments, {**environ, **more}, tmp_path))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()
