"""Background processes of a session."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import pytest

from hermes_host.errors import NotFound, ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.terminals import Job, Shell


async def wait_for(job: Job, text: str) -> str:
    """Follow the job's output until it has `text`."""
    seen = ""
    async with asyncio.timeout(10):
        while text not in seen:
            seen += job.poll()
            await asyncio.sleep(0.005)
    return seen


async def test_a_job_runs_beside_the_shell_with_a_copy_of_its_state(shell: Shell, start: Path) -> None:
    await shell.run("value=from-the-shell; greet() { echo hello; }; mkdir sub; cd sub")
    job = await shell.jobs.start("greet; echo $value; pwd; value=changed; cd /; read line; exit 5")
    assert re.fullmatch(r"proc_[0-9a-f]{12}", job.id)
    assert (job.state, job.code, job.command.startswith("greet")) == ("running", None, True)
    assert await wait_for(job, "sub\n") == f"hello\nfrom-the-shell\n{start}/sub\n"
    assert job.poll() == ""
    assert job.pid is not None
    os.kill(job.pid, 0)
    assert (await shell.run("echo $value $PWD")).output == f"from-the-shell {start}/sub\n"
    assert await job.wait(0.01) is False
    await job.write(b"go\n")
    assert await job.wait(10) is True
    assert (job.state, job.code) == ("exited", 5)
    assert job.ended is not None
    assert job.ended >= job.started


async def test_input_is_written_as_it_comes_and_can_be_ended(shell: Shell) -> None:
    job = await shell.jobs.start("while read line; do echo got $line; done; echo end")
    for word in ("one", "two"):
        await job.write(f"{word}\n".encode())
        assert await wait_for(job, f"got {word}\n") == f"got {word}\n"
    await job.write(b"three\n", eof=True)
    assert await job.wait(10)
    assert job.poll() == "got three\nend\n"
    with pytest.raises(ToolError, match="ended"):
        await job.write(b"late\n")


async def test_input_that_was_ended_takes_no_more(shell: Shell) -> None:
    job = await shell.jobs.start("sleep 1000")
    await job.write(b"", eof=True)
    with pytest.raises(ToolError, match="closed"):
        await job.write(b"more")


async def test_killing_a_job_takes_all_it_started(shell: Shell, start: Path) -> None:
    job = await shell.jobs.start(
        "setsid sleep 1000 & echo $! > pid; nohup sleep 1001 & echo $! >> pid; echo begun; wait"
    )
    await wait_for(job, "begun\n")
    await job.kill()
    assert (job.state, job.code) == ("killed", None)
    for pid in (start / "pid").read_text(encoding="utf-8").split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    await job.kill()
    assert await job.wait(0) is True


async def test_a_job_in_a_pseudo_terminal_can_be_talked_to(shell: Shell) -> None:
    job = await shell.jobs.start("test -t 0 && echo tty; read line; echo got $line; cat; echo end", pty=True)
    assert await wait_for(job, "tty\n") == "tty\n"
    await job.write(b"hello\n")
    assert await wait_for(job, "got hello\n") == "got hello\n"
    await job.write(b"tail", eof=True)
    assert await job.wait(10)
    assert job.poll() == "tailend\n"
    assert job.code == 0


async def test_the_log_gives_any_lines_of_all_output(shell: Shell) -> None:
    job = await shell.jobs.start("seq 200000; printf '\\033[1mlast\\033[0m'")
    assert await job.wait(20)
    assert job.log(0, 3) == ["1", "2", "3"]
    assert job.log(123_455, 2) == ["123456", "123457"]
    assert job.log(-2) == ["200000", "last"]
    assert job.log(199_999, 50) == ["200000", "last"]
    assert job.log(200_001) == []
    assert len(job.log()) == 200
    for line in range(0, 200_000, 9_999):
        assert job.log(line, 1) == [str(line + 1)]
    assert job.file.read_bytes().startswith(b"1\n2\n")
    text = job.poll()
    assert text.startswith("[… ")
    assert str(job.file) in text.partition("\n")[0]
    assert len(text) < 200_300
    assert text.endswith("200000\nlast")


async def test_a_job_that_cannot_start_is_no_job(shell: Shell) -> None:
    with pytest.raises(FileNotFoundError):
        await shell.jobs.start("true", directory="/no/such/directory")
    with pytest.raises(ValueError, match="NUL"):
        await shell.jobs.start("echo \0")
    assert shell.jobs.list() == ()
    assert (await (await shell.jobs.start("pwd", directory="/usr")).wait(10)) is True
    assert shell.jobs.list()[0].poll() == "/usr\n"


async def test_an_unknown_job_is_named_with_those_that_are_known(shell: Shell) -> None:
    job = await shell.jobs.start("true")
    assert shell.jobs.get(job.id) is job
    with pytest.raises(NotFound, match=job.id):
        shell.jobs.get("proc_000000000000")


async def test_the_64_jobs_that_ended_last_are_remembered(shell: Shell) -> None:
    first = await shell.jobs.start("echo output")
    await first.wait(10)
    assert first.file.exists()
    for _ in range(65):
        await (await shell.jobs.start("true")).wait(10)
    assert len(shell.jobs.list()) <= 65
    assert first not in shell.jobs.list()
    assert not first.file.exists()


async def test_too_many_running_jobs_are_refused(shell: Shell) -> None:
    for _ in range(64):
        await shell.jobs.start("exec sleep 1000")
    with pytest.raises(ToolError, match="64 background processes"):
        await shell.jobs.start("true")
