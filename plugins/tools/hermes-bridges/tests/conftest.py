"""Folders in the form of other systems' plugins, a home that trusts them, and conversations that use them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hermes_bridges.commands import bridges as command

from hermes_host.cli.application import Application
from hermes_host.events import ToolFinished
from hermes_host.frontends import SlashCall, split_slash_command
from hermes_host.messages import Message, ToolCall, assistant_message
from hermes_host.slash import find, run
from hermes_host.testing import ScriptedApprover, StandInHost, events_of

GUARD = """\
import json
import os
import sys

told = json.load(sys.stdin)
with open(os.environ["CLAUDE_PLUGIN_DATA"] + "/log.jsonl", "a", encoding="utf-8") as log:
    log.write(json.dumps({"told": told, "environment": sorted(os.environ)}) + "\\n")
words = json.dumps(told.get("tool_input", {}))
if "secret.txt" in words:
    print("secret.txt is nobody's business", file=sys.stderr)
    sys.exit(2)
decision = "ask" if "careful" in words else "allow"
output = {"hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": "be careful"}
print(json.dumps({"hookSpecificOutput": output}))
"""

REVIEW_KIT = {
    ".claude-plugin/plugin.json": json.dumps(
        {
            "name": "review-kit",
            "version": "1.4.0",
            "description": "Reviews changes",
            "author": {"name": "Review people"},
        }
    ),
    "skills/reading-diffs/SKILL.md": (
        "---\nname: reading-diffs\ndescription: Use when a diff is reviewed.\n---\n\n1. Read it.\n"
    ),
    "commands/review.md": "---\ndescription: Review a change\nargument-hint: [branch] [depth]\nmodel: opus\n---\n"
    "Review the branch $1 with depth $2 ($ARGUMENTS).\n\nState: !`git status --short`\n\n"
    "Follow @${CLAUDE_PLUGIN_ROOT}/checklist.md and look at @src/main.py.\n",
    "checklist.md": "- Names say what they mean.\n",
    "agents/critic.md": "---\nname: critic\ndescription: Finds faults\n---\nYou find faults.\n",
    "hooks/hooks.json": json.dumps(
        {
            "hooks": {
                "PreToolUse": [
                    {
                        "matcher": "Write|Edit|Note",
                        "hooks": [
                            {"type": "command", "command": 'python3 "${CLAUDE_PLUGIN_ROOT}/guard.py"', "timeout": 20},
                            {"type": "prompt", "prompt": "Is this wise?"},
                        ],
                    }
                ],
                "PreCompact": [{"hooks": [{"type": "command", "command": "true"}]}],
            }
        }
    ),
    "guard.py": GUARD,
    ".mcp.json": json.dumps(
        {
            "mcpServers": {
                "notes": {
                    "command": "python3",
                    "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"],
                    "env": {"WHERE": "${CLAUDE_PLUGIN_ROOT}"},
                },
                "old": {"type": "sse", "url": "https://old.example/sse"},
            }
        }
    ),
    "server.py": "import os\nprint(os.environ['WHERE'], os.environ['CLAUDE_PLUGIN_ROOT'], flush=True)\n",
}

TICKETS = {
    "plugin.yaml": "name: tickets\nversion: 0.2.0\ndescription: Looks tickets up\n"
    "provides_tools: [lookup_ticket]\nprovides_hooks: [pre_llm_call, post_tool_call]\n",
    "__init__.py": '''\
"""Looks tickets up."""
import json
from .store import TICKETS

seen = []

def lookup(args, **kw):
    seen.append(kw["task_id"])
    number = args.get("number")
    if number not in TICKETS:
        return json.dumps({"error": f"no ticket {number}"})
    return json.dumps({"title": TICKETS[number]})

async def count(args, **kw):
    return {"tickets": len(TICKETS)}

def context(user_message, is_first_turn, **kw):
    return {"context": f"Open tickets: {len(TICKETS)} (first: {is_first_turn})"}

def note(tool_name, args, result, **kw):
    print("saw", tool_name)
    seen.append((tool_name, args, result))

def register(ctx):
    ctx.register_tool("lookup_ticket", "tickets", {
        "name": "lookup_ticket", "description": "Look a ticket up.",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    }, lookup)
    ctx.register_tool(name="count_tickets", toolset="tickets", schema={"description": "How many there are."},
                      handler=count, is_async=True)
    ctx.register_hook("pre_llm_call", context)
    ctx.register_hook("post_tool_call", note)
    ctx.register_hook("on_moon_phase", note)
''',
    "store.py": 'TICKETS = {7: "The door squeaks"}\n',
}

JOURNAL = {
    "HOOK.yaml": "name: journal\ndescription: Writes down what happens\n"
    "events: [session:start, 'agent:*', 'command:*', gateway:startup, session:reset]\n",
    "handler.py": """\
