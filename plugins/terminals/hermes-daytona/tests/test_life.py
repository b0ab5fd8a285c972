"""What runs at Daytona when, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from hermes_daytona.backend import DaytonaBackend

from hermes_host.context import Services
from hermes_host.errors import ConfigError, NotFound, SessionError, ToolError
from hermes_host.protocols import Command, Output, SessionStore
from hermes_host.terminals import Shell
from hermes_host.testing.terminals import run

Make = Callable[..., DaytonaBackend]


class Sessions:
    """A session store that knows some conversations."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    def find(self, reference: str) -> Any:
        if reference not in self._ids:
            raise NotFound(f"no {reference}")
        return type("Info", (), {"id": reference})()


def knowing(*ids: str) -> Services:
    services = Services()
    services.provide(SessionStore, Sessions(*ids))  # type: ignore[arg-type]
    return services


async def test_nothing_is_made_before_the_first_command(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        assert terminal.directory == "/root"
    assert daytona_service.calls == []


async def test_an_idle_sandbox_goes_to_sleep_by_itself(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend(hibernate_after=0.2).open("s", "") as terminal:
        await run(terminal, "echo kept > file")
        async with asyncio.timeout(20):
            await daytona_service.ended.wait()
        assert daytona_service.running == []
        assert await terminal.read("file") == b"kept\n"


async def test_another_process_finds_the_files_of_a_conversation(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        await run(terminal, "echo kept > file")
    assert daytona_service.running == []
    async with make_backend().open("other", "") as terminal:
        assert (await run(terminal, "cat file")).code == 1
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "cat file")).out == b"kept\n"


async def test_one_conversation_is_open_in_one_process_at_a_time(make_backend: Make) -> None:
    async with make_backend().open("s", ""):
        with pytest.raises(SessionError, match="Another process"):
            async with make_backend().open("s", ""):
                pass


async def test_asleep_no_sandbox_runs_and_awake_the_files_are_back(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        shell = Shell(terminal)
        await shell.run("mkdir work; cd work; echo kept > file; export NAME=kept")
        for _ in range(2):
            await terminal.hibernate()
            assert daytona_service.running == []
            result = await shell.run("cat file; echo $NAME; pwd")
            assert result.output.split() == ["kept", "kept", "/root/work"]
            assert len(daytona_service.running) == 1
        await shell.close()
    assert len(daytona_service.sandboxes) == 1


async def test_a_process_in_the_background_keeps_it_awake(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend(lifetime_seconds=0.1).open("s", "") as terminal:
        await run(terminal, "nohup sleep 1000 >/dev/null 2>&1 & echo $! > pid")
        daytona_service.looked.clear()
        async with asyncio.timeout(20):
            await daytona_service.looked.wait()
        assert (await run(terminal, "kill -0 $(cat pid)")).code == 0


async def test_a_sandbox_left_running_is_found_by_its_name(make_backend: Make, daytona_service: Any) -> None:
    with pytest.raises(ToolError, match="stopping the sandbox"):
        async with make_backend().open("s", "") as terminal:
            await run(terminal, "echo kept > file")
            daytona_service.failures["POST /api/sandbox/box"] = [400]
    assert len(daytona_service.running) == 1
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "cat file")).out == b"kept\n"
    assert len(daytona_service.sandboxes) == 1


async def test_where_nothing_is_to_be_kept_nothing_is(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend(container_persistent=False).open("s", "") as terminal:
        await run(terminal, "echo x > file")
    assert daytona_service.sandboxes == {}


@pytest.mark.parametrize(("state", "code", "notice"), [("stopped", 0, b"started again"), ("destroyed", 1, b"is gone")])
async def test_a_sandbox_that_vanishes_is_said_to_and_the_next_command_has_one(
    make_backend: Make, daytona_service: Any, state: str, code: int, notice: bytes
) -> None:
    async with make_backend().open("s", "") as terminal:
        await terminal.write("file", b"saved")
        with pytest.raises(ToolError, match="gone"):
            async with aclosing(terminal.run(Command(script="echo ready; sleep 1000"))) as events:  # type: ignore[type-var]
                async for event in events:
                    assert event == Output(b"ready\n")
                    await daytona_service.halt(daytona_service.running[0], state)
        finished = await run(terminal, "cat file")
        assert (finished.code, notice in finished.err) == (code, True)
        assert (await run(terminal, "true")).err == b""


async def test_reaping_deletes_what_is_gone_and_stops_the_rest(make_backend: Make, daytona_service: Any) -> None:
    for key in ("kept", "gone"):
        async with make_backend().open(key, "") as terminal:
            await terminal.write("file", key.encode())
    for sandbox in daytona_service.sandboxes.values():
        sandbox.state = "started"  # as a killed process leaves it
    backend = make_backend(services=knowing("kept", "open"))
    async with backend.open("open", "") as terminal:
        await run(terminal, "true")
        said = await backend.reap()
        assert [sandbox.asked["labels"]["hermes-session"] for sandbox in daytona_service.running] == ["open"]
    assert sorted(line.split(": ")[1].split(";")[0] for line in said) == ["deleted with its files", "stopped"]
    async with backend.open("kept", "") as terminal:
        assert await terminal.read("file") == b"kept"
    assert await backend.reap() == []


async def test_another_home_of_the_same_account_is_left_alone(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend(services=knowing()).open("s", "") as terminal:
        await run(terminal, "true")
        daytona_service.running[0].asked["labels"]["hermes-home"] = "somebody-else"
        assert await make_backend(services=knowing()).reap() == []
        assert len(daytona_service.running) == 1


async def test_a_wrong_key_is_said_plainly(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend(key="dtn-wrong").open("s", "") as terminal:
        with pytest.raises(ConfigError, match="refused the key"):
            await run(terminal, "true")
    async with make_backend(key="").open("s", "") as terminal:
        with pytest.raises(ConfigError, match="no Daytona key"):
            await run(terminal, "true")
    assert daytona_service.sandboxes == {}


async def test_a_service_that_stumbles_is_asked_again(make_backend: Make, daytona_service: Any) -> None:
    daytona_service.failures["GET /api/sandbox/"] = [429]
    daytona_service.failures["POST /api/sandbox"] = [503]
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "echo here")).out == b"here\n"
    assert len(daytona_service.sandboxes) == 1


async def test_a_service_that_only_fails_is_an_error_and_the_next_command_tries_again(
    make_backend: Make, daytona_service: Any
) -> None:
    daytona_service.failures["POST /api/sandbox"] = [400]
    async with make_backend().open("s", "") as terminal:
        with pytest.raises(ToolError, match="starting a sandbox: .*not now"):
            await run(terminal, "true")
        assert (await run(terminal, "echo here")).out == b"here\n"


async def test_a_slow_start_is_waited_for_as_long_as_it_may_take(make_backend: Make, daytona_service: Any) -> None:
    daytona_service.starting = 2
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "echo here")).out == b"here\n"
    daytona_service.starting = 1000
    async with make_backend(start_timeout=0.5).open("slow", "") as terminal:
        with pytest.raises(ToolError, match="starting a sandbox"):
            await run(terminal, "true")


