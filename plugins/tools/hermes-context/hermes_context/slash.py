"""The commands `/context` and `/personality`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_context import personality as manners
from hermes_context import project
from hermes_context.attachments import tokens_in
from hermes_context.fence import label
from hermes_context.review import keep, presented
from hermes_context.settings import ContextSettings
from hermes_context.workspace import open_workspace
from hermes_host.errors import HermesError, Unsupported

if TYPE_CHECKING:
    from hermes_context.project import Project
    from hermes_host.context import PluginContext
    from hermes_host.frontends import SlashCall

__all__ = ["context", "personality"]

_PLUGIN = "context"
_OWN_SURFACES = frozenset({"cli", "tui"})
"""Where whoever types sits at this machine and may decide what is trusted."""

_STATES = {
    "trusted": "trusted",
    "untrusted": "**not trusted**",
    "changed": "**changed since it was trusted**",
    "unusable": "not usable",
}


async def context(call: SlashCall) -> str:
    """`/context [trust [SHA-256]]`."""
    plugin = call.host.context(_PLUGIN)
    word, _, rest = call.arguments.partition(" ")
    if word and word != "trust":
        return "Usage: `/context` or `/context trust`"
    try:
        found = await project.look(plugin, await open_workspace(call.host, call.session.context))
    except OSError as error:
        raise HermesError(f"The project's files cannot be looked at: {error.strerror or error}.") from error
    if word:
        return _trust(call, plugin, found, rest.strip())
    return "\n".join([*_prompt(call, plugin), "", *_now(plugin, found)])


def _prompt(call: SlashCall, plugin: PluginContext) -> list[str]:
    """What the frozen system prompt holds, and where it is from."""
    session = call.session
    system = session.system
    if not system:
        return ["The system prompt is made with the first message."]
    rows = [f"**System prompt:** {len(system):,} characters, about {tokens_in(system):,} tokens, from:"]
    ordered = sorted(call.host.prompt_sections, key=lambda item: (item.spec.order, item.name))
    rows += [f"- {item.name} (plugin {item.plugin}): {item.spec.summary}" for item in ordered]
    name = manners.chosen(plugin, session.context)
    rows.append(f"\n**Personality:** {name or 'none'}")
    recorded: dict[str, Any] = session.context.recorded(project.RECORD)
    rows.append("\n**Project files in it:**")
    used = [file for file in recorded.get("files", ()) if file["state"] == "trusted"]
    rows += [
        f"- {label(file['path'])}: {file['characters']:,} characters, {file['shown']:,} as sent, "
        f"SHA-256 `{file['sha256'][:12]}`"
        for file in used
    ]
    if not used:
        rows.append("- none")
    rows += [f"- {problem}" for problem in recorded.get("problems", ())]
    return rows


def _now(plugin: PluginContext, found: Project) -> list[str]:
    """The files as they are on disk now."""
    mode = plugin.section(ContextSettings).trust
    rows = [f"**Project files of {label(found.root)} now** (context.trust: {mode}):"]
    for file in found.files:
        why = f" ({file.why})" if file.why else ""
        rows.append(f"- {label(file.path)}: {_STATES[file.state]}{why}, SHA-256 `{file.sha256[:12]}`")
        findings = file.prepared[1] if file.state != "unusable" else ()
        rows += [f"    - line {each.line}: {each.kind}: `{label(each.excerpt)}`" for each in findings]
    if not found.files:
        rows.append("- none")
    rows += [f"- {problem}" for problem in found.problems]
    if found.of("untrusted", "changed"):
        rows.append("\n`/context trust` shows them and lets you decide; `hermes context trust` does so outside.")
    return rows


def _trust(call: SlashCall, plugin: PluginContext, found: Project, wanted: str) -> str:
    if call.surface not in _OWN_SURFACES:
        raise Unsupported("On this surface nothing can be trusted.", remedy="Run: hermes context trust")
    waiting = found.of("untrusted", "changed")
    if not waiting:
        return "No project file waits for your trust."
    seen = [file for file in waiting if wanted and len(wanted) >= 8 and file.sha256.startswith(wanted.rstrip("…"))]
    if not seen:
        # The hash in the command ties the answer to what was shown.
        shown = [f"~~~~\n{presented(plugin, file).replace('~~~~', '~ ~ ~ ~')}\n~~~~" for file in waiting]
        commands = [f"- `/context trust {file.sha256[:12]}` trusts {label(file.path)} as shown" for file in waiting]
        return "\n\n".join([*shown, "\n".join(commands)])
    keep(plugin, found, seen)
    names = ", ".join(label(file.path) for file in seen)
    return f"Trusted: {names}. " + (
        "It reaches the agent with your next message." if call.session.system else "It counts from the first message."
    )


async def personality(call: SlashCall) -> str:
    """`/personality [name|none]`."""
    plugin = call.host.context(_PLUGIN)
    session = call.session.context
    if not call.arguments:
        now = manners.chosen(plugin, session)
        rows = [
            f"- {'**' + name + '** (now)' if name == now else name}: {manner.description}"
            for name, manner in manners.available(plugin).items()
        ]
        return "\n".join([*rows, "", "`/personality NAME` switches this conversation, `/personality none` ends it."])
    before = manners.chosen(plugin, session)
    name = manners.switch(plugin, session, call.arguments)
    if name == before:
        return f"The personality is {name} already." if name else "There is no personality to end."
    when = "from your next message on" if call.session.system else "from the first message on"
    return f"Personality: {name}, {when}." if name else f"No personality, {when}."
