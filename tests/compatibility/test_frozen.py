"""Plugins made for the first release work with this one, through the doors they were made for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host.cli.plugins_findings import contributions_of, target_faults
from hermes_host.events import Notice, ToolFinished, TurnFinished
from hermes_host.frontends import FrontendOptions, SlashCall
from hermes_host.messages import ToolCall, assistant_message, text_of
from hermes_host.protocols import Adapter, Address, Command, Exited, Outbound, Output
from hermes_host.registry import KINDS
from hermes_host.testing import StandInHost, events_of, finished


async def ask(host: StandInHost, words: str, **options: object) -> TurnFinished:
    session = await host.start(provider="frozen-provider", **options)  # type: ignore[arg-type]
    return finished(await events_of(session.run(words)))


async def result_of(host: StandInHost, tool: str, text: str) -> ToolFinished:
    session = await host.start(provider="frozen-provider")
    events = await events_of(session.run(f"call {tool} {text}"))
    (found,) = [event for event in events if isinstance(event, ToolFinished)]
    return found


def test_no_byte_of_a_frozen_plugin_has_changed(frozen):
    files = [
        path
        for path in sorted(frozen.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "SHA256SUMS"
    ]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(frozen).as_posix()}" for path in files]
    assert sums == (frozen / "SHA256SUMS").read_text(encoding="utf-8").splitlines(), "frozen: never edit"


def test_there_is_one_for_every_kind_of_contribution(host):
    everything = {
        kind for record in host.plugins.records if not record.builtin for kind in KINDS if host.registry(kind)
    }
    brought = {"memories", "middleware"}  # those of the two plugins that this host leaves out
    assert everything | brought == set(KINDS), "add a frozen plugin for the new kind"


def test_all_load_without_a_problem_and_all_their_targets_exist(tmp_path, names):
    host = StandInHost(tmp_path / "home", plugins=names)
    for name in names:
        contributions = contributions_of(host, name)
        assert list(target_faults(contributions)) == []
        record = host.plugins.record(name)
        assert (record.state, [problem.line() for problem in record.problems]) == ("loaded", [])
        assert contributions or record.hooks


async def test_provider(host):
    assert (await ask(host, "good morning")).text == "good morning."
    assert (await ask(host, "good morning")).usage.output == 2
    host.config.set("frozen-provider.mark", "!")
    contribution = host.providers.get("frozen")
    part = await host.part(contribution)
    assert [(model.id, model.context) for model in await part.models()] == [("one", 1000)]
    assert part.key == "a-key-for-tests"
    info = host.plugins.record("frozen-provider").info
    assert info.capabilities.network == ("api.example.test",)


async def test_settings_may_come_from_a_variable(tmp_path):
    environ = {"PATH": "/usr/bin:/bin", "FROZEN_KEY": "a-key-for-tests", "FROZEN_SHOUT": "1"}
    async with StandInHost(tmp_path / "home", plugins=["frozen-provider"], environ=environ) as host:
        assert (await ask(host, "quiet")).text == "QUIET."


async def test_tool(host):
    counted = await result_of(host, "frozen_struct", "seven")
    assert (text_of(counted.result.content), counted.title) == ("5 characters", "counted")
    refused = await result_of(host, "frozen_struct", "nothing")
    assert refused.result.is_error
    assert "Give something." in text_of(refused.result.content)
    repeated = await result_of(host, "frozen_schema", "again")
    assert '"text":"again"' in text_of(repeated.result.content).replace(" ", "")
    assert (await result_of(host, "frozen_schema", "secret")).result.is_error
    session = await host.start(provider="frozen-provider")
    assert "frozen_missing" not in [tool.name for tool in session.tools()]


async def test_tool_source(host):
    late = await result_of(host, "frozen_late_two", "x")
    assert text_of(late.result.content) == "frozen_late_two ran"


async def test_toolset(host):
    session = await host.start(provider="frozen-provider", toolsets=["frozen-set"])
    assert sorted(tool.name for tool in session.tools()) == ["frozen_schema", "frozen_struct"]


async def test_terminal(host):
    session = await host.start(provider="frozen-provider", terminal="frozen-terminal")
    terminal = await host.terminals.open(session.context)
    events = [event async for event in terminal.run(Command(argv=("say", "ice")))]
    assert events == [Output(b"say ice", 1), Exited(code=0)]
    path = await terminal.resolve("a.txt")
    await terminal.write(path, b"cold")
    assert (await terminal.stat(path)).size == 4
    assert await terminal.read(path, offset=1) == b"old"
    backend = await host.part(host.terminal_backends.get("frozen-terminal"))
    assert list(await backend.reap()) == ["nothing was left"]


async def test_session_store(tmp_path):
    chosen = ["frozen-provider", "frozen-session-store"]
    options = {"overrides": {"sessions.store": "frozen-store"}, "environ": {"FROZEN_KEY": "a-key-for-tests"}}
    async with StandInHost(tmp_path / "home", plugins=chosen, **options) as host:
        session = await host.start(provider="frozen-provider", title="Ice")
        await events_of(session.run("keep this"))
    async with StandInHost(tmp_path / "home", plugins=chosen, **options) as host:
        assert {hit.session_id for hit in host.sessions.search("keep")} == {session.id}
        again = await host.resume("Ice")
        assert [message.text for message in again.messages] == ["keep this", "keep this."]
    assert (tmp_path / "home" / "plugins" / "frozen-session-store").is_dir()


async def test_secret_store(tmp_path):
    overrides = {"secrets.stores": ["frozen-vault"]}
    chosen = ["frozen-provider", "frozen-secret-store"]
    async with StandInHost(tmp_path / "home", plugins=chosen, overrides=overrides) as host:
        assert host.context("frozen-provider").secret("FROZEN_KEY") == "from-the-vault-1234"
        assert host.secrets.redact("it is from-the-vault-1234") == "it is [secret FROZEN_KEY]"


async def test_memory(tmp_path):
    environ = {"FROZEN_KEY": "a-key-for-tests"}
    chosen = ["frozen-provider", "frozen-memory"]
    async with StandInHost(tmp_path / "home", plugins=chosen, environ=environ) as host:
        session = await host.start(provider="frozen-provider")
        end = finished(await events_of(session.run("good morning")))
        assert "(recalled beside 'good morning')" in end.text
        asked = finished(await events_of(session.run("system please")))
        assert "FROZEN MEMORY SECTION" in asked.text
    seen = (tmp_path / "home" / "plugins" / "frozen-memory" / "seen.txt").read_text(encoding="utf-8").splitlines()
    assert seen[:2] == ["completed 2", "completed 2"]
    assert seen[-1] == "flush exit"


async def test_skill_source(host):
    (contribution,) = [item for item in host.registry("skill_sources") if item.plugin == "frozen-skill-source"]
    (folder,) = (await host.part(contribution)).folders()
    assert (Path(folder.path).name, folder.category) == ("make-ice", "frozen")
    assert (Path(folder.path) / "SKILL.md").is_file()


async def test_prompt_section(host):
    assert "FROZEN PROMPT SECTION for cli" in (await ask(host, "system please")).text


async def test_service(host):
    from frozen_service.work import Clock

    assert (await host.services.get(Clock)).hour() == 12


async def test_slash_command(host):
    session = await host.start(provider="frozen-provider")
    command = host.slash_commands.get("ice")
    call = SlashCall(name="frozen", arguments="Ada", host=host, session=session)
    assert await host.target(command, command.spec.target)(call) == "**frozen** Ada 0"


async def test_front_end(host):
    frontend = host.frontends.get("frozen-frontend")
    options = FrontendOptions(provider="frozen-provider", prompt="good morning")
    assert await host.target(frontend, frontend.spec.target)(host, options) == 1


async def test_check(host):
    check = host.checks.get("frozen-check")
    (result,) = await host.target(check, check.spec.target)(host.context("frozen-check"))
    assert (result.status, result.remedy) == ("warning", "Cool it.")


async def test_middleware(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["frozen-middleware", "frozen-tool"]) as host:
        call = ToolCall(id="1", name="frozen_struct", arguments={"text": "seven"})
        model = host.script(assistant_message(call), "done")
        session = await host.start()
        events = await events_of(session.run("go"))
    assert "Frozen middleware was here." in [event.text for event in events if isinstance(event, Notice)]
    assert model.requests[0].system.endswith("FROZEN MIDDLEWARE")
    (tool,) = [event for event in events if isinstance(event, ToolFinished)]
    assert text_of(tool.result.content) == "<5 characters>"


async def test_hooks_of_their_own(host):
    context = host.context("frozen-hook-bringer")
    (flavour,) = context.registry("frozen_flavours")
    assert (flavour.title, flavour.plugin) == ("flavour 'mint'", "frozen-hook-user")
    assert await context.part(flavour) == "green mint"


async def test_an_implementation_of_a_hook_nobody_brings_does_no_harm(tmp_path):
    host = StandInHost(tmp_path / "home", plugins=["frozen-hook-user"])
    assert not host.plugins.record("frozen-hook-user").problems


async def test_observers(host):
    session = await host.start(provider="frozen-provider")
    await events_of(session.run("one"))
    await events_of(session.run("two"))
    await session.close("exit")
    states = {record.name: record.data for record in host.sessions.load(session.id) if record.kind == "state"}
    assert states["frozen.turns"] == {"outcomes": ["completed", "completed"]}
    assert states["frozen.ended"] == {"reason": "exit", "started": session.id}


async def test_decision(host):
    denied = await result_of(host, "frozen_struct", "forbidden")
    assert denied.result.is_error
    assert "Frozen says no to frozen_struct." in text_of(denied.result.content)


async def test_adapter(host):
    contribution = host.registry("adapters").get("frozen-chat")
    adapter = await host.part(contribution)
    assert isinstance(adapter, Adapter)
    updates: list[object] = []

    class Inbox:
        def connected(self, account="", *, name=""):
            updates.append(account)

        async def put(self, *items):
            updates.extend(items)

    await adapter.run(Inbox())
    account, update = updates
    assert (account, update.text, str(update.address)) == ("bot", "hello", "frozen-chat:1")
    receipt = await adapter.send(Address.parse("frozen-chat:1"), Outbound(text="draft"))
    await adapter.edit(receipt, Outbound(text="final"))
    assert adapter.sent == ["final"]


async def test_daemon(host):
    started: list[bool] = []
    daemon = await host.part(host.registry("daemons").get("frozen-daemon"))
    await daemon.run(lambda: started.append(True))
    assert started == [True]


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["frozen", "cold"], "It is cold.\n"),
        (["plugins", "frozen"], "below plugins\n"),
        (["chat", "-Q", "-q", "good morning", "--provider", "frozen"], "good morning.\n"),
    ],
)
def test_commands(arguments, output, site, tmp_path):
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HERMES_HOME": str(tmp_path / "home"),
        "HERMES_PLUGINS": "frozen-command,frozen-provider",
        "FROZEN_KEY": "a-key-for-tests",
        "PYTHONPATH": os.pathsep.join(site),
        "LANG": "C.UTF-8",
    }
    program = [sys.executable, "-c", "from hermes_host.cli import main; main()", *arguments]
    done = subprocess.run(
        program, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, output), done.stderr
