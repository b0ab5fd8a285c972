"""`/skills …` in a conversation: what `hermes skills` does, with every question put to the person in it.

What is installed here is known to the next conversation, or with `--now` to this one, whose prompt is then written
anew. Nothing dangerous can be accepted here, and no flag takes the place of an answer.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, Unsupported
from hermes_host.visible import exact, one_line
from hermes_skillhub.commands_find import describe, tap_of
from hermes_skillhub.deciding import PersonInSession, Wishes, decide
from hermes_skillhub.hub import Hub
from hermes_skillhub.inventory import inventory
from hermes_skillhub.maintenance import audit, check, entries, uninstall
from hermes_skillhub.panel import finding_lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from hermes_host.frontends import SlashCall
    from hermes_skillhub.protocol import SkillListing

__all__ = ["skills"]


class Words:
    """What was typed behind the subcommand: words, `--flags`, and `--options value`."""

    def __init__(self, text: str, flags: Sequence[str], options: Sequence[str]) -> None:
        try:
            parts = iter(shlex.split(text))
        except ValueError as error:
            raise HermesError("A quotation mark is missing.") from error
        self.words: list[str] = []
        self.flags: set[str] = set()
        self.options: dict[str, str] = {}
        for part in parts:
            name, _, value = part.removeprefix("--").partition("=")
            if not part.startswith("--"):
                self.words.append(part)
            elif name in flags and not value:
                self.flags.add(name)
            elif name in options:
                self.options[name] = value or next(parts, "")
            elif name in ("yes", "accept-dangerous"):
                raise Unsupported(f"--{name} is for a terminal: hermes skills.")
            else:
                known = ", ".join(f"--{word}" for word in (*flags, *options)) or "none"
                raise HermesError(f"There is no option {part!r} here.", remedy=f"There are: {known}.")

    def only(self, what: str) -> str:
        """The one word that must be there."""
        if len(self.words) != 1:
            raise HermesError(f"Say which: {what}.")
        return self.words[0]


async def skills(call: SlashCall) -> str:
    """`/skills …`; what is no subcommand of hubs filters the list, as hermes-skills has it."""
    name, _, rest = call.arguments.strip().partition(" ")
    handler = _HANDLERS.get(name.lower())
    if handler is None:
        from hermes_skills.slash import skills as listed

        return await listed(call)
    return await handler(call, await call.host.services.get(Hub), rest.strip())


# ---------------------------------------------------------------------------------------------------------- looking


async def _search(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, (), ("source", "limit"))
    if not said.words:
        raise HermesError("Say what to look for: /skills search pdf.")
    found = await hub.hubs.search(
        " ".join(said.words), limit=_number(said.options.get("limit", "12")), source=said.options.get("source", "")
    )
    return _listed(found.listings, found.failures)


async def _browse(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, (), ("source", "page", "size"))
    size, page = _number(said.options.get("size", "20")), _number(said.options.get("page", "1"))
    found = await hub.hubs.search("", limit=min(size * page, 1000), source=said.options.get("source", ""))
    return _listed(found.listings[(page - 1) * size :], found.failures)


async def _inspect(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, (), ("source",))
    resolved = await hub.hubs.resolve(said.only("/skills inspect SKILL"), said.options.get("source", ""))
    return "\n".join(f"- **{label}:** {value}" for label, value in describe(await hub.hubs.inspect(resolved)))


async def _list(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, (), ("source",))
    found = await inventory(hub, said.options.get("source", "all"), call.session.context.source)
    lines = [
        f"- **{one_line(item.name, 64)}** ({item.source}{', ' + item.trust if item.trust else ''}) "
        f"{one_line(item.description, 100)}"
        for item in found.skills
    ]
    return "\n".join(lines) or "There are none."


async def _check(call: SlashCall, hub: Hub, rest: str) -> str:
    found = await check(hub, Words(rest, (), ()).words)
    lines = [
        f"- **{item.name}:** {item.status.replace('_', ' ')} {one_line(item.detail, 200)}".rstrip() for item in found
    ]
    return "\n".join(lines) or "No hub installed a skill."


async def _audit(call: SlashCall, hub: Hub, rest: str) -> str:
    lines: list[str] = []
    for item in await audit(hub, Words(rest, (), ()).words):
        lines.append(f"- **{item.name}:** {item.verdict}, {item.trust}, {'intact' if item.intact else 'changed'}")
        changed = [f"{kind} {exact(path)}" for kind in ("changed", "missing", "added") for path in getattr(item, kind)]
        lines += [f"  - {line}" for line in (*changed, *item.warnings, *finding_lines(item.findings, 5))]
    return "\n".join(lines) or "No hub installed a skill."


# --------------------------------------------------------------------------------------------------------- changing


async def _install(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, ("force", "now", "discard-edits"), ("source", "category"))
    reference = said.only("/skills install SKILL")
    person = _person(call)
    proposal = await hub.prepare(
        reference,
        source=said.options.get("source", ""),
        category=said.options.get("category"),
        force="force" in said.flags,
        progress=lambda line: call.session.context.announce(one_line(line, 200)),
    )
    entry = await decide(hub, proposal, person, _wishes(said))
    return f"Installed **{entry.name}** in `skills/{entry.install_path}`. {await _effect(call, said)}"


async def _update(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, ("force", "now", "discard-edits"), ())
    person, lines, changed = _person(call), [], False
    for entry in entries(hub, said.words):
        try:
            proposal = await hub.prepare_update(entry)
            if proposal.unchanged and proposal.local.clean:
                proposal.discard()
                lines.append(f"- **{entry.name}:** up to date")
                continue
            await decide(hub, proposal, person, _wishes(said))
            changed = True
            lines.append(f"- **{entry.name}:** updated")
        except HermesError as error:
            lines.append(f"- **{entry.name}:** {one_line(str(error), 400)}")
    return "\n".join([*lines, *([await _effect(call, said)] if changed else [])]) or "No hub installed a skill."


async def _uninstall(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, ("now", "discard-edits"), ())
    (entry,) = entries(hub, [said.only("/skills uninstall NAME")])
    shown = f"{entry.name}, {count(len(entry.files), 'file')}, from {exact(entry.source)}:{exact(entry.identifier)}"
    if not await _person(call).confirm(shown, f"Take {entry.name} away?"):
        return "Nothing was changed."
    removed = await uninstall(hub, entry.name, discard_edits="discard-edits" in said.flags)
    kept = f" These stay: {', '.join(map(exact, removed.kept))}." if removed.kept else ""
    return f"**{removed.name}** is gone.{kept} {await _effect(call, said)}"


async def _tap(call: SlashCall, hub: Hub, rest: str) -> str:
    said = Words(rest, (), ())
    match said.words:
        case [] | ["list"]:
            return "\n".join(f"- `{name}/{folder}`".replace("/`", "`") for name, folder, _ in hub.taps()) or "None."
        case ["add", repository]:
            name, folder = tap_of(repository)
            if not await _person(call).confirm(name, f"Search {name} for skills from now on?"):
                return "Nothing was changed."
            return (
                f"`{name}` is searched from now on." if hub.add_tap(name, folder) else f"`{name}` is searched already."
            )
        case ["remove", repository]:
            name, _folder = tap_of(repository)
            return f"`{name}` is no longer searched." if hub.remove_tap(name) else f"`{name}` was not added here."
    raise HermesError("Use /skills tap list, add OWNER/REPO or remove OWNER/REPO.")


async def _terminal_only(call: SlashCall, hub: Hub, rest: str) -> str:
    raise Unsupported("That reads and writes files of yours: use it on a terminal, `hermes skills publish|snapshot`.")


def _person(call: SlashCall) -> PersonInSession:
    questioner = call.session.questioner
    if questioner is None:
        raise Unsupported(
            "Nobody can be asked here, so nothing can be changed.", remedy="Use `hermes skills` on a terminal."
        )
    return PersonInSession(questioner, call.session.id)


def _wishes(said: Words) -> Wishes:
    return Wishes(force="force" in said.flags, discard_edits="discard-edits" in said.flags)


async def _effect(call: SlashCall, said: Words) -> str:
    """Say when it counts: the prompt of a running conversation stays as it is, so that the vendor's cache holds."""
    if "now" in said.flags:
        await call.session.renew_prompt()
        return "This conversation knows it from now on."
    return "New conversations know it; `--now` tells this one too."


def _listed(listings: Sequence[SkillListing], failures: Mapping[str, str]) -> str:
    lines = [
        f"- **{one_line(item.name, 64)}** ({item.trust}) {one_line(item.description, 120)}\n"
        f"  `/skills install {exact(f'{item.hub}:{item.identifier}')}`"
        for item in listings
    ]
    lines += [f"- {name} could not be asked: {one_line(reason, 200)}" for name, reason in failures.items()]
    return "\n".join(lines) or "No hub has such a skill."


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise HermesError(f"{text!r} is not a number from 1 to 200.")
    return int(text)


_HANDLERS: dict[str, Callable[[SlashCall, Hub, str], Awaitable[str]]] = {
    "search": _search,
    "browse": _browse,
    "inspect": _inspect,
    "list": _list,
    "check": _check,
    "audit": _audit,
    "install": _install,
    "update": _update,
    "uninstall": _uninstall,
    "tap": _tap,
    "publish": _terminal_only,
    "snapshot": _terminal_only,
}
