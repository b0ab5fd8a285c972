"""Applying a proposal: through the tools the agent uses, so that their history has it and it can be taken back."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from hermes_host.context import SessionContext, ToolContext
from hermes_host.errors import HermesError, Unsupported
from hermes_host.messages import text_of
from hermes_host.protocols import ToolOutput
from hermes_learning.curator import Proposal, Proposals, propose
from hermes_learning.prompts import condense_prompt, merge_prompt
from hermes_learning.review import About, Job, run
from hermes_learning.shelf import memory_files, own_skills
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL
from hermes_learning.skill_use import totals
from hermes_learning.status import learner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_learning.experience import Kind

__all__ = ["apply", "proposals"]


async def proposals(host: Host, *, keep: bool) -> Sequence[Proposal]:
    """What could be tidied up now; with `keep` they are what the numbers of `apply` mean from now on."""
    learner = await learner_of(host)
    found = propose(
        own_skills(host.home),
        memory_files(host.home, learner.memory),
        {name: total.last for name, total in totals(host.home).items()},
        unused_days=learner.settings.unused_days,
        now=time.time(),
    )
    if keep:
        _shown(host).show(found)
    return found


async def apply(host: Host, number: int) -> str:
    """Do what a shown proposal says; gives a sentence about it. Raises `HermesError`; nothing is then half done."""
    chosen = _shown(host).pick(number, await proposals(host, keep=False))
    if chosen.action == "retire":
        await _call(host, SKILL_TOOL, action="delete", name=chosen.subjects[0])
        name = chosen.subjects[0]
        return f"Deleted the skill {name!r}. `hermes skills revert {name}` brings it back."
    if chosen.action == "drop":
        target, entry, _ = chosen.subjects
        await _call(host, MEMORY_TOOL, action="remove", target=target, old_text=entry)
        return f"Removed the entry from {target!r}. `hermes memory undo` brings it back."
    if chosen.action == "merge":
        keep, other = chosen.subjects
        changed = await _ask(host, "skills", merge_prompt(keep, other))
        if f"skill patched: {keep}" not in changed:
            raise HermesError(f"The model did not change the skill {keep!r}, so {other!r} was not deleted.")
        await _call(host, SKILL_TOOL, action="delete", name=other)
        return f"Merged the skill {other!r} into {keep!r}. `hermes skills revert NAME` takes back either change."
    changed = await _ask(host, "memory", condense_prompt(chosen.subjects[0], _limit(host, chosen.subjects[0])))
    if not changed:
        raise HermesError(f"The model changed nothing in {chosen.subjects[0]!r}.")
    return f"Condensed {chosen.subjects[0]!r}. `hermes memory history` lists each change, `undo` takes it back."


def _shown(host: Host) -> Proposals:
    return Proposals(host.context("learning").state_directory / "proposals.json")


def _limit(host: Host, target: str) -> int:
    from hermes_learning.settings import MemoryIntervals

    settings = host.context("learning").section(MemoryIntervals, "memory")
    return settings.memory_char_limit if target == "memory" else settings.user_char_limit


async def _ask(host: Host, kind: Kind, prompt: str) -> Sequence[str]:
    """Have a model do it with the tools of one kind; gives what it changed."""
    setting = host.config.section("auxiliary").get("review")
    provider = setting.provider if setting and setting.provider not in ("auto", "main") else ""
    job = Job(
        about=About(session="", kinds=(kind,), through="", reason="curate"),
        messages=(),
        provenance="owner",
        models=((provider, setting.model if setting else ""),),
        prompt=prompt,
        max_steps=16,
    )
    return (await run(host, job)).changed


async def _call(host: Host, wanted: str, /, **arguments: Any) -> None:
    """Use a tool as the owner, whose consent the command itself is. Raises `HermesError` where it refuses."""
    tool = host.tools.get(wanted)
    parameters = host.parameters(tool)
    if parameters is None:
        raise Unsupported(f"The tool {wanted!r} cannot be used.", remedy="See `hermes plugins list`.")
    context = ToolContext(
        host.context(tool.plugin),
        SessionContext(f"curate-{secrets.token_hex(4)}", source="cli"),
        call_id=secrets.token_hex(6),
        tool=tool.name,
        effects=tool.spec.effects,
    )
    output = await host.target(tool, tool.spec.target)(parameters.check(arguments), context)
    text = _text(output)
    if (isinstance(output, ToolOutput) and output.is_error) or _refused(text):
        raise HermesError(f"The tool {tool.name!r} refused: {text}")


def _text(output: Any) -> str:
    content = output.content if isinstance(output, ToolOutput) else output
    if isinstance(content, tuple):
        return text_of(content)
    return content if isinstance(content, str) else json.dumps(content)


def _refused(text: str) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("success") is False
