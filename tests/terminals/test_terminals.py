"""Each session has a terminal of its own, opened on first use and closed by the task that opened it."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend

from hermes_host.context import SessionContext
from hermes_host.errors import NotFound, SessionError
from hermes_host.terminals import Terminals
from hermes_host.testing import FakeTerminalBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hermes_host.protocols import Terminal


async def test_two_sessions_never_see_each_other(terminals: Terminals, tmp_path: Path) -> None:
    shells = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shells.append(await terminals.shell(SessionContext(name, directory=str(tmp_path / name))))
    await asyncio.gather(
        *(shell.run(f"value={i}; export other={i}; mkdir -p x; cd x") for i, shell in enumerate(shells))
    )
    results = await asyncio.gather(*(shell.run("echo $value $other $PWD") for shell in shells))
    assert [result.output for result in results] == [f"0 0 {tmp_path}/one/x\n", f"1 1 {tmp_path}/two/x\n"]
    await shells[0].jobs.start("sleep 1000")
    assert shells[1].jobs.list() == ()


async def test_a_start_directory_that_is_none_is_named_with_its_setting(terminals: Terminals, tmp_path: Path) -> None:
    session = SessionContext("session", directory=str(tmp_path / "later"))
    with pytest.raises(SessionError) as caught:
        await terminals.shell(session)
    assert caught.value.message == f"The commands of this session start in '{tmp_path}/later', which does not exist."
    assert "`terminal.cwd`" in caught.value.remedy
    (tmp_path / "later").touch()
    with pytest.raises(SessionError, match="which is no directory"):
        await terminals.shell(session)
    (tmp_path / "later").unlink()
    (tmp_path / "later").mkdir()
    assert (await terminals.shell(session)).directory == str(tmp_path / "later")


async def test_a_session_keeps_its_terminal_and_its_shell(terminals: Terminals, start: Path) -> None:
    session = SessionContext("session", directory=str(start))
    opened = await asyncio.gather(*(terminals.open(session) for _ in range(5)))
    assert all(terminal is opened[0] for terminal in opened)
    assert opened[0].directory == str(start)
    assert await terminals.shell(session) is await terminals.shell(session)
    assert terminals.backend(session) == "local"


async def test_closing_a_session_kills_its_jobs_and_what_runs_in_the_background(
    terminals: Terminals, start: Path
) -> None:
    session = SessionContext("session", directory=str(start))
    shell = await terminals.shell(session)
    job = await shell.jobs.start("nohup setsid sleep 1000 & echo $! > job; sleep 1000")
    await shell.run(
        "setsid nohup sleep 1000 >/dev/null 2>&1 & echo $! > child; while [ ! -s job ]; do sleep 0.01; done"
    )
    await terminals.close(session.id)
    await terminals.close(session.id)
    assert job.state == "killed"
    for name in ("job", "child"):
        with pytest.raises(ProcessLookupError):
            os.kill(int((start / name).read_text(encoding="utf-8")), 0)
    again = await terminals.shell(session)
    assert again is not shell
    assert (await again.run("pwd")).output == f"{start}\n"


class Recording:
    """A backend that notes which task enters and leaves."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tasks: list[asyncio.Task[object] | None] = []
        self.hold = asyncio.Event()
        self.hold.set()

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[Terminal]:
        await self.hold.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionRefusedError("the machine is off")
        self.tasks.append(asyncio.current_task())
        async with FakeTerminalBackend().open(key, directory) as terminal:
            yield terminal
        self.tasks.append(asyncio.current_task())


def terminals_of(backend: Recording) -> Terminals:
    async def connect(name: str) -> Recording:
        return backend

    return Terminals(connect)


async def test_one_task_enters_and_leaves() -> None:
    backend = Recording()
    terminals = terminals_of(backend)
    await asyncio.create_task(terminals.open(SessionContext("one")))
    await asyncio.create_task(terminals.close("one"))
    entered, left = backend.tasks
    assert entered is left
    assert entered is not None
    assert entered.done()


async def test_a_terminal_that_could_not_be_opened_is_tried_again() -> None:
    terminals = terminals_of(Recording(failures=1))
    session = SessionContext("one")
    results = await asyncio.gather(*(terminals.open(session) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionRefusedError] * 3
    assert await terminals.open(session) is await terminals.open(session)
    await terminals.aclose()


async def test_a_missing_backend_is_told_to_who_asks() -> None:
    async def connect(name: str) -> Recording:
        raise NotFound(f"No terminal backend {name!r}.")

    with pytest.raises(NotFound, match="moon"):
        await Terminals(connect, default="moon").open(SessionContext("one"))


async def test_one_who_stops_waiting_does_not_take_the_terminal_from_the_others() -> None:
    backend = Recording()
    backend.hold.clear()
    terminals = terminals_of(backend)
    session = SessionContext("one")
    impatient = asyncio.create_task(terminals.open(session))
    patient = asyncio.create_task(terminals.open(session))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    backend.hold.set()
    assert (await patient).directory
    await terminals.aclose()


async def test_a_session_closed_while_its_terminal_opens_says_so() -> None:
    backend = Recording()
    backend.hold.clear()
    terminals = terminals_of(backend)
    waiting = asyncio.create_task(terminals.open(SessionContext("one")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await terminals.close("one")
    with pytest.raises(SessionError, match="closed"):
        await waiting
    assert backend.tasks == []


async def test_only_the_session_that_asked_sees_a_passed_variable(tmp_path: Path) -> None:
    values = {"WEATHER_KEY": "rain 'or' shine", "EMPTY": ""}

    async def connect(name: str) -> LocalBackend:
        return LocalBackend()

    terminals = Terminals(connect, results=tmp_path / "results", value_of=lambda name: values.get(name, ""))
    asking, other = (SessionContext(name, directory=str(tmp_path)) for name in ("asking", "other"))
    asking.pass_environment("WEATHER_KEY", "EMPTY", "UNKNOWN")
    say = "echo ${WEATHER_KEY-none} ${EMPTY-none}"
    assert (await (await terminals.shell(asking)).run(say)).output == "rain 'or' shine none\n"
    assert (await (await terminals.shell(other)).run(say)).output == "none none\n"
    job = await (await terminals.shell(asking)).jobs.start(say)
    assert await job.wait(10)
    assert job.poll() == "rain 'or' shine none\n"
    await terminals.aclose()
