"""One task for an agent, the same on every terminal: write a program, test it, run it as a server, ask it, stop it.

A backend's whole test of it::

    async def test_an_agent_does_the_task(backend, tmp_path):
        await do_the_task(backend, tmp_path, plugins=("files", "terminal"))
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hermes_host.messages import Message, ToolCall, assistant_message, text_of
from hermes_host.specs import TerminalSpec
from hermes_host.testing.hosts import StandInHost, events_of, finished
from hermes_host.testing.providers import ScriptedProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from hermes_host.protocols import ModelInfo, ModelRequest, TerminalBackend
    from hermes_host.stream import ProviderEvent

__all__ = ["do_the_task"]

PROGRAM = """\
#!/bin/sh
# Says hello to every name that is written into the first pipe, through the second one.
while read -r name <questions; do
    [ "$name" = bye ] && exit 0
    echo "Hello, $name!" >answers
done
"""

TEST = """\
#!/bin/sh
mkfifo questions answers
sh greeter.sh & server=$!
echo test >questions
read -r answer <answers
echo bye >questions
wait $server
rm questions answers
[ "$answer" = "Hello, test!" ] && echo "1 passed"
"""


class _Agent:
    """A model that does the task, and looks at what its tools say."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._process = ""
        self.said: list[str] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        last = request.messages[-1]
        if last.role == "tool":
            self.said.append(text_of(last.parts[0].content))  # type: ignore[union-attr]
            if found := re.search(r"proc_[0-9a-f]{12}", self.said[-1]):
                self._process = found[0]
        steps = self._steps()
        step: Message | str = steps[len(self.said)] if len(self.said) < len(steps) else "Done."
        async for event in ScriptedProvider([step]).stream(request):
            yield event

    def _steps(self) -> Sequence[Message]:
        def path(name: str) -> str:
            return f"{self._folder.rstrip('/')}/{name}"

        return [
            _call("write_file", path=path("greeter.sh"), content=PROGRAM),
            _call("write_file", path=path("test_greeter.sh"), content=TEST),
            _call("terminal", command="sh test_greeter.sh", workdir=self._folder, timeout=60),
            _call("terminal", command="mkfifo questions answers", workdir=self._folder),
            _call("terminal", command="sh greeter.sh", workdir=self._folder, background=True),
            _call("terminal", command="echo world >questions; cat answers", workdir=self._folder, timeout=60),
            _call("process", action="kill", session_id=self._process),
            _call("read_file", path=path("greeter.sh")),
        ]

    async def models(self) -> Sequence[ModelInfo]:
        return []

    async def aclose(self) -> None:
        pass


def _call(name: str, **arguments: Any) -> Message:
    return assistant_message(ToolCall(id=f"call_{name}", name=name, arguments=arguments, raw=json.dumps(arguments)))


async def do_the_task(
    backend: TerminalBackend, home: Path, *, plugins: Sequence[str], directory: str = "", features: str = ""
) -> Sequence[str]:
    """Let an agent do it on `backend`, through the tools of `plugins` (files, commands, background processes); gives
    what the tools said. `directory` is where the session starts; `features` are words of the backend's spec."""
    async with StandInHost(home / "home", plugins=plugins, overrides={"terminal.backend": "under_test"}) as host:
        spec = TerminalSpec(
            name="under_test", summary="s", target="a:b", features=frozenset({"files", "background", *features.split()})
        )
        host.use_part("terminals", spec, backend)
        folder = directory or await _start_directory(backend)
        agent = _Agent(folder)
        host.use_provider(agent)
        session = await host.start(directory=folder, yolo=True)
        end = finished(await events_of(session.run("Write a greeter, test it, run it, ask it, stop it.")))
        said = agent.said
        assert (end.outcome, end.text) == ("completed", "Done."), (end, said)
        assert "1 passed" in said[2], said
        assert "Hello, world!" in said[5], said
        assert "Error" not in said[6], said
        assert "says hello" in said[7].lower(), said
        return said


async def _start_directory(backend: TerminalBackend) -> str:
    async with backend.open("task-start", "") as terminal:
        return terminal.directory
