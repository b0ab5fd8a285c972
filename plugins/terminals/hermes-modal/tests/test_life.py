"""What runs at Modal when, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from grpclib import Status
from hermes_modal.backend import ModalBackend

from hermes_host.context import Services
from hermes_host.errors import ConfigError, NotFound, SessionError, ToolError
from hermes_host.protocols import Command, Output, SessionStore
from hermes_host.terminals import Shell
from hermes_host.testing.terminals import run

Make = Callable[..., ModalBackend]


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


async def test_nothing_is_made_before_the_first_command(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        assert terminal.directory == "/root"
    assert modal_service.calls == []


async def test_asleep_no_sandbox_runs_and_awake_the_files_are_back(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        shell = Shell(terminal)
        await shell.run("mkdir work; cd work; echo kept > file; export NAME=kept")
        for _ in range(2):
            await terminal.hibernate()
            assert modal_service.running == []
            result = await shell.run("cat file; echo $NAME; pwd")
            assert result.output.split() == ["kept", "kept", "/root/work"]
            assert len(modal_service.running) == 1
        await terminal.hibernate()
        assert len(modal_service.snapshots) == 1, "older snapshots were not removed"
        await shell.close()


async def test_an_idle_sandbox_goes_to_sleep_by_itself(make_backend: Make, modal_service: Any) -> None:
    async with make_backend(hibernate_after=0.2).open("s", "") as terminal:
        await run(terminal, "echo kept > file")
        async with asyncio.timeout(20):
            await modal_service.ended.wait()
        assert modal_service.running == []
        assert await terminal.read("file") == b"kept\n"


async def test_a_process_in_the_background_keeps_it_awake(make_backend: Make, modal_service: Any) -> None:
    async with make_backend(lifetime_seconds=0.1).open("s", "") as terminal:
        await run(terminal, "nohup sleep 1000 >/dev/null 2>&1 & echo $! > pid")
        modal_service.looked = asyncio.Event()
        async with asyncio.timeout(20):
            await modal_service.looked.wait()
        assert (await run(terminal, "kill -0 $(cat pid)")).code == 0
        assert len(modal_service.sandboxes) == 1


async def test_another_process_finds_the_files_of_a_conversation(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        await run(terminal, "echo kept > file")
    assert modal_service.running == []
    async with make_backend().open("other", "") as terminal:
        assert (await run(terminal, "cat file")).code == 1
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "cat file")).out == b"kept\n"


async def test_a_sandbox_left_running_is_found_by_its_name(make_backend: Make, modal_service: Any) -> None:
    modal_service.fail("TaskSnapshotFilesystem", Status.INVALID_ARGUMENT, "no snapshots today")
    with pytest.raises(ToolError, match="no snapshots today"):
        async with make_backend().open("s", "") as terminal:
            await run(terminal, "echo kept > file")
    assert len(modal_service.running) == 1, "it was ended although its files were not saved"
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "cat file")).out == b"kept\n"
        assert len(modal_service.sandboxes) == 1


async def test_where_nothing_is_to_be_kept_nothing_is(make_backend: Make, modal_service: Any) -> None:
    async with make_backend(container_persistent=False).open("s", "") as terminal:
        await run(terminal, "echo x > file")
    assert (modal_service.running, modal_service.snapshots) == ([], [])


async def test_a_sandbox_that_vanishes_is_said_to_and_another_one_comes(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        await terminal.write("file", b"saved")
        await terminal.hibernate()
        with pytest.raises(ToolError, match="gone"):
            async with aclosing(terminal.run(Command(script="echo ready; sleep 1000"))) as events:  # type: ignore[type-var]
                async for event in events:
                    assert event == Output(b"ready\n")
                    modal_service.end(modal_service.running[0])
        finished = await run(terminal, "cat file")
        assert finished.out == b"saved"
        assert b"with the files of when it last slept" in finished.err
        assert (await run(terminal, "true")).err == b""


async def test_a_snapshot_that_is_gone_is_said_to_be(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        await terminal.write("file", b"x")
        await terminal.hibernate()
        for image in modal_service.snapshots:
            del modal_service.images[image]
        finished = await run(terminal, "cat file")
        assert (finished.code, b"are gone at Modal" in finished.err) == (1, True)


async def test_one_conversation_is_open_in_one_process_at_a_time(make_backend: Make) -> None:
    async with make_backend().open("s", ""):
        with pytest.raises(SessionError, match="Another process"):
            async with make_backend().open("s", ""):
                pass


async def test_reaping_ends_what_is_gone_and_puts_the_rest_to_sleep(make_backend: Make, modal_service: Any) -> None:
    for key in ("kept", "gone"):
        modal_service.fail("TaskSnapshotFilesystem", Status.INVALID_ARGUMENT, "no")
        with pytest.raises(ToolError):
            async with make_backend().open(key, "") as terminal:
                await terminal.write("file", key.encode())
    async with make_backend().open("asleep-and-gone", "") as terminal:
        await terminal.write("file", b"x")
    backend = make_backend(services=knowing("kept", "open"))
    async with backend.open("open", "") as terminal:
        await run(terminal, "true")
        said = await backend.reap()
        assert [sandbox.tags["hermes-session"] for sandbox in modal_service.running] == ["open"]
    assert sorted(line.split(": ")[1].split(";")[0].split(",")[0] for line in said) == [
        "ended",
        "files removed",
        "put to sleep",
    ]
    async with backend.open("kept", "") as terminal:
        assert await terminal.read("file") == b"kept"
    assert await backend.reap() == []


async def test_another_home_of_the_same_account_is_left_alone(make_backend: Make, modal_service: Any) -> None:
    async with make_backend(services=knowing()).open("s", "") as terminal:
        await run(terminal, "true")
        modal_service.running[0].tags["hermes-home"] = "somebody-else"
        assert await make_backend(services=knowing()).reap() == []
        assert len(modal_service.running) == 1


async def test_a_wrong_token_is_said_plainly(make_backend: Make, modal_service: Any) -> None:
    async with make_backend(token=("ak-test", "as-wrong")).open("s", "") as terminal:
        with pytest.raises(ConfigError, match="refused the token"):
            await run(terminal, "true")
    async with make_backend(token=("", "")).open("s", "") as terminal:
        with pytest.raises(ConfigError, match="no Modal token"):
            await run(terminal, "true")
    assert modal_service.sandboxes == {}


async def test_a_service_that_stumbles_is_asked_again(make_backend: Make, modal_service: Any) -> None:
    modal_service.fail("SandboxCreateV2", Status.UNAVAILABLE, "try later", times=2)
    modal_service.fail("TaskExecStart", Status.UNAVAILABLE, "try later")
    async with make_backend().open("s", "") as terminal:
        assert (await run(terminal, "echo here")).out == b"here\n"
    assert len(modal_service.sandboxes) == 1


async def test_a_service_without_room_is_an_error_and_the_next_command_tries_again(
    make_backend: Make, modal_service: Any
) -> None:
    modal_service.fail("SandboxCreateV2", Status.RESOURCE_EXHAUSTED, "quota reached")
    async with make_backend().open("s", "") as terminal:
        with pytest.raises(ToolError, match="no room.*quota reached"):
            await run(terminal, "true")
        assert (await run(terminal, "echo here")).out == b"here\n"


async def test_a_slow_start_ends_with_its_time(make_backend: Make, modal_service: Any) -> None:
    modal_service.delay = 1.0
    async with make_backend(start_timeout=0.3).open("s", "") as terminal:
        with pytest.raises(ToolError, match="did not start within 0.3 s"):
            await run(terminal, "true")
        modal_service.delay = 0.0


async def test_the_settings_reach_modal(make_backend: Make, modal_service: Any) -> None:
    backend = make_backend(
        container_cpu=2.0, container_memory=2048, region=["eu"], modal_image="example/image:1", max_lifetime=600
    )
    async with backend.open("s", "/srv/here") as terminal:
        assert terminal.directory == "/srv/here"
        assert (await run(terminal, "pwd")).out == b"/srv/here\n"
    (sandbox,) = modal_service.sandboxes.values()
    definition = sandbox.definition
    assert (definition.resources.milli_cpu, definition.resources.memory_mb) == (2000, 2048)
    assert list(definition.scheduler_placement.regions) == ["eu"]
    assert definition.timeout_secs == 600
    assert "FROM example/image:1" in " ".join(modal_service.built)


async def test_a_value_given_to_a_command_is_in_no_argument(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        finished = await run(terminal, "echo $SECRET", env={"SECRET": "canary-value"})
        assert finished.out == b"canary-value\n"
    assert "canary" not in str(modal_service.arguments)


async def test_a_sandbox_that_ended_between_commands_fails_no_command(make_backend: Make, modal_service: Any) -> None:
    async with make_backend().open("s", "") as terminal:
        shell = Shell(terminal)
        await terminal.write("file", b"saved")
        await terminal.hibernate()
        await shell.run("true")
        modal_service.end(modal_service.running[0])
        assert await terminal.read("file") == b"saved"
        result = await shell.run("cat file")
        assert result.output.endswith("saved")
        assert "with the files of when it last slept" in result.output
        modal_service.end(modal_service.running[0])
        assert (await shell.run("cat file")).output.endswith("saved")
        await shell.close()


async def test_where_it_was_never_used_there_is_nothing_to_reap(make_backend: Make) -> None:
    assert list(await make_backend(token=("", "")).reap()) == []
