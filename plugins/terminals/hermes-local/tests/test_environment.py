from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.environment import scrubbed
from hermes_local.settings import Settings

from hermes_host.errors import ConfigError
from hermes_host.protocols import Command
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.protocols import Terminal

BASE = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
SECRETS = {
    "OPENROUTER_API_KEY": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "GITHUB_TOKEN": "canary",
    "XDG_SESSION_TOKEN": "canary",
    "LC_PASSWORD": "canary",
    "TWILIO_SID": "canary",
}


async def variables(terminal: Terminal) -> dict[str, str]:
    text = (await run(terminal, argv=("env", "-0"))).out.decode()
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


async def test_commands_get_known_harmless_variables_only() -> None:
    async with LocalBackend(environ={**BASE, **SECRETS, "UNKNOWN": "canary"}).open("key", "/") as terminal:
        assert await variables(terminal) == {**BASE, "TERM": "dumb", "PWD": "/"}


async def test_a_listed_variable_passes() -> None:
    backend = LocalBackend(passthrough=["GITHUB_TOKEN", "NOT_SET"], environ={**BASE, **SECRETS})
    async with backend.open("key", "/") as terminal:
        assert await variables(terminal) == {**BASE, "TERM": "dumb", "PWD": "/", "GITHUB_TOKEN": "canary"}


def test_no_name_that_reads_like_a_secret_passes_by_its_prefix() -> None:
    assert scrubbed({"XDG_RUNTIME_DIR": "/run", "xdg_x": "", "LC_SECRET": "", "XDG_API_KEY": "", "LC_Token": ""}) == {
        "XDG_RUNTIME_DIR": "/run",
        "TERM": "dumb",
    }


async def test_the_login_shell_is_asked_once_and_only_when_configured(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text(
        "echo noise from the start-up file\necho x >> ~/asked\n"
        "export PATH=/opt/from-profile:$PATH GOPATH=/go SOME_API_KEY=canary\n",
        encoding="utf-8",
    )
    environ = {**BASE, "HOME": str(tmp_path), "SHELL": "/bin/sh"}
    async with LocalBackend(environ=environ).open("key", "/") as terminal:
        assert "GOPATH" not in await variables(terminal)
    assert not (tmp_path / "asked").exists()
    async with LocalBackend(Settings(login_shell=True), environ=environ).open("key", "/") as terminal:
        found = [await variables(terminal) for _ in range(3)]
    assert found[0] == found[2]
    assert (found[0]["GOPATH"], found[0]["PATH"].split(":")[0]) == ("/go", "/opt/from-profile")
    assert "SOME_API_KEY" not in found[0]
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "x\n"


async def test_a_broken_login_shell_is_said_to_be_the_reason(tmp_path: Path) -> None:
    environ = {**BASE, "SHELL": str(tmp_path / "no-shell")}
    async with LocalBackend(Settings(login_shell=True), environ=environ).open("key", "/") as terminal:
        with pytest.raises(ConfigError, match="login_shell"):
            await run(terminal, "true")


async def test_a_shell_that_cannot_be_run_is_named() -> None:
    async with LocalBackend(Settings(shell="/no/shell")).open("key", "/") as terminal:
        with pytest.raises(ConfigError, match=r"local\.shell"):
            await run(terminal, "true")
        assert (await run(terminal, argv=("true",))).code == 0


async def test_the_process_list_shows_neither_scripts_nor_variables(tmp_path: Path) -> None:
    script = "# canary-script\nfor file in /proc/[0-9]*/cmdline /proc/$PPID/environ; do cat $file; done 2>/dev/null"
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        finished = await run(terminal, script, env={"SOMETHING": "canary-value"})
        assert b"warden" in finished.out
        assert b"canary" not in finished.out


async def test_a_command_inherits_no_descriptor_of_the_hosts(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        command = Command(script="")
        assert command.argv == ()
        finished = await run(terminal, "echo /proc/self/fd/*; ls -l /proc/$$/fd | sed 's/.* -> //'")
        assert b"socket:" not in finished.out
        listed = await run(terminal, argv=("ls", "/proc/self/fd"))
        assert listed.out.split() == [b"0", b"1", b"2", b"3"], "three, and the directory being listed"
        listed = await run(terminal, "ls /proc/self/fd", pty=True)
        assert listed.out.split() == [b"0", b"1", b"2", b"3"]


async def test_signals_have_their_usual_meaning_in_a_command(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        for pty in (False, True):
            finished = await run(terminal, argv=("grep", "^Sig[IB]", "/proc/self/status"), pty=pty)
            # 32 and 33 belong to the C library, which some parents of test runs ignore.
            changed = {int(line.split()[1], 16) & ~(0b11 << 31) for line in finished.out.splitlines()}
            assert changed == {0}
