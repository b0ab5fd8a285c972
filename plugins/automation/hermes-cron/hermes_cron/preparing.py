"""What comes before the model: a job's script and its skills, made ready in a conversation nobody sees.

The script runs on the job's terminal through the same gate as any command. Its owner agreed to exactly this text when
the job was made, so exactly this call is approved in their place; what the rules refuse stays refused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from hermes_host.errors import HermesError
from hermes_host.events import Event, ToolFinished
from hermes_host.messages import ToolCall, ToolResult, text_of
from hermes_host.protocols import ApprovalRequest, Decision

if TYPE_CHECKING:
    from hermes_cron.records import Job
    from hermes_host.agent.session import Session
    from hermes_host.host import Host
    from hermes_host.services import Conversations

__all__ = ["Prepared", "prepare"]

TERMINAL, SKILL = "terminal", "skill_view"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's script printed and what its skills say."""

    output: str = ""
    skills: Sequence[str] = ()
    notes: Sequence[str] = ()
    failed: str = ""
    """Why the script failed."""
    asleep: bool = False
    """Whether the script said that there is nothing to do."""


class _OwnerAgreed:
    """Answers for the owner, who agreed to one script."""

    def __init__(self, script: str) -> None:
        self._arguments = {"command": script}

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Yes to exactly that call."""
        same = request.call.name == TERMINAL and request.call.arguments == self._arguments
        return Decision(choice="once" if same else "deny", by="the job's owner" if same else "nobody")


async def prepare(conversations: Conversations, job: Job, seconds: float | None) -> Prepared:
    """Run the script and read the skills, within `seconds`. Raises `HermesError` where that cannot even begin."""
    if not job.script and not job.skills:
        return Prepared()
    host = cast("Host", conversations)  # the host offers this service itself
    wanted = [*([TERMINAL] if job.script else []), *([SKILL] if job.skills else [])]
    missing = [name for name in wanted if name not in host.tools]
    if TERMINAL in missing:
        return Prepared(failed="A script needs the tool `terminal`: `pip install hermes-terminal hermes-local`.")
    session = await host.start(
        toolsets=[name for name in wanted if name not in missing],
        source="cron",
        directory=job.directory,
        terminal=job.terminal,
        memory="none",
        approver=_OwnerAgreed(job.script) if job.script else None,
    )
    try:
        skills, notes = await _skills(session, job, seconds)
        if not job.script:
            return Prepared(skills=skills, notes=notes)
        return msgspec.structs.replace(await _script(session, job, seconds), skills=skills, notes=notes)
    finally:
        await session.close()  # nothing was said in it, so nothing of it is kept


async def _skills(session: Session, job: Job, seconds: float | None) -> tuple[list[str], list[str]]:
    skills, notes = [], []
    for name in job.skills:
        try:
            result, _ = await _call(session, SKILL, {"name": name}, seconds)
        except HermesError as error:
            notes.append(f"The skill {name!r} could not be loaded: {error}")
            continue
        text = text_of(result.content)
        if result.is_error:
            notes.append(f"The skill {name!r} could not be loaded: {text}")
        else:
            skills.append(text)
    return skills, notes


async def _script(session: Session, job: Job, seconds: float | None) -> Prepared:
    result, title = await _call(session, TERMINAL, {"command": job.script}, seconds)
    output = text_of(result.content)
    if result.is_error or title.startswith("exit "):
        return Prepared(output=output, failed=f"The script failed ({title or 'refused'}): {output.strip()[-1000:]}")
    return Prepared(output=output, asleep=_says_nothing_to_do(output))


async def _call(
    session: Session, tool: str, arguments: dict[str, str], seconds: float | None
) -> tuple[ToolResult, str]:
    events: list[Event] = []
    session.toolbox.emit = events.append
    deadline = None if seconds is None else time.monotonic() + seconds
    call = ToolCall(id=f"prepare-{tool}", name=tool, arguments=dict(arguments))
    result = await session.toolbox.run(call, turn_id="", deadline=deadline)
    title = next((event.title for event in events if isinstance(event, ToolFinished)), "")
    return result, title


def _says_nothing_to_do(output: str) -> bool:
    """Whether the last line is `{"wakeAgent": false}`."""
    lines = output.strip().splitlines()
    try:
        last = msgspec.json.decode(lines[-1]) if lines else None
    except msgspec.DecodeError:
        return False
    return isinstance(last, dict) and last.get("wakeAgent") is False
