"""A skill's files where the commands of a conversation run."""

from __future__ import annotations

import json
from typing import Any

from hermes_host.messages import assistant_message
from hermes_host.specs import TerminalSpec
from hermes_host.testing import FakeTerminalBackend, StandInHost, events_of


def with_scripts(make: Any) -> Any:
    folder = make("deploy")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "go.sh").write_text("#!/bin/sh\necho gone\n", encoding="utf-8")
    (folder / "scripts" / "go.sh").chmod(0o755)
    (folder / "references").mkdir()
    (folder / "references" / "notes.md").write_text("Take care.\n", encoding="utf-8")
    return folder


async def view(host: StandInHost, features: str) -> tuple[dict[str, Any], FakeTerminalBackend]:
    from hermes_host.messages import ToolCall

    backend = FakeTerminalBackend()
    spec = TerminalSpec(name="place", summary="s", target="a:b", features=frozenset({"files", *features.split()}))
    host.use_part("terminals", spec, backend)
    call = assistant_message(ToolCall(id="1", name="skill_view", arguments={"name": "deploy"}))
    host.script(call, "ok", call, "ok")
    session = await host.start(terminal="place")
    for _ in range(2):
        await events_of(session.run("go"))
    text = session.messages[-2].parts[0].content[0].text  # type: ignore[union-attr]
    return json.loads(text.partition("\n")[0]), backend


async def test_on_a_terminal_elsewhere_the_files_are_copied_once(host: StandInHost, make: Any) -> None:
    with_scripts(make)
    told, backend = await view(host, "")
    folder = told["path"].removesuffix("/SKILL.md")
    assert folder.startswith("/home/fake/.hermes-skills/deploy-")
    async with backend.open("look", "") as terminal:
        assert await terminal.read(f"{folder}/scripts/go.sh") == b"#!/bin/sh\necho gone\n"
        assert (await terminal.stat(f"{folder}/scripts/go.sh")).mode & 0o777 == 0o755
        assert await terminal.read(f"{folder}/references/notes.md") == b"Take care.\n"
        assert len(await terminal.list("/home/fake/.hermes-skills")) == 1


async def test_on_this_machine_they_stay_where_they_are(host: StandInHost, make: Any) -> None:
    folder = with_scripts(make)
    told, backend = await view(host, "local")
    assert told["path"] == str(folder / "SKILL.md")
    async with backend.open("look", "") as terminal:
        assert await terminal.stat("/home/fake/.hermes-skills") is None


async def test_files_that_are_too_many_bytes_are_named_as_missing(host: StandInHost, make: Any) -> None:
    folder = with_scripts(make)
    (folder / "references" / "large.bin").write_bytes(b"\0" * 5_000_001)
    told, _ = await view(host, "")
    assert "path" not in told
    assert "could not be copied" in told["setup_note"]
