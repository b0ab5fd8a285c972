"""The tools on a real terminal, called as the host calls them."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hermes_terminal import plugin
from hermes_terminal.arguments import ProcessArguments, TerminalArguments
from hermes_terminal.assess import assess_process, assess_terminal
from hermes_terminal.process import process
from hermes_terminal.terminal import OUTPUT_LIMIT, terminal

from hermes_host.agent.schema import struct_schema
from hermes_host.context import SessionContext, ToolContext
from hermes_host.errors import NotFound, ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.testing import StandInHost


@dataclass
class Conversation:
    """One session's tools."""

    host: StandInHost
    context: SessionContext
    shown: list[str] = field(default_factory=list)

    def call(self, deadline: float | None = None) -> ToolContext:
        return ToolContext(
            self.host.context("terminal"),
            self.context,
            call_id="call",
            terminals=self.host.terminals,
            progress=self.shown.append,
            deadline=deadline,
        )

    async def run(self, command: str, **more: Any) -> ToolOutput:
        return await terminal(msgspec.convert({"command": command, **more}, TerminalArguments), self.call())

    async def text(self, command: str, **more: Any) -> str:
        content = (await self.run(command, **more)).content
        assert isinstance(content, str)
        return content

    async def assess(self, command: str, **more: Any) -> Assessment:
        return await assess_terminal(msgspec.convert({"command": command, **more}, TerminalArguments), self.call())

    async def process(self, action: str, **more: Any) -> str:
        content = (await process(msgspec.convert({"action": action, **more}, ProcessArguments), self.call())).content
        assert isinstance(content, str)
        return content

    async def assess_process(self, action: str, **more: Any) -> str:
        return (
            await assess_process(msgspec.convert({"action": action, **more}, ProcessArguments), self.call())
        ).verdict

    async def job(self, command: str, **more: Any) -> str:
        answer = await self.text(command, background=True, **more)
        assert "runs in the background" in answer
        return answer[answer.index("proc_") :][:17]


