"""The part of the conformance kit for terminals with background jobs that outlive the host's process."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import msgspec
import pytest

from hermes_host.protocols import DetachingTerminal
from hermes_host.terminals import Shell
from hermes_host.testing.terminals_running import Opened, TerminalRunning, run

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.protocols import Terminal, TerminalBackend
    from hermes_host.terminals import Job

__all__ = ["TerminalJobs"]


class TerminalJobs(TerminalRunning):
    """What backends with the feature `detached` keep to."""

    async def test_only_a_terminal_with_the_feature_detaches(self, terminal: Terminal) -> None:
        """`detaches` may be true only where the backend declares the feature `detached`.

        If this fails: declare the feature in the TerminalSpec, or leave `detaches` out.
        """
        detaches = isinstance(terminal, DetachingTerminal) and terminal.detaches
        assert detaches == ("detached" in self.features)

    async def test_a_job_outlives_the_terminal_and_is_found_again(
        self, backend: TerminalBackend, directory: str, tmp_path: Path
    ) -> None:
        """A job runs on when the terminal is closed; whoever opens the key again reads on where the last one stopped,
        writes to it, and gets its exit code.

        If this fails: leave out, for commands that are `detached`, whatever makes the end of a terminal find processes.
        """
        key = self._key()
        script = "echo one; read word; echo $word; read word; echo $word; exit 7"
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            job = await shell.jobs.start(script)
            assert await _output(job, "one\n") == "one\n"
            pid = job.pid
            await job.write(b"two\n")
            await _file_has(job, b"two\n")
            await shell.close()
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            await shell.jobs.find()
            (found,) = shell.jobs.list()
            assert (found.id, found.command, found.state, found.pid) == (job.id, script, "running", pid)
            assert await _output(found, "two\n") == "two\n"
            await found.write(b"three\n")
            assert await found.wait(60)
            assert (found.state, found.code) == ("exited", 7), f"{found.state}: {found.log()}"
            assert found.poll() == "three\n"
            assert found.log() == ["one", "two", "three"]
            await shell.close()

    async def test_the_end_of_a_job_that_nobody_saw_is_known_afterwards(
        self, backend: TerminalBackend, directory: str, tmp_path: Path
    ) -> None:
        """Exit code and output of a job that ended while no terminal was open are there afterwards, also the second
        time.

        If this fails: keep the machine, with what is in /tmp, while it holds the end of a job.
        """
        key = self._key()
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            job = await shell.jobs.start("while [ ! -e go ]; do sleep 0.05; done; echo done; exit 3")
            await run(terminal, "(sleep 1; : > go) >/dev/null 2>&1 &", detached=True)
            await shell.close()
            assert job.state == "running"
        await asyncio.sleep(1.5)  # nobody is there who could be told
        for _ in range(2):
            async with Opened(backend, key, directory) as terminal:
                shell = self._shell(terminal, tmp_path)
                await shell.jobs.find()
                (found,) = shell.jobs.list()
                assert await found.wait(60)
                assert (found.state, found.code) == ("exited", 3)
                assert found.log() == ["done"]
                assert found.ended is not None
                await shell.close()

    async def test_a_job_found_again_is_killed_with_all_it_started(
        self, backend: TerminalBackend, directory: str, tmp_path: Path
    ) -> None:
        """Killing works after a restart, and takes what runs in sessions of its own.

        If this fails: do not take the variable HERMES_JOB out of the environment of commands.
        """
        key = self._key()
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            job = await shell.jobs.start("setsid sleep 1007 & sleep 1008 & echo begun; wait")
            await _output(job, "begun\n")
            await shell.close()
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            await shell.jobs.find()
            (found,) = shell.jobs.list()
            assert found.pid is not None
            alive = f"grep -lzF 'HERMES_JOB={found.id[:-1]}''{found.id[-1]}' /proc/[0-9]*/environ 2>/dev/null | wc -l"
            before = await run(terminal, alive)
            assert int(before.out) >= 3, f"its processes are not marked: {before!r}"
            await found.kill()
            assert (found.state, found.code) == ("killed", None), f"{found.state}: {found.log()}"
            after = await run(terminal, alive)
            assert int(after.out) == 0, "some of its processes still run"
            await shell.close()

    async def test_a_job_whose_machine_is_gone_is_lost(
        self, backend: TerminalBackend, directory: str, tmp_path: Path
    ) -> None:
        """Nobody guesses that a job has ended: where its wrapper is gone without an exit code, or everything is, it is
        lost.
        """
        key = self._key()
        async with Opened(backend, key, directory) as terminal:
            shell = self._shell(terminal, tmp_path)
            jobs = [await shell.jobs.start("echo begun; exec sleep 1009") for _ in range(2)]
            for job in jobs:
                await _output(job, "begun\n")
            await shell.close()
        places = [msgspec.json.decode((tmp_path / f"{job.id}.json").read_bytes())["folder"] for job in jobs]
        async with Opened(backend, key, directory) as terminal:
            await run(terminal, f"read pid _ <{places[0]}/pid; kill -9 $pid {jobs[0].pid}")
            await run(terminal, f"rm -r {places[1]}; kill -9 {jobs[1].pid}")
            shell = self._shell(terminal, tmp_path)
            await shell.jobs.find()
            for job in shell.jobs.list():
                assert await job.wait(60)
                assert (job.state, job.code) == ("lost", None)
            await shell.close()

    def _key(self) -> str:
        self.needs_programs()
        if "detached" not in self.features:
            pytest.skip("the backend has no feature 'detached'")
        return f"contract-{secrets.token_hex(4)}"

    def _shell(self, terminal: Terminal, folder: Path) -> Shell:
        return Shell(terminal, keep_in=folder, backend="contract")


async def _output(job: Job, text: str) -> str:
    """Follow the job's output until it has `text`."""
    seen = ""
    async with asyncio.timeout(60):
        while text not in seen:
            seen += job.poll()
            await asyncio.sleep(0.02)
    return seen


async def _file_has(job: Job, data: bytes) -> None:
    """Wait until output has arrived without taking it."""
    async with asyncio.timeout(60):
        while data not in (job.file.read_bytes() if job.file.exists() else b""):  # noqa: ASYNC110, a file
            await asyncio.sleep(0.02)
