"""`hermes dev`: a plugin that is being written is reloaded at each save, and nothing is left running."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host.cli.plugins_new import make_plugin

pytest.importorskip("watchfiles")

HERMES = Path(sys.executable).parent / "hermes"

WAITS_FOR_EVER = """\
    import os
    import signal

    print(os.getpid(), flush=True)
    signal.pause()
    number = 0
"""


@pytest.fixture
def folder(tmp_path):
    return Path(make_plugin("probe", "command", tmp_path).folder)


@pytest.fixture
def commands(folder):
    """The file that is edited."""
    return folder / "hermes_probe" / "commands.py"


class Dev:
    """`hermes dev` with its output in a pipe."""

    def __init__(self, arguments, environ, directory):
        self.process = subprocess.Popen(
            [HERMES, "dev", *arguments],
            env=environ,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def line(self, part):
        """The next line with `part` in it; the test's own time limit ends a wait for ever."""
        for line in self.process.stdout:
            if part in line:
                return line
        raise AssertionError(f"{part!r} did not come")


@pytest.fixture
def dev(environ, tmp_path):
    begun = []

    def begin(*arguments, **more):
        begun.append(Dev(arguments, {**environ, **more}, tmp_path))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def save(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_command_runs_again_at_each_save_and_a_broken_plugin_costs_a_line(dev, folder, commands):
    running = dev(str(folder), "--", "probe")
    running.line("hermes dev: start: probe 0.1.0")
    running.line("Conversations: 0")
    save(commands, "Conversations: {", "There are {")
    running.line("hermes dev: reload 1 (commands.py): probe 0.1.0")
    running.line("There are 0")
    good = (folder / "hermes_probe" / "plugin.py").read_text(encoding="utf-8")
    (folder / "hermes_probe" / "plugin.py").write_text(good + "\ndef (\n", encoding="utf-8")
    assert "syntax error" in running.line("hermes dev: reload 2 (plugin.py):")
    (folder / "hermes_probe" / "plugin.py").write_text(good, encoding="utf-8")
    running.line("hermes dev: reload 3 (plugin.py): probe 0.1.0")
    running.line("There are 0")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait() == 130


def test_a_plugin_that_is_broken_from_the_start_begins_when_it_is_repaired(dev, folder, commands):
    good = commands.read_text(encoding="utf-8")
    commands.write_text("raise RuntimeError('not yet')\n", encoding="utf-8")
    running = dev(str(folder), "--", "probe")
    assert "not yet" in running.line("hermes dev: start:")
    commands.write_text(good, encoding="utf-8")
    running.line("Conversations: 0")
    running.process.terminate()
    assert running.process.wait() == 143


def test_a_conversation_goes_on_after_a_reload(terminal, folder, commands):
    screen = terminal("dev", str(folder))
    screen.expect("hermes dev: start: probe 0.1.0")
    screen.expect("Ctrl+D leaves.")
    screen.expect("❯ ")
    screen.type("remember the tea\r")
    screen.expect("You said: remember the tea")
    screen.expect("❯ ")
    save(commands, "Conversations: **{", "So many: **{")
    screen.expect("hermes dev: reload 1 (commands.py): probe 0.1.0")
    screen.expect("remember the tea")
    screen.expect("❯ ")
    screen.type("/probe\r")
    screen.expect("So many: 1")
    screen.type("\x04")
    assert screen.end() == 0


def test_nothing_is_left_when_it_is_killed(dev, folder, commands):
    """A front end that waits for ever ends with the process that started it."""
    save(commands, "    number = count(host, source)\n", WAITS_FOR_EVER)
    running = dev(str(folder), "--", "probe")
    running.line("start: probe")
    child = int(running.process.stdout.readline())
    descriptor = os.pidfd_open(child)
    running.process.kill()
    running.process.wait()
    assert select.select([descriptor], [], [], 20)[0], "the front end still runs"
    os.close(descriptor)


def test_a_folder_that_is_no_plugin_is_refused(hermes, tmp_path):
    result = hermes("dev", str(tmp_path))
    assert result.code == 1
    assert "no pyproject.toml" in result.err


def test_without_the_package_it_says_what_to_install(hermes, folder, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "watchfiles.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'watchfiles'\", name='watchfiles')\n", encoding="utf-8"
    )
    result = hermes("dev", str(folder), PYTHONPATH=str(tmp_path / "without"))
    assert result.code == 1
    assert "uv pip install watchfiles" in result.err