import json
from pathlib import Path

async def handle(event_type, context):
    with open(Path(__file__).parent.parent / "journal.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps([event_type, context]) + "\\n")
""",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder: one of those above by its name, or with files of its own, or changed."""
    known = {"review-kit": REVIEW_KIT, "tickets": TICKETS, "journal": JOURNAL}

    def make(name: str, files: dict[str, str] | None = None, **changed: Any) -> Path:
        return write(tmp_path / name, {**known.get(name, {}), **(files or {})})

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def hermes(home: Path) -> Callable[..., Result]:
    """`hermes bridges …`."""

    def hermes(*arguments: object, code: int = 0, plugins: tuple[str, ...] = ("bridges",), **more: Any) -> Result:
        application = Application()
        application._host = StandInHost(home, plugins=plugins)
        outcome = CliRunner().invoke(command, [str(item) for item in arguments], obj=application, **more)
        if code == 0:
            assert outcome.exit_code == 0, f"{outcome.output}\n{outcome.exception!r}"
        else:
            assert outcome.exit_code != 0, outcome.output
        return outcome

    return hermes


class Talk:
    """One conversation: turns of a scripted model, with what was asked of a person."""

    def __init__(self, host: StandInHost, session: Any, provider: Any, approver: ScriptedApprover) -> None:
        self.host, self.session, self.provider, self.approver = host, session, provider, approver
        self.submitted: list[Any] = []
        self.events: list[Any] = []

    async def turn(self, prompt: str | Message, *steps: Any) -> list[Any]:
        """A message and what the model says to it."""
        self.provider.steps += [*steps] or ["ok"]
        return await events_of(self.session.run(prompt))

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Have the model make a call; gives its result."""
        wanted = assistant_message(ToolCall(id=f"call-{len(self.session.messages)}", name=tool, arguments=arguments))
        self.events = await self.turn(f"use {tool}", wanted, "done")
        return next(event.result for event in self.events if isinstance(event, ToolFinished))

    async def slash(self, text: str) -> str:
        """Use a slash command."""
        name, arguments = split_slash_command(text) or ("", "")
        command = await find(self.host, self.session, name)
        call = SlashCall(
            name=command.name, arguments=arguments, host=self.host, session=self.session, submit=self.submitted.append
        )
        return await run(command, call)

    def said(self, request: int = -1) -> str:
        """The last message of the user as the model got it."""
        messages = self.provider.requests[request].messages
        return next(message.text for message in reversed(messages) if message.role == "user")


@pytest.fixture
async def talk(home: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Begin a conversation on this home, with a tool `note` that writes and a tool `peek` that reads."""
    async with AsyncExitStack() as stack:

        async def talk(
            *answers: Any, plugins: tuple[str, ...] = ("bridges",), attended: bool = True, **options: Any
        ) -> Talk:
            (tmp_path / "work").mkdir(exist_ok=True)
            host = await stack.enter_async_context(StandInHost(home, plugins=plugins))

            def note(path: str, text: str = "") -> str:
                """Write a note."""
                return f"wrote {path}"

            def peek(path: str) -> str:
                """Look at something."""
                return f"saw {path}"

            host.tool(note, name="write_file", effects=("write",))
            host.tool(peek, name="peek", effects=("read",))
            provider = host.script()
            approver = ScriptedApprover(*answers)
            session = await host.start(
                approver=approver if attended else None, directory=str(tmp_path / "work"), **options
            )
            return Talk(host, session, provider, approver)

        yield talk


def text_of(result: Any) -> str:
    return "".join(part.text for part in result.content)


@pytest.fixture
def words() -> Callable[[Any], str]:
    return text_of


@pytest.fixture
def log_of(home: Path) -> Callable[[str], list[Any]]:
    """What the hooks of a folder wrote into their data folder."""

    def log_of(name: str) -> list[Any]:
        file = home / "plugins/bridges/data" / name / "log.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    return log_of
