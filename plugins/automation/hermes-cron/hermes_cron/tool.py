"""The tool `cronjob`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hermes_cron.protocol import Author, Jobs, JobWish
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.services import Conversations
from hermes_host.visible import visible

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import ToolContext

__all__ = ["CronjobArguments", "assess", "cronjob"]

_LOOKING = ("list", "show")


class CronjobArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with which job."""

    action: Literal["create", "list", "show", "update", "pause", "resume", "run", "remove"]
    job: Annotated[str, Meta(description="Its id or name")] = ""
    schedule: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    deliver: (
        Annotated[
            list[str], Meta(description="origin (this chat, the default), local (a file), a platform, platform:#name")
        ]
        | UnsetType
    ) = UNSET
    skills: list[str] | UnsetType = UNSET
    script: Annotated[str, Meta(description="Shell commands run first; the job sees their output")] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    repeat: Annotated[int, Meta(ge=0, description="Runs in all; 0: no end")] | UnsetType = UNSET
    timezone: Annotated[str, Meta(description="IANA name, where it is not the user's own")] | UnsetType = UNSET


async def assess(arguments: CronjobArguments, call: ToolContext) -> Assessment:
    """What outlives the turn needs the owner: words from outside make no jobs at all, and where the turn has read some,
    or the job would act or write elsewhere, the owner is asked each time."""
    if arguments.action in _LOOKING:
        return Assessment(verdict="allow")
    if call.session.source == "cron":
        return Assessment(verdict="deny", reason="A job makes and changes no jobs.")
    if await _begun_from_outside(call):
        return Assessment(verdict="deny", reason="What came from outside makes and changes no jobs.")
    reasons = []
    if call.origin == "external":
        reasons.append("This turn has read words from outside, which may be behind it.")
    if isinstance(arguments.script, str) and arguments.script:
        reasons.append("Its script will run unattended.")
    if _elsewhere(arguments, call):
        reasons.append("Its answers will go to another place than this chat.")
    if not reasons:
        return Assessment(verdict="allow")
    return Assessment(verdict="ask", reason=" ".join(reasons), shown=_shown(arguments), rememberable=False)


def _elsewhere(arguments: CronjobArguments, call: ToolContext) -> bool:
    here = {"origin", "local", call.session.chat.address if call.session.chat else ""}
    return isinstance(arguments.deliver, list) and not set(arguments.deliver) <= here


def _shown(arguments: CronjobArguments) -> str:
    given = {name: getattr(arguments, name) for name in arguments.__struct_fields__}
    return "\n".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}"
        for name, value in given.items()
        if value is not UNSET and value != ""
    )


async def _session(call: ToolContext) -> Session | None:
    conversations = await call.plugin.services.get(Conversations)
    return conversations.session(call.session.id)


async def _begun_from_outside(call: ToolContext) -> bool:
    session = await _session(call)
    if session is None:
        return call.origin == "external"
    said = next((item for item in reversed(session.messages) if item.role == "user"), None)
    return said is not None and said.provenance == "external"


async def cronjob(arguments: CronjobArguments, call: ToolContext) -> ToolOutput:
    """Do it."""
    jobs = await call.plugin.services.get(Jobs)
    author = await _author(call)
    user = None if author.provenance == "owner" else author.user
    try:
        found = await _do(arguments, jobs, author, user)
    except HermesError as error:
        raise ToolError(error.message, remedy=error.remedy) from error
    # What it says is the owner's own words and ours.
    return ToolOutput(content=msgspec.json.encode(found).decode(), title=_title(arguments, found), provenance="owner")


async def _author(call: ToolContext) -> Author:
    chat = call.session.chat
    if chat is None or chat.role == "owner":
        return Author(chat=chat.address if chat else "", user="")
    session = await _session(call)
    # Somebody else's job can never do more than they can.
    tools = tuple(tool.name for tool in session.tools()) if session is not None else ()
    return Author(provenance="member", chat=chat.address, user=chat.user, tools=tools)


async def _do(arguments: CronjobArguments, jobs: Jobs, author: Author, user: str | None) -> Any:
    if arguments.action == "list":
        return {"jobs": [_short(msgspec.to_builtins(view)) for view in await jobs.jobs(everything=True, user=user)]}
    if arguments.action == "create":
        return await jobs.create(_wish(arguments), author)
    if not arguments.job:
        raise ToolError("Say which job: its id or name. action=list shows them.")
    if arguments.action == "update":
        return await jobs.update(arguments.job, _wish(arguments), author, user=user)
    if arguments.action == "show":
        view = await jobs.show(arguments.job, user=user)
        runs = await jobs.history(arguments.job, limit=5, user=user)
        return {"job": view, "runs": [{"due": run.due, "state": run.state, "reason": run.reason} for run in runs]}
    if arguments.action == "run":
        run = await jobs.trigger(arguments.job, user=user)
        status = await jobs.status()
        said = "It runs in the background now." if status.will_run else f"Nothing will run it: {status.remedy}"
        return {"run": run.id, "note": said}
    act = {"pause": jobs.pause, "resume": jobs.resume, "remove": jobs.remove}[arguments.action]
    return _short(msgspec.to_builtins(await act(arguments.job, user=user)))


def _wish(arguments: CronjobArguments) -> JobWish:
    for name in ("prompt", "script"):
        text = getattr(arguments, name)
        if isinstance(text, str) and visible(text) != text:
            raise ToolError(f"The {name} holds invisible or control characters.", remedy="Write it without them.")

    def several(value: list[str] | UnsetType) -> tuple[str, ...] | UnsetType:
        return tuple(value) if isinstance(value, list) else UNSET

    return JobWish(
        schedule=arguments.schedule,
        prompt=arguments.prompt,
        name=arguments.name,
        deliver=several(arguments.deliver),
        skills=several(arguments.skills),
        script=arguments.script,
        model=arguments.model,
        repeat=arguments.repeat,
        timezone=arguments.timezone,
    )


def _short(view: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "name", "state", "schedule", "meaning", "deliver", "reason", "last_run", "last_state", "last_error")
    short = {name: view[name] for name in kept if view.get(name)}
    if view.get("next_runs"):
        short["next_run"] = view["next_runs"][0]
    return short


def _title(arguments: CronjobArguments, found: Any) -> str:
    meaning = getattr(found, "meaning", "")
    return f"{arguments.action}: {meaning}" if meaning else arguments.action
