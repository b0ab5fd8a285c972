"""Containers from the first command to the last: found again, lost, left behind, removed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hermes_docker.backend import DockerBackend
from hermes_docker.settings import Settings, TerminalSettings

from hermes_host.errors import ConfigError, HermesError
from hermes_host.protocols import Command, Output
from hermes_host.terminals import Shell
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(params=["dockerd", "podman"])
def service(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(service: Any) -> Iterator[Any]:
    client = service.client()
    yield client
    client.close()


def backend_on(service: Any, state: Path, settings: dict[str, Any] | None = None, **terminal: Any) -> DockerBackend:
    return DockerBackend(
        Settings(**{"url": service.url, "network": "none", **(settings or {})}),
        TerminalSettings(**{"docker_image": "localhost/hermes-test-bash", "container_memory": 128, **terminal}),
        state=state,
        environ={},
    )


def ours(client: Any, backend: DockerBackend) -> list[tuple[str, str]]:
    found = client.containers.list(all=True, filters={"label": f"hermes.home={backend.home_id()}"}, ignore_removed=True)
    return sorted((each.labels["hermes.session"], each.status) for each in found)


def volumes(client: Any, backend: DockerBackend) -> list[str]:
    return [each.name for each in client.volumes.list(filters={"label": f"hermes.home={backend.home_id()}"})]


async def test_the_same_key_finds_its_container_and_files_again(service: Any, client: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("same", "") as terminal:
        await run(terminal, "echo kept > kept; echo too > /root/too; nohup sleep 1000 >/dev/null 2>&1 &")
    backend = backend_on(service, tmp_path)
    assert ours(client, backend) == [("same", "exited")], "nothing runs when nobody uses it"
    async with backend.open("same", "") as terminal:
        assert (await run(terminal, "cat kept /root/too; ps -e | grep -c '[s]leep 1000'")).out == b"kept\ntoo\n0\n"
        async with backend.open("other", "") as other:
            assert (await run(other, "ls")).out == b"", "another session has other files"
    client.containers.prune()
    client.volumes.get(volumes(client, backend)[0]).remove()


async def test_what_is_not_to_be_kept_is_removed_at_the_end(service: Any, client: Any, tmp_path: Path) -> None:
    backend = backend_on(service, tmp_path, container_persistent=False)
    async with backend.open("gone", "") as terminal:
        await run(terminal, "echo x > file")
        assert ours(client, backend) == [("gone", "running")]
    assert ours(client, backend) == []
    assert volumes(client, backend) == []


async def test_changed_settings_make_a_new_container_over_the_same_workspace(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("changed", "") as terminal:
        await run(terminal, "echo kept > kept; echo lost > /root/lost")
    async with backend_on(service, tmp_path, container_memory=100).open("changed", "") as terminal:
        first = await run(terminal, "cat kept; ls /root")
        assert first.out == b"kept\n"
        assert b"settings have changed" in first.err
        assert b"settings" not in (await run(terminal, "true")).err, "it is said once"


async def test_a_session_goes_on_in_a_new_container_and_says_so(service: Any, client: Any, tmp_path: Path) -> None:
    backend = backend_on(service, tmp_path, container_persistent=False)
    async with backend.open("vanished", "") as terminal:
        shell = Shell(terminal)
        await shell.run("mkdir below; cd below; export NAME=remembered; echo kept > file")
        running = asyncio.create_task(shell.run("echo begun; sleep 1000", on_output=lambda _: begun.set()))
        begun = asyncio.Event()
        await begun.wait()
        await asyncio.to_thread(lambda: client.containers.list()[0].remove(force=True))
        lost = await running
        assert lost.code == 137
        after = await shell.run("pwd; echo $NAME; cat file")
        assert after.code == 0
        assert after.output.endswith("/workspace/below\nremembered\nkept\n")
        assert "This is a new one" in after.output
        await asyncio.to_thread(lambda: client.containers.list()[0].kill())
        assert await terminal.read("below/file") == b"kept\n"
        assert "started again" in (await shell.run("true")).output
        await shell.close()


HOST = """
import asyncio, os, sys
from contextlib import aclosing
from pathlib import Path
from hermes_docker.backend import DockerBackend
from hermes_docker.settings import Settings, TerminalSettings
from hermes_host.protocols import Command

