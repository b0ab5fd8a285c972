"""No process outlives its command, its terminal or its host."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
from hermes_local.backend import LocalBackend

from hermes_host.protocols import Command, Output
from hermes_host.testing.terminals import run

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the guarantee is given on Linux")

FAMILY = """
member='echo $$ >> pids; while :; do sleep 1000; done'
sh -c "$member" &
nohup setsid sh -c "trap '' TERM HUP INT; $member" >/dev/null 2>&1 &
( env -i PATH="$PATH" setsid sh -c "$member" >/dev/null 2>&1 & )
python3 -c 'import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("pids", "a").write("%d\\n" % os.getpid())
        while True: os.execvp("sleep", ["sleep", "1000"])
    os._exit(0)
'
while [ "$(wc -l < pids)" -lt 4 ]; do sleep 0.02; done
echo ready
"""

HOST = """
import asyncio, os, sys
from contextlib import aclosing
from hermes_host.protocols import Command
from hermes_local.backend import LocalBackend

async def main():
    async with LocalBackend().open("key", sys.argv[1]) as terminal:
        async with aclosing(terminal.run(Command(script=sys.argv[2] + "\\nsleep 1000"))) as events:
            async for event in events:
                os.write(1, b"ready\\n")

asyncio.run(main())
"""


def wait_for_the_end(pids: list[int], descriptors: list[int]) -> None:
    import select

    for pid, descriptor in zip(pids, descriptors, strict=True):
        ended, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ended, f"process {pid} outlived its host: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_the_death_of_the_host(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(tmp_path), FAMILY], stdout=subprocess.PIPE, start_new_session=True
    ) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        pids = [int(pid) for pid in (tmp_path / "pids").read_text(encoding="utf-8").split()]
        pids += [pid for pid in descendants_of(host.pid) if pid not in pids]
        assert len(pids) >= 7, "the warden, keepers and the shell belong to it too"
        descriptors = [os.pidfd_open(pid) for pid in pids]
        host.send_signal(number)
        host.wait()
        wait_for_the_end(pids, descriptors)


def descendants_of(root: int) -> list[int]:
    from hermes_local.killing import descendants

    return [pid for pid, _ in descendants(root)]


async def test_a_command_whose_keeper_is_killed_is_killed_by_the_warden(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        async with aclosing(terminal.run(Command(script=f"{FAMILY}\nsleep 1000"))) as events:
            seen = b""
            async for event in events:
                if isinstance(event, Output):
                    seen += event.data
                    pids = [int(pid) for pid in (tmp_path / "pids").read_text(encoding="utf-8").split()]
                    descriptors = [os.pidfd_open(pid) for pid in pids]
                    os.kill(keeper_of(pids[0]), signal.SIGKILL)
                else:
                    assert event.code == 137
        assert seen == b"ready\n"
        await asyncio.to_thread(wait_for_the_end, pids, descriptors)
        assert (await run(terminal, "echo and it goes on")).out == b"and it goes on\n"


async def test_a_killed_warden_is_replaced(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        first = int((await run(terminal, "ps -o ppid= -p $PPID")).out)
        watched = os.pidfd_open(first)
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_for_the_end, [first], [watched])
        second = int((await run(terminal, "ps -o ppid= -p $PPID")).out)
        assert second != first


async def test_the_usual_signals_do_not_take_the_warden_away(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        killed = await run(terminal, "kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; echo still here")
        assert (killed.out, killed.code) == (b"still here\n", 0)


def keeper_of(pid: int) -> int:
    """The first process above `pid` that runs the warden's code."""
    while b"hermes_local.warden" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return pid


async def test_a_process_that_always_forks_and_ends_is_caught(tmp_path: Path) -> None:
    # There is never a process left whose number was seen before.
    (tmp_path / "hop").write_text("sh ./hop &\n", encoding="utf-8")
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        ended = await run(terminal, "sh ./hop; sleep 1000", timeout=0.2)
        assert ended.timed_out
        left = await run(terminal, "ps -e -o args= | grep -c '[s]h ./hop'")
        assert left.out.strip() == b"0"
