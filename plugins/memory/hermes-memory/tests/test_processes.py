"""Several processes at once, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hermes_memory.settings import Settings
from hermes_memory.store import Store

WRITER = """
import sys, time
from pathlib import Path
from hermes_memory.records import Stamp
from hermes_memory.settings import Settings
from hermes_memory.store import Store
home, number, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store(home, home / "plugins" / "memory", Settings(memory_char_limit=500_000, user_char_limit=500_000))
stamp = Stamp(origin="owner", time=time.time(), session=number)
target = "user" if int(number) % 2 else "memory"
for step in range(count):
    # Each operation but the first of five fails when an earlier one was lost; every eighth entry stays.
    cycle, kind = divmod(step, 5)
    name = f"<{number}.{cycle}>"
    if kind == 0:
        store.write("add", target, content=name, stamp=stamp)
    elif kind == 1:
        store.write("replace", target, old_text=name, content=name + " replaced", stamp=stamp)
    elif kind == 2:
        store.write("add", target, content=f"[{number}.{cycle}]", stamp=stamp)
    elif kind == 3:
        store.write("remove", target, old_text=f"[{number}.{cycle}]", stamp=stamp)
    elif cycle % 8:
        store.write("remove", target, old_text=name + " replaced", stamp=stamp)
    else:
        store.write("add", target, content=name + " replaced", stamp=stamp)
"""


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that needs no disk, where there is one: the test is of locks, and waiting for disks is slow."""
    shared = Path("/dev/shm")
    if not shared.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.mark.timeout(120)
def test_eight_processes_of_two_hundred_operations_each_lose_nothing(in_memory: Path) -> None:
    home = in_memory
    runs = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(home), str(number), "200"], stderr=subprocess.PIPE)
        for number in range(8)
    ]
    for run in runs:
        _, errors = run.communicate(timeout=100)
        assert run.returncode == 0, errors.decode()
    store = Store(home, home / "plugins" / "memory", Settings())
    for parity, target in enumerate(("memory", "user")):
        found = [entry.text for entry in store.content(target).entries]
        wanted = {f"<{n}.{step}> replaced" for n in range(parity, 8, 2) for step in range(0, 40, 8)}
        assert len(found) == len(set(found)) == 20
        assert set(found) == wanted
        assert all(entry.stamp for entry in store.content(target).entries)
    numbers = [edit.number for edit in store.history()]
    assert numbers == list(range(numbers[0], 1561))


KILLED = """
import os, signal, sys, time
from pathlib import Path
from hermes_memory import files
from hermes_memory.records import Stamp
from hermes_memory.settings import Settings
from hermes_memory.store import Store
home, fatal = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def deadly(function):
    # Dies right before the n-th system call of the write.
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
os.fsync = deadly(os.fsync)
os.fdopen = deadly(os.fdopen)
Path.replace = deadly(Path.replace)
store = Store(home, home / "plugins" / "memory", Settings())
store.write("replace", "memory", old_text="old", content="new", stamp=Stamp(origin="owner", time=1.0))
print("done")
"""


def test_a_writer_killed_at_any_step_leaves_the_old_file_or_the_new_one(
    home: Path, files: Any, store: Any, owner: Any
) -> None:
    killed = 0
    for fatal in range(1, 100):
        files.write("MEMORY.md", "the old one\n§\nanother")
        run = subprocess.run([sys.executable, "-c", KILLED, str(home), str(fatal)], capture_output=True)
        assert files.memory in ("the old one\n§\nanother".encode(), "new\n§\nanother".encode()), fatal
        # The next writer is not held up, and cleans up.
        store.write("add", "memory", content="after", stamp=owner)
        assert not list((home / "memories").glob(".mem_*"))
        before = files.memory
        store.undo()
        assert files.memory == before.removesuffix("\n§\nafter".encode())
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL
        killed += 1
    assert killed >= 8


def test_an_edit_that_a_killed_process_only_announced_is_passed_over_by_undo(
    home: Path, files: Any, store: Any, owner: Any
) -> None:
    store.write("add", "memory", content="kept", stamp=owner)
    store.write("add", "memory", content="lost", stamp=owner)
    files.write("MEMORY.md", "kept")  # as if the last step of the second write never came
    store.undo()
    assert files.memory == b""


def test_a_writer_that_holds_the_lock_too_long_is_named(
    home: Path, store: Any, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    from hermes_memory import files
    from hermes_memory.files import FileProblem

    store.write("add", "memory", content="a", stamp=owner)
    monkeypatch.setattr(files, "_LOCK_SECONDS", 0.2)
    # The very lock of Hermes Agent: flock on a file beside it.
    descriptor = os.open(home / "memories" / "MEMORY.md.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(FileProblem, match="locked"):
        store.write("add", "memory", content="b", stamp=owner)
    os.close(descriptor)
    store.write("add", "memory", content="b", stamp=owner)
