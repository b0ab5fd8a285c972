"""Several processes at once, processes that are killed, and how long it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hermes_checkpoints.git import GitProblem, Stopped

TAKER = """
import sys
from pathlib import Path
from hermes_checkpoints.settings import Settings
from hermes_checkpoints.store import Store
folder, work, home, name, count = *map(Path, sys.argv[1:4]), sys.argv[4], int(sys.argv[5])
for step in range(count):
    (work / name).write_text(str(step), encoding="utf-8")
    Store(folder, work, Settings(), home=home).take(f"{name} {step}")
print("done")
"""


def taker(store: Any, home: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TAKER, str(store.folder), str(store.workspace), str(home), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_processes_at_once_take_turns(store: Any, home: Path, work: Path) -> None:
    runs = [taker(store, home, name, 8) for name in "abc"]
    for run in runs:
        _, errors = run.communicate(timeout=50)
        assert run.returncode == 0, errors.decode()
    numbers = [each.snapshot.number for each in store.listing()]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == len(set(numbers)) >= 8
    (work / "a").write_text("other", encoding="utf-8")
    store.restore(numbers[0])
    assert (work / "a").read_text() == "7"


KILLED = TAKER.replace(
    "for step",
    """
import os, signal, subprocess
calls = 0
start = subprocess.Popen.__init__
def deadly(self, *arguments, **options):
    # Dies right after the n-th git was started, which goes on as an orphan.
    global calls
    calls += 1
    start(self, *arguments, **options)
    if calls == int(sys.argv[6]):
        os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen.__init__ = deadly
for step""",
)


def test_a_process_killed_at_any_step_leaves_a_store_that_works(
    make_store: Any, home: Path, work: Path, look: Any
) -> None:
    store = make_store()
    killed = 0
    for fatal in range(1, 40):
        command = [sys.executable, "-c", KILLED, str(store.folder), str(work), str(home), "a", "1", str(fatal)]
        (work / "b").write_text(f"before {fatal}", encoding="utf-8")
        run = subprocess.run(command, capture_output=True, timeout=30)
        (store.folder / "git" / "index.lock").touch()  # as a git that was killed leaves it
        content = look(work)
        taken = make_store().take("after")
        (work / "b").write_text("changed", encoding="utf-8")
        make_store().restore(taken.number)
        assert look(work) == content, fatal
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL
        killed += 1
    assert killed >= 6


def test_an_interrupt_ends_it_at_once(store: Any, work: Path, tmp_path: Path, monkeypatch: Any) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:{os.environ['PATH']}")
    failures: list[BaseException] = []

    def work_on() -> None:
        try:
            store.take("x")
        except GitProblem as error:
            failures.append(error)

    thread = threading.Thread(target=work_on)
    thread.start()
    began = time.monotonic()
    store.stop()
    thread.join(10)
    assert time.monotonic() - began < 5
    assert isinstance(failures[0], Stopped)


def test_a_git_that_hangs_is_given_up(make_store: Any, work: Path, tmp_path: Path, monkeypatch: Any) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:{os.environ['PATH']}")
    with pytest.raises(GitProblem, match="longer than 0.3 s"):
        make_store(timeout=0.3).take("x")


def test_an_unchanged_workspace_of_2000_files_costs_little(store: Any, work: Path) -> None:
    for number in range(2_000):
        path = work / f"d{number % 50}" / f"f{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}\n" * 20, encoding="utf-8")
    began = time.perf_counter()
    store.take("first")
    first = time.perf_counter() - began
    store.take("settle")
    times = []
    for _ in range(7):
        began = time.perf_counter()
        assert not store.take("again").new
        times.append(time.perf_counter() - began)
    (work / "d1" / "f1.txt").write_text("changed", encoding="utf-8")
    began = time.perf_counter()
    assert store.take("changed").new
    changed = time.perf_counter() - began
    sys.stderr.write(
        f"2,000 files: first {first * 1000:.0f} ms, unchanged {min(times) * 1000:.0f} ms (best of 7; "
        f"median {sorted(times)[3] * 1000:.0f}), one changed {changed * 1000:.0f} ms\n"
    )
    assert min(times) < 0.1
