"""What a command in a container can do, looked at from inside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hermes_docker.backend import DockerBackend
from hermes_docker.settings import Settings, TerminalSettings

from hermes_host.errors import ConfigError
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["dockerd", "podman"])
def service(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def backend_on(
    service: Any,
    tmp_path: Path,
    settings: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    **terminal: Any,
) -> DockerBackend:
    return DockerBackend(
        Settings(**{"url": service.url, "network": "none", **(settings or {})}),
        TerminalSettings(
            **{
                "docker_image": "localhost/hermes-test-bash",
                "container_persistent": False,
                "container_memory": 64,
                **terminal,
            }
        ),
        state=tmp_path / "state",
        environ=environ if environ is not None else {},
    )


def facts(text: bytes) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in text.decode().splitlines() if ":\t" in line)


async def test_root_in_the_container_has_three_capabilities_and_gains_none(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("caps", "") as terminal:
        seen = facts((await run(terminal, "cat /proc/self/status")).out)
    # CHOWN is bit 0, DAC_OVERRIDE 1, FOWNER 3: capabilities(7).
    assert {seen[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {f"{0b1011:016x}"}
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")


async def test_another_user_has_no_capability_and_owns_the_workspace(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, {"user": "1000:1000"}).open("user", "") as terminal:
        seen = facts((await run(terminal, "cat /proc/self/status")).out)
        assert {seen[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {"0" * 16}
        assert (await run(terminal, "id -u; echo x > file && cat file")).out == b"1000\nx\n"
        assert (await run(terminal, "echo x > /root/file")).code != 0
        timed_out = await run(terminal, "setsid sleep 1000 & sleep 1000", timeout=0.3)
        assert timed_out.timed_out
        assert (await run(terminal, "ps -e | grep -c 'sleep 1000' || true")).out.strip() == b"0"


async def test_nothing_but_what_is_meant_for_it_can_be_written_when_the_root_is_read_only(
    service: Any, tmp_path: Path
) -> None:
    async with backend_on(service, tmp_path, {"read_only": True}).open("ro", "") as terminal:
        assert b"Read-only" in (await run(terminal, "echo x > /root/file; echo x > /bin/file")).err
        assert (await run(terminal, "echo x > /tmp/file && echo x > ~/file && pwd && cat ~/file /tmp/file")).out == (
            b"/workspace\nx\nx\n"
        )
        assert terminal.home == "/workspace"
        with pytest.raises(OSError, match="Read-only"):
            await terminal.write("/root/file", b"x")


async def test_without_a_network_there_is_only_the_loopback(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("net", "") as terminal:
        listed = (await run(terminal, "tail -n +3 /proc/net/dev")).out.decode()
    assert [line.split(":")[0].strip() for line in listed.splitlines()] == ["lo"]


async def test_a_memory_hog_is_ended_and_the_container_goes_on(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("memory", "") as terminal:
        hog = await run(terminal, "head -c 200000000 /dev/zero | tail -c 150000000 | wc -c", timeout=30)
        assert hog.out != b"150000000\n"
        assert (await run(terminal, "echo still here")).out == b"still here\n"


async def test_too_many_processes_are_refused_and_the_container_can_still_be_used(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path, {"processes": 24}).open("many", "") as terminal:
        many = await run(terminal, "i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; wait", timeout=2)
        assert b"fork" in many.err
        assert many.code != 0
        again = await run(terminal, "echo again")
        assert again.out == b"again\n"
        assert (await run(terminal, "ps -e -o args= | grep -c '^sleep 1000' || true")).out.strip() == b"0"


async def test_a_full_disk_is_said_to_be_full_and_the_file_stays_as_it_was(service: Any, tmp_path: Path) -> None:
    small = {"tmpfs": {"/tmp": "rw,size=1m,mode=1777", "/small": "rw,size=1m"}}
    async with backend_on(service, tmp_path, small).open("disk", "") as terminal:
        await terminal.write("/small/file", b"before")
        with pytest.raises(OSError, match="No space left"):
            await terminal.write("/small/file", b"x" * 2_000_000)
        assert await terminal.read("/small/file") == b"before"
        assert [info.path for info in await terminal.list("/small")] == ["/small/file"]


async def test_variables_are_forwarded_by_name_and_are_in_nobodys_arguments(service: Any, tmp_path: Path) -> None:
    environ = {"WANTED": "canary-wanted", "OTHER": "canary-other"}
    backend = backend_on(service, tmp_path, environ=environ, docker_forward_env=["WANTED", "NOT_SET"])
    async with backend.open("env", "") as terminal:
        seen = (await run(terminal, "env; cat /proc/*/cmdline | tr '\\0' ' '")).out
        assert b"WANTED=canary-wanted\n" in seen
        assert seen.count(b"canary") == 1
        assert b"HERMES_" not in (await run(terminal, "env")).out
        container = (await backend.daemon.client()).containers.list()[0]
        assert "canary" not in str(container.attrs)


async def test_a_volume_may_be_read_only_and_the_working_directory_the_workspace(service: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("from here", encoding="utf-8")
    (tmp_path / "work").mkdir()
    backend = backend_on(
        service,
        tmp_path,
        docker_volumes=[f"{tmp_path}/data:/data:ro"],
        docker_mount_cwd_to_workspace=True,
    )
    async with backend.open("volumes", str(tmp_path / "work")) as terminal:
        assert (await run(terminal, "cat /data/file; echo x > /data/new; echo made > here")).out == b"from here"
        with pytest.raises(PermissionError):
            await terminal.write("/data/file", b"x")
    assert (tmp_path / "work" / "here").read_text(encoding="utf-8") == "made\n"
    assert (tmp_path / "data" / "file").read_text(encoding="utf-8") == "from here"


async def test_a_link_to_the_host_leads_nowhere(service: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary of the host", encoding="utf-8")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "link").symlink_to(secret)
    async with backend_on(service, tmp_path, docker_volumes=[f"{tmp_path}/shared:/shared"]).open("l", "") as terminal:
        assert (await run(terminal, "cat /shared/link")).out == b""
        assert await terminal.resolve("/shared/link") == str(secret)
        with pytest.raises(FileNotFoundError):
            await terminal.read(str(secret))


async def test_links_swapped_in_all_the_time_never_let_a_file_out(service: Any, tmp_path: Path) -> None:
    async with backend_on(service, tmp_path).open("swap", "") as terminal:
        await terminal.write("inside/place/file", b"inside")
        await terminal.write("outside/file", b"outside")
        await run(terminal, "ln -s /workspace/outside inside/link; mv -T inside/place inside/real")
        swapping = asyncio.create_task(
            run(
                terminal,
                "cd inside; while :; do mv -T real place; mv -T place real; mv -T link place; mv -T place link; done",
            )
        )
        outcomes = set()
        try:
            for number in range(8):
                try:
                    outcomes.add(await terminal.read("inside/place/file"))
                except OSError:
                    outcomes.add(b"refused")
                try:
                    await terminal.write("inside/place/file", b"inside")
                    await terminal.write(f"inside/place/new-{number}", b"inside")
                except OSError:
                    outcomes.add(b"refused")
        finally:
            swapping.cancel()
            await asyncio.wait([swapping])
        assert outcomes <= {b"inside", b"refused"}
        assert [info.path for info in await terminal.list("outside")] == ["/workspace/outside/file"]
        assert await terminal.read("outside/file") == b"outside"


@pytest.mark.parametrize(
    "volume", ["relative/path:/x", "/etc", "/etc:x", "/no/such/folder:/x", "/etc:/x:rx", ":/x", "../up:/x"]
)
def test_a_wrong_volume_is_refused_before_anything_is_made(tmp_path: Path, volume: str) -> None:
    backend = DockerBackend(Settings(), TerminalSettings(docker_volumes=[volume]), state=tmp_path)
    with pytest.raises(ConfigError, match="volume"):
        backend.plan("key", "")
