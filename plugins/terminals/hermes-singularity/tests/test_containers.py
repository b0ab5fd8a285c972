from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hermes_singularity.backend import SingularityBackend

from hermes_host.errors import ConfigError, HermesError
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_singularity.settings import Settings


async def test_the_same_session_finds_its_changes_again_and_no_other_one_does(
    backend: SingularityBackend, image: Path
) -> None:
    async with backend.open("one", "") as terminal:
        await run(terminal, "echo changed > /etc/motd; echo new > /etc/new")
    async with backend.open("one", "") as terminal:
        assert (await run(terminal, "cat /etc/motd /etc/new")).out == b"changed\nnew\n"
        assert await terminal.read("/etc/motd") == b"changed\n"
    async with backend.open("two", "") as terminal:
        assert (await run(terminal, "cat /etc/motd; cat /etc/new")).out == b"from the image\n"
    assert (image / "etc" / "motd").read_text(encoding="utf-8") == "from the image\n"


async def test_without_persistence_changes_are_gone(settings: Settings, tmp_path: Path) -> None:
    backend = SingularityBackend(msgspec.structs.replace(settings, persistent=False), tmp_path / "kept")
    for _ in range(2):
        async with backend.open("one", "") as terminal:
            assert (await run(terminal, "cat /etc/motd; echo changed > /etc/motd")).out == b"from the image\n"


async def test_the_working_directory_is_shared_and_nothing_else(
    backend: SingularityBackend, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "outside").write_text("x", encoding="utf-8")
    async with backend.open("one", str(tmp_path / "work")) as terminal:
        await run(terminal, "echo hello > file")
        assert await terminal.stat(f"{tmp_path}/outside") is None
    assert (tmp_path / "work" / "file").read_text(encoding="utf-8") == "hello\n"
    apart = SingularityBackend(msgspec.structs.replace(settings, bind_directory=False), tmp_path / "kept")
    async with apart.open("two", str(tmp_path / "work")) as terminal:
        assert terminal.directory == terminal.home
        assert await terminal.stat(f"{tmp_path}/work") is None
    (tmp_path / "a:b").mkdir()
    with pytest.raises(ConfigError, match="colon"):
        async with backend.open("three", str(tmp_path / "a:b")):
            pass


async def test_nothing_secret_is_in_an_argument_list(backend: SingularityBackend, stand_in: Any) -> None:
    async with backend.open("one", "") as terminal:
        script = ": canary-script; cat >/dev/null; cat /proc/[0-9]*/cmdline"
        finished = await run(terminal, script, env={"NAME": "canary-value"}, stdin=b"canary-input")
        assert b"head" in finished.out
        assert b"canary" not in finished.out
        await terminal.write("file", b"canary-content")
    assert "canary" not in str(stand_in.calls())


async def test_the_container_is_closed_off(backend: SingularityBackend, stand_in: Any) -> None:
    async with backend.open("one", "") as terminal:
        assert len(stand_in.instances()) == 1
        assert (await run(terminal, f"[ -e /proc/{os.getpid()}/cmdline ]")).code != 0
    (start,) = [call for call in stand_in.calls() if call[:2] == ["instance", "start"]]
    assert {"--containall", "--no-home", "--overlay", "--workdir"} <= set(start)
    assert stand_in.instances() == []


async def test_limits_and_network_become_options(settings: Settings, tmp_path: Path, stand_in: Any) -> None:
    changed = msgspec.structs.replace(settings, network="none", cpus=1.5, memory="2G", bind=("/usr:/host-usr:ro",))
    async with SingularityBackend(changed, tmp_path / "kept").open("one", "") as terminal:
        assert (await run(terminal, "[ -d /host-usr/bin ] && ! touch /host-usr/x 2>/dev/null")).code == 0
    (start,) = [" ".join(call) for call in stand_in.calls() if call[:2] == ["instance", "start"]]
    for option in ("--net --network none", "--cpus 1.5", "--memory 2G", "--bind /usr:/host-usr:ro"):
        assert option in start


async def test_one_session_cannot_have_two_containers_at_a_time(backend: SingularityBackend, stand_in: Any) -> None:
    async with backend.open("one", "") as terminal:
        with pytest.raises(HermesError, match="runs already"):
            async with backend.open("one", ""):
                pass
        assert (await run(terminal, "echo still")).out == b"still\n"
    assert stand_in.instances() == []


async def test_a_start_that_fails_says_why_and_leaves_nothing(
    settings: Settings, tmp_path: Path, stand_in: Any
) -> None:
    backend = SingularityBackend(msgspec.structs.replace(settings, image="/no/such.sif"), tmp_path / "kept")
    for _ in range(2):
        with pytest.raises(HermesError, match="could not open image"):
            async with backend.open("one", ""):
                pass
    assert stand_in.instances() == []
    assert list((tmp_path / "kept").glob("*/scratch-*")) == []


async def test_what_a_killed_host_left_behind_is_reaped_and_nothing_else(
    backend: SingularityBackend, stand_in: Any, image: Path, tmp_path: Path
) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from hermes_singularity.backend import SingularityBackend\n"
        "from hermes_singularity.settings import Settings\n"
        "async def main():\n"
        "    settings = Settings(program=sys.argv[1], image=sys.argv[2])\n"
        "    async with SingularityBackend(settings, Path(sys.argv[3])).open('gone', ''):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, str(stand_in.program), str(image), str(tmp_path / "kept")]
    killed = await asyncio.to_thread(subprocess.run, argv, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = stand_in.instances()
    assert stand_in.run("instance", "start", "--containall", str(image), "somebody-elses").returncode == 0
    async with backend.open("mine", "") as terminal:
        (line,) = await backend.reap()
        assert left in line
        assert (await run(terminal, "echo still")).out == b"still\n"
        assert await backend.reap() == []
    assert stand_in.instances() == ["somebody-elses"]
    async with backend.open("gone", "") as terminal:
        assert (await run(terminal, "echo again")).out == b"again\n"
    stand_in.run("instance", "stop", "somebody-elses")


def test_the_stand_in_refuses_what_the_manual_does_not_know(stand_in: Any, image: Path) -> None:
    for words in (["instance", "start", "--no-such", str(image), "x"], ["exec", "--persist", "instance://x", "true"]):
        finished = stand_in.run(*words)
        assert finished.returncode == 1
        assert "unknown flag" in finished.stderr
    assert stand_in.run("instance", "begin").returncode == 1