async def test_the_settings_reach_daytona(make_backend: Make, daytona_service: Any) -> None:
    backend = make_backend(
        container_cpu=2.0, container_memory=2048, container_disk=4096, daytona_image="example/image:1"
    )
    async with backend.open("s", "/srv/here") as terminal:
        assert (await run(terminal, "pwd")).out == b"/srv/here\n"
    (sandbox,) = daytona_service.sandboxes.values()
    assert (sandbox.asked["cpu"], sandbox.asked["memory"], sandbox.asked["disk"]) == (2, 2, 4)
    assert "FROM example/image:1" in sandbox.asked["buildInfo"]["dockerfileContent"]
    assert (sandbox.asked["autoStopInterval"], sandbox.asked["target"]) == (60, "us")


async def test_a_value_given_to_a_command_is_in_no_argument(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        finished = await run(terminal, "echo $SECRET", env={"SECRET": "canary-value"})
        assert finished.out == b"canary-value\n"
        assert "canary" not in str(daytona_service.commands)


async def test_a_sandbox_that_ended_between_commands_fails_no_command(make_backend: Make, daytona_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        shell = Shell(terminal)
        await terminal.write("file", b"saved")
        await terminal.hibernate()
        await shell.run("true")
        await daytona_service.halt(daytona_service.running[0], "stopped")
        assert await terminal.read("file") == b"saved"
        result = await shell.run("cat file")
        assert result.output.endswith("saved")
        assert "started again, with its files" in result.output
        await daytona_service.halt(daytona_service.running[0], "stopped")
        assert (await shell.run("cat file")).output.endswith("saved")
        await shell.close()


async def test_where_it_was_never_used_there_is_nothing_to_reap(make_backend: Make) -> None:
    assert list(await make_backend(key="").reap()) == []