@pytest.fixture
async def conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Conversation]:
    monkeypatch.setenv("HOME", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    async with StandInHost(tmp_path / ".hermes", plugins=["local", "terminal"], environ=environ) as host:
        yield Conversation(host, SessionContext("20260101_000000_abcdef", directory=str(work)))


# ------------------------------------------------------------------------------------------------------- terminal


async def test_the_output_is_the_result_and_success_needs_no_words(conversation: Conversation) -> None:
    assert await conversation.text("printf 'a\\nb\\n'; echo err >&2") == "a\nb\nerr\n"
    assert await conversation.text("true") == "[no output]"


async def test_an_exit_code_is_named_with_its_usual_meaning(conversation: Conversation) -> None:
    assert await conversation.text("echo x; exit 3") == "x\n[exit 3]"
    missing = await conversation.run("no-such-program-here")
    assert missing.is_error
    assert "[exit 127: a command was not found" in str(missing.content)
    await conversation.run("echo x > plain")
    assert "[exit 126: it was found but could not be executed" in await conversation.text("./plain")
    assert "[exit 137: killed" in await conversation.text("bash -c 'kill -9 $$'")
    assert "[exit 139: segmentation fault" in await conversation.text("bash -c 'kill -11 $$'")


async def test_directory_and_variables_stay(conversation: Conversation) -> None:
    answer = await conversation.text("mkdir -p sub && cd sub && X=1 && export Y=2")
    assert answer.endswith(f"[directory is now {conversation.context.directory}/sub]")
    assert await conversation.text('echo "$X $Y"; basename "$PWD"') == "1 2\nsub\n"


async def test_a_working_directory_that_does_not_exist_is_said_and_nothing_runs(conversation: Conversation) -> None:
    with pytest.raises(ToolError, match="no directory '/nope'.*Nothing was executed.*pass another workdir"):
        await conversation.run("touch done", workdir="/nope")
    assert await conversation.text("ls") == "[no output]"


async def test_a_time_out_keeps_the_output_and_says_how_to_go_on(conversation: Conversation) -> None:
    output = await conversation.run("echo begun; exec sleep 60", timeout=1)
    assert output.is_error
    assert str(output.content).startswith("begun\n[exit 124: timed out after 1 s and was killed")
    assert "background=true" in str(output.content)


async def test_a_command_ends_before_the_turn_does(conversation: Conversation) -> None:
    arguments = TerminalArguments(command="echo begun; exec sleep 60")
    output = await terminal(arguments, conversation.call(deadline=time.monotonic() + 3))
    assert "begun\n[exit 124" in str(output.content)


async def test_an_interrupt_from_outside_gives_what_there_is(conversation: Conversation) -> None:
    shell = await conversation.call().shell()
    begun = asyncio.Event()
    call = conversation.call()
    call._progress = lambda text: begun.set()
    running = asyncio.create_task(terminal(TerminalArguments(command="echo begun; exec sleep 60"), call))
    await begun.wait()
    assert shell.interrupt()
    assert (await running).content == "begun\n[exit 130: interrupted by the user]"


async def test_long_output_is_cut_and_the_whole_is_in_a_file(conversation: Conversation) -> None:
    content = await conversation.text("seq 100000")
    assert len(content) < OUTPUT_LIMIT + 1_000
    assert content.startswith("1\n2\n")
    assert content.rstrip().endswith("100000") or "100000\n[" in content
    kept = next(word for word in content.replace("]", " ").split() if word.startswith("/") and word.endswith(".txt"))
    assert (await conversation.text(f"wc -l < {kept}")).strip() == "100000"
    assert Path(kept).is_relative_to(conversation.host.home)


async def test_output_is_shown_while_the_command_runs(conversation: Conversation) -> None:
    begun = asyncio.Event()
    call = conversation.call()
    call._progress = lambda text: begun.set() if "first" in text else None
    fifo = Path(conversation.context.directory, "gate")
    command = f"mkfifo {fifo}; echo first; read line < {fifo}; echo $line"
    running = asyncio.create_task(terminal(TerminalArguments(command=command), call))
    await begun.wait()
    await asyncio.to_thread(fifo.write_text, "second\n", encoding="utf-8")
    assert (await running).content == "first\nsecond\n"


async def test_sudo_without_a_password_is_explained(conversation: Conversation) -> None:
    script = "echo 'sudo: a terminal is required to read the password' >&2; exit 1"
    await conversation.run(f"mkdir bin; echo {shlex.quote(script)} > bin/sudo; chmod +x bin/sudo")
    answer = await conversation.text("PATH=$PWD/bin:$PATH sudo cat sudo.txt")
    assert "[exit 1; sudo needs a password, and nobody can type one here: ask the user" in answer


async def test_standard_input_is_empty_and_a_pty_can_be_had(conversation: Conversation) -> None:
    assert await conversation.text("cat") == "[no output]"
    assert await conversation.text("test -t 1 || echo none") == "none\n"
    assert "yes" in await conversation.text("test -t 1 && echo yes", pty=True)


# -------------------------------------------------------------------------------------------------------- process


async def test_a_background_process_is_fed_read_and_ended(conversation: Conversation) -> None:
    job = await conversation.job("cat")
    assert f"{job}  running" in await conversation.process("list")
    await conversation.process("submit", session_id=job, data="hello")
    assert (await conversation.process("log", session_id=job)).startswith("hello\n[running")
    await conversation.process("write", session_id=job, data="wor")
    await conversation.process("close", session_id=job, data="ld\n")
    assert "exit 0" in await conversation.process("wait", session_id=job, timeout=10)
    assert (await conversation.process("log", session_id=job)).startswith("hello\nworld\n[exit 0")


async def test_poll_gives_only_what_is_new(conversation: Conversation) -> None:
    job = await conversation.job("cat")
    first = await conversation.process("submit", session_id=job, data="one")
    while "one" not in first:
        first = await conversation.process("poll", session_id=job)
    second = await conversation.process("submit", session_id=job, data="two")
    assert "one" not in second
    assert "killed" in await conversation.process("kill", session_id=job)


async def test_log_gives_lines_from_either_end(conversation: Conversation) -> None:
    job = (await conversation.text("seq 1000; exec sleep 60", background=True)).split("[")[-1][:17]
    while "1000" not in await conversation.process("log", session_id=job):
        pass
    assert (await conversation.process("log", session_id=job, offset=0, limit=2)).startswith("1\n2\n[")
    assert (await conversation.process("log", session_id=job, offset=-1, limit=5)).startswith("1000\n[")


async def test_a_background_process_that_fails_at_once_says_so(conversation: Conversation) -> None:
    output = await conversation.run("echo bad >&2; exit 4", background=True)
    content = str(output.content)
    if "already ended" not in content:
        content += await conversation.process("wait", session_id=content[content.index("proc_") :][:17])
    assert "bad\n" in content
    assert "exit 4" in content


async def test_what_is_missing_is_named(conversation: Conversation) -> None:
    with pytest.raises(ToolError, match="needs a session_id"):
        await conversation.process("poll")
    with pytest.raises(NotFound, match="proc_nope"):
        await conversation.process("poll", session_id="proc_nope")
    assert await conversation.process("list") == "[no background processes]"


# ------------------------------------------------------------------------------------------------------ judgement


async def test_the_judge_knows_where_the_shell_is(conversation: Conversation) -> None:
    assert (await conversation.assess("rm -r build")).verdict == "allow"
    await conversation.run("mkdir sub; cd /")
    assert (await conversation.assess("rm -r build")).verdict == "ask"
    assert (await conversation.assess("rm -r build", workdir=conversation.context.directory)).verdict == "allow"
    await conversation.run("cd ~")
    assert (await conversation.assess("echo x >> .bashrc")).verdict == "deny"
    assert (await conversation.assess("echo x >> .hermes/config.yaml")).verdict == "deny"


async def test_a_link_is_judged_by_where_it_leads(conversation: Conversation, tmp_path: Path) -> None:
    work = Path(conversation.context.directory)
    (tmp_path / ".ssh").mkdir()
    (work / "keys").symlink_to(tmp_path / ".ssh")
    (work / "etc").symlink_to("/etc")
    (work / "rc").symlink_to(tmp_path / ".bashrc")
    (work / "inside").symlink_to(work)
    for command, verdict in {
        "echo x > keys/authorized_keys": "deny",
        "echo x >> rc": "deny",
        "echo x > etc/hosts": "ask",
        "echo x > inside/ok": "allow",
    }.items():
        assert (await conversation.assess(command)).verdict == verdict, command


async def test_a_home_directory_behind_a_link_is_protected_too(
    conversation: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(tmp_path)
    monkeypatch.setenv("HOME", str(alias))
    await conversation.run("ln -s ../.bashrc rc")
    for command in ("echo x >> rc", "echo x >> ~/.bashrc", f"echo x >> {tmp_path}/.bashrc"):
        assert (await conversation.assess(command)).verdict == "deny", command


async def test_a_link_as_the_workspace_is_the_place_it_leads_to(conversation: Conversation, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(conversation.context.directory)
    conversation.context.directory = str(tmp_path / "link")
    assert (await conversation.assess("mkdir build && rm -r build && echo x > y")).verdict == "allow"
    assert (await conversation.assess("cd .. && rm -r work")).verdict == "ask"


async def test_what_is_shown_is_the_exact_command(conversation: Conversation) -> None:
    command = "git push  --force\t# really"
    assessment = await conversation.assess(command)
    assert assessment.shown == command
    assert assessment.reason
    assert assessment.rememberable
    unreadable = await conversation.assess("ls \u202e")
    assert not unreadable.rememberable
    assert (await conversation.assess("ls", workdir="/etc")).shown.endswith("(in /etc)")


async def test_what_is_typed_into_a_shell_is_judged_as_a_command(conversation: Conversation) -> None:
    job = await conversation.job("bash")
    for data, verdict in {"ls": "allow", "rm -rf /": "deny", "git push": "ask", "rm -r build": "ask"}.items():
        assert await conversation.assess_process("submit", session_id=job, data=data) == verdict, data
    assert await conversation.assess_process("write", session_id=job, data="l") == "ask"
    assert await conversation.assess_process("poll", session_id=job) == "allow"
    assert await conversation.assess_process("kill", session_id=job) == "allow"


async def test_what_is_typed_into_an_interpreter_needs_consent_and_into_a_filter_does_not(
    conversation: Conversation,
) -> None:
    interpreter = await conversation.job("python3 -i")
    assert await conversation.assess_process("submit", session_id=interpreter, data="1") == "ask"
    plain = await conversation.job("cat")
    assert await conversation.assess_process("submit", session_id=plain, data="rm -rf /") == "allow"


# --------------------------------------------------------------------------------------------------- descriptions


def test_both_descriptions_are_small() -> None:
    described = [
        {"name": spec.name, "description": spec.summary, "parameters": struct_schema(kind)}
        for spec, kind in zip(plugin.hermes_tools(), (TerminalArguments, ProcessArguments), strict=True)
    ]
    assert len(json.dumps(described)) < 2_000


async def test_a_plain_result_costs_less_than_one_in_json(conversation: Conversation) -> None:
    for command in ("git --version", "ls -la /usr", 'printf "%s\\n" \'{"a": "b"}\'', "exit 1"):
        plain = await conversation.run(command)
        as_json = json.dumps({"output": plain.content, "exit_code": 0, "error": None})
        assert len(str(plain.content)) < len(as_json)


@pytest.mark.parametrize(
    "arguments", [{"command": "ls", "cwd": "/"}, {"command": ""}, {"command": "ls", "timeout": 0}, {}]
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(arguments, TerminalArguments)