async def main():
    backend = DockerBackend(
        Settings(url=sys.argv[1], network="none"),
        TerminalSettings(docker_image="localhost/hermes-test-bash", container_persistent=False),
        state=Path(sys.argv[2]),
    )
    async with backend.open("killed", "") as terminal:
        async with aclosing(terminal.run(Command(script="echo ready; sleep 1000"))) as events:
            async for event in events:
                os.write(1, b"ready\\n")

asyncio.run(main())
"""


async def test_what_a_killed_hermes_left_is_removed_and_nothing_else(service: Any, client: Any, tmp_path: Path) -> None:
    ours_and_theirs = backend_on(service, tmp_path / "state"), backend_on(service, tmp_path / "another")
    backend, theirs = ours_and_theirs
    stranger = client.containers.create("localhost/hermes-test-bash", ["sleep", "1"], name="hermes-by-hand")
    command = [sys.executable, "-c", HOST, service.url, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as host:  # noqa: ASYNC220, starting one takes no time
        assert host.stdout is not None
        assert await asyncio.to_thread(host.stdout.readline) == b"ready\n"
        async with theirs.open("theirs", ""), backend.open("used", "") as terminal:
            assert await backend.reap() == [], "while its hermes lives, nobody else takes it away"
            host.send_signal(signal.SIGKILL)
            await asyncio.to_thread(host.wait)
            lines = await backend.reap()
            assert len(lines) == 2
            assert "session killed" in lines[0]
            assert (await run(terminal, "echo used")).out == b"used\n"
            assert ours(client, backend) == [("used", "running")]
            assert ours(client, theirs) == [("theirs", "running")]
            assert await theirs.reap() == []
    assert await backend.reap() == [], "stopped a moment ago"
    assert len(await backend_on(service, tmp_path / "state", lifetime_seconds=0).reap()) == 1
    assert ours(client, backend) == []
    assert len(volumes(client, backend)) == 1, "a workspace that is to be kept is kept"
    stranger.reload()
    stranger.remove()


async def test_two_openings_of_one_session_share_a_container_until_the_last(
    service: Any, client: Any, tmp_path: Path
) -> None:
    one, two = (backend_on(service, tmp_path, container_persistent=False) for _ in range(2))
    async with one.open("shared", "") as first:
        async with one.open("shared", "") as second, two.open("shared", "") as third:
            await run(first, "echo x > /tmp/file")
            assert (await run(second, "cat /tmp/file")).out == (await run(third, "cat /tmp/file")).out == b"x\n"
        assert (await run(first, "cat /tmp/file")).out == b"x\n"
        assert ours(client, one) == [("shared", "running")]
    assert ours(client, one) == []


# ---------------------------------------------------------------------------------------------------- commands


async def test_what_keeps_running_in_the_background_may_write_as_much_as_it_likes(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("chatty", "") as terminal:
        script = "mkfifo done; (sleep 0.2; yes | head -c 3000000; echo wrote it all > done) & echo started"
        assert (await run(terminal, script)).out.startswith(b"started\n")
        assert (await run(terminal, "cat done", timeout=20)).out == b"wrote it all\n"


async def test_output_nobody_takes_holds_the_command_back(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("held", "") as terminal:
        script = "i=0; while [ $i -lt 2000 ]; do printf %65536s; i=$((i+1)); echo $i > count; done"
        async with aclosing(terminal.run(Command(script=script))) as events:  # type: ignore[type-var]
            await anext(aiter(events))
            counts = [-1, -2]
            while counts[-1] != counts[-2]:  # until it stands still
                counts.append(int(await terminal.read("count") or b"0"))
                await asyncio.sleep(0.3)
            assert 0 < counts[-1] < 1000
            assert sum([len(event.data) async for event in events if isinstance(event, Output)]) > 2000 * 65000


async def test_a_process_that_always_forks_and_ends_is_caught(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("hop", "") as terminal:
        await terminal.write("hop", b"sleep 0.01; sh ./hop &\n")
        assert (await run(terminal, "sh ./hop; sleep 1000", timeout=0.3)).timed_out
        assert (await run(terminal, "ps -e -o args= | grep -c '[s]h ./hop' || true")).out.strip() == b"0"


async def test_a_command_that_kills_everything_it_can_hurts_only_itself(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("suicide", "") as terminal:
        assert (await run(terminal, "kill -9 -1; sleep 1000", timeout=20)).code == 137
        assert (await run(terminal, "echo on; ps -e -o args= | grep -c '[s]leep 1000' || true")).out.endswith(
            b"on\n0\n"
        )


async def test_a_cancelled_start_leaves_nothing_running(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("early", "") as terminal:
        for delay in (0.0, 0.01, 0.03, 0.06):
            task = asyncio.create_task(run(terminal, "exec sleep 1000"))
            await asyncio.sleep(delay)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await run(terminal, "ps -e -o args= | grep -c '^sleep 1000' || true")).out.strip() == b"0"


async def test_input_that_fails_is_an_error_of_the_command(service: Any, tmp_path: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"some\n"
        raise ValueError("no more input")

    async with backend_on(service, tmp_path, container_persistent=False).open("input", "") as terminal:
        with pytest.raises(ValueError, match="no more input"):
            await run(terminal, "cat", stdin=failing(), timeout=20)


async def test_long_scripts_and_odd_bytes_come_through(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, container_persistent=False).open("long", "") as terminal:
        script = f": {'x' * 1_500_000}\nprintf %s 'a\udcff'; exit 7"
        finished = await run(terminal, script, timeout=20)
        assert (finished.out, finished.code) == (b"a\xff", 7)
        assert (await run(terminal, "ls -A /tmp")).out == b""
        with pytest.raises(ValueError, match="UTF-8"):
            await run(terminal, "true", env={"NAME": "\udcff"})


# ------------------------------------------------------------------------------------------------------ errors


async def test_an_image_that_is_missing_is_never_fetched_unasked(service: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hermes docker pull"):
        async with backend_on(service, tmp_path, docker_image="localhost/no-such-image").open("x", ""):
            pass
    asked = backend_on(service, tmp_path, {"pull": "missing"}, docker_image="127.0.0.1:9/no-such-image")
    with pytest.raises(ConfigError, match="cannot be fetched"):
        async with asked.open("x", ""):
            pass


async def test_a_name_that_is_none_and_a_network_that_is_none_are_told(
    service: Any, client: Any, tmp_path: Path
) -> None:
    for backend in (
        backend_on(service, tmp_path, docker_image="Not An Image"),
        backend_on(service, tmp_path, {"network": "no-such-network"}),
        backend_on(service, tmp_path, {"user": "nobody-of-this-name"}),
    ):
        with pytest.raises(HermesError) as raised:
            async with backend.open("x", ""):
                pass
        assert raised.value.remedy
    assert ours(client, backend_on(service, tmp_path)) == [], "what was made half is taken away"


async def test_no_service_is_told_with_what_to_do(tmp_path: Path) -> None:
    backend = DockerBackend(Settings(url=f"unix://{tmp_path}/none.sock"), TerminalSettings(), state=tmp_path)
    with pytest.raises(HermesError, match="systemctl start docker"):
        async with backend.open("x", ""):
            pass
    with pytest.raises(HermesError, match="Forward the socket"):
        async with DockerBackend(Settings(url="ssh://host"), TerminalSettings(), state=tmp_path).open("x", ""):
            pass


async def test_a_named_network_is_used(service: Any, client: Any, tmp_path: Path) -> None:
    network = client.networks.create("hermes-test-internal", internal=True)
    try:
        backend = backend_on(service, tmp_path, {"network": "hermes-test-internal"}, container_persistent=False)
        async with backend.open("net", "") as terminal:
            listed = (await run(terminal, "tail -n +3 /proc/net/dev")).out
            assert b"eth0" in listed
    finally:
        network.remove()
