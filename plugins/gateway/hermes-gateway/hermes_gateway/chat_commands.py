"""The gateway's own commands: what they do to the conversation they are written in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_gateway.rights import rights_of
from hermes_host.cli.listing import ago, count
from hermes_host.errors import NotFound
from hermes_host.messages import as_written
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from hermes_gateway.lane import Call
    from hermes_host.messages import Message
    from hermes_host.protocols import CommandEntry
    from hermes_host.records import SessionInfo

__all__ = ["HANDLERS"]

_SUMMARY = 100
"""Characters of a skill's summary in a list."""


async def show_help(call: Call) -> str:
    """`/help [command|skills]`."""
    asked = call.arguments.lower().strip().removeprefix("/")
    listing = await call.lane.listing(call, whole=bool(asked))
    if asked == "skills":
        return _of_skills(listing.found_later)
    every = {entry.name: entry for entry in (*listing.own, *listing.host, *listing.found_later)}
    if asked:
        name = call.lane.full_name(asked)
        if name not in every:
            raise NotFound(f"You have no command /{one_line(asked, 40)}.", remedy="/help lists what there is.")
        return f"`/{name}` {every[name].summary}"
    rows = [f"- `/{entry.name}` {entry.summary}" for entry in listing.own]
    if listing.host:
        names = ", ".join(f"`/{entry.name}`" for entry in listing.host)
        rows += ["", f"Also {names}: `/help NAME` says what one does. `/help skills` lists the skills to use by name."]
    return "\n".join([*rows, "", "`//text` sends a message that begins with a slash."])


def _of_skills(entries: Sequence[CommandEntry]) -> str:
    if not entries:
        return "There are no skills here."
    return "\n".join(f"- `/{entry.name}` {one_line(entry.summary, _SUMMARY)}" for entry in entries)


async def stop(call: Call) -> str:
    """`/stop`: what waits is dropped with it, and that is said."""
    lane = call.lane
    dropped = lane.actor(call.key).clear()
    lane.place.rows.settle([item.id for item in dropped if item.id != call.item.id])
    stopped = lane.place.turns.interrupt(call.key, "stop")
    if not stopped:
        beside = [key for key in lane.place.turns.running if key.startswith(f"{call.key}#")]
        number = sum([lane.place.turns.interrupt(key, "stop") for key in beside])
        if number:
            return f"Stopped {count(number, 'background task')}."
    waited = f" {count(len(dropped), 'message')} that waited will not be answered." if dropped else ""
    return f"Stopped.{waited}" if stopped else f"Nothing is running.{waited}"


async def new(call: Call) -> str:
    """`/new [title]`."""
    lane, key = call.lane, call.key
    dropped = lane.actor(key).clear()
    lane.place.rows.settle([item.id for item in dropped if item.id != call.item.id])
    lane.place.turns.interrupt(key, "stop")
    lane.place.conversations.meet(key, call.update)
    old = lane.place.conversations.begin_anew(key, title=one_line(call.arguments, 100))
    rights = rights_of(lane.shared, call.update.address.platform, call.standing.role, None)
    lane.place.opened.end(key, old, rights.memory)
    before = f" `/resume {old}` goes on with the last one." if old and call.standing.at_least("member") else ""
    return f"A new conversation.{before}"


async def status(call: Call) -> str:
    """`/status`."""
    lane = call.lane
    row = lane.place.conversations.get(call.key)
    running = lane.place.turns.running.get(call.key)
    rows = [("Session", f"`{row.session}`" if row is not None and row.session else "none yet")]
    session = lane.place.opened.session(call.key)
    if session is not None:
        rows.append(("Model", f"`{session.model}`"))
    if running is None:
        rows.append(("State", "waiting for you"))
    else:
        quiet = time.monotonic() - running.heard
        state = f"at work for {_span(time.monotonic() - running.began)}"
        if running.phase == "waiting":
            state = "waiting for a free place: many conversations are at work"
        elif quiet > lane.shared.settings.gateway.quiet_seconds:
            state += f", without a sign for {_span(quiet)}; /stop ends it"
        rows.append(("State", state))
    waiting = [item for item in lane.actor(call.key).waiting if item.id != call.item.id]
    if waiting:
        rows.append(("Waiting", count(len(waiting), "message")))
    asked = lane.asks.count(call.key)
    if asked:
        rows.append(("Your answer", f"{count(asked, 'question')} wait for it"))
    aside = sum(claim.conversation == call.key for claim in lane.place.rows.quarantined())
    if aside:
        rows.append(("Laid aside", f"{count(aside, 'message')}; the owner can /retry"))
    rows.append(("You", call.standing.role))
    return "\n".join(f"- **{name}:** {value}" for name, value in rows)


async def approve(call: Call) -> str:
    """`/approve [id] [session|always]`."""
    choice, identity = "once", ""
    for word in call.arguments.lower().split():
        if word in ("once", "session", "always"):
            choice = word
        else:
            identity = word
    return call.lane.asks.approve(call.update, call.standing, identity, choice)


async def deny(call: Call) -> str:
    """`/deny [id]`."""
    return call.lane.asks.approve(call.update, call.standing, call.arguments.lower().strip(), "deny")


async def busy(call: Call) -> str:
    """`/busy [interrupt|queue|steer]`."""
    lane, word = call.lane, call.arguments.lower().strip()
    row = lane.place.conversations.meet(call.key, call.update)
    if word not in ("interrupt", "queue", "steer"):
        mode = row.details.busy or lane.shared.settings.display.busy_input_mode
        return f"A message during a turn: {mode}. `/busy interrupt`, `/busy queue` or `/busy steer` changes it."
    lane.place.conversations.change(call.key, busy=word)
    return {
        "interrupt": "A message during a turn ends that turn.",
        "queue": "A message during a turn waits for its end.",
        "steer": "A message during a turn is read at its next step.",
    }[word]


async def resume(call: Call) -> str:
    """`/resume [id or title]`: one of one's own; the owner, in a direct chat, any."""
    if not call.arguments:
        return await sessions(call)
    lane, host = call.lane, call.lane.shared.host
    info = _find(call, call.arguments)
    row = lane.place.conversations.meet(call.key, call.update)
    if info.id == row.session:
        return "This is that conversation."
    for other in lane.place.conversations.holding(info.id):
        if lane.place.turns.running.get(other) is not None:
            return "It is at work in another chat. /stop there first."
        await lane.place.opened.let_go(other)
    live = host.session(info.id)
    if live is not None:
        return "It is open somewhere else at the moment."
    lane.place.turns.interrupt(call.key, "stop")
    await lane.place.opened.let_go(call.key)
    lane.keep(call, info.id)
    return f"Going on with **{_named(info)}**: {count(info.messages, 'message')}."


def _find(call: Call, reference: str) -> SessionInfo:
    """The session meant, among those the person may have; to others it looks as if there were none."""
    store = call.lane.shared.host.sessions
    wanted = reference.strip().strip("`")
    try:
        info = store.find(wanted)
    except NotFound:
        info = None
    mine = _own(call)
    if info is not None and (mine is None or info.id in mine):
        return info
    for session_id in mine or ():
        try:
            found = store.find(session_id)
        except NotFound:
            continue
        if found.title.lower() == wanted.lower():
            return found
    raise NotFound(f"You have no conversation {one_line(wanted, 60)!r}.", remedy="/sessions lists them.")


def _own(call: Call) -> Sequence[str] | None:
    """The sessions somebody may go on with here; None for all of them."""
    rows = call.lane.place.conversations
    if call.update.kind != "direct":
        # What was said elsewhere must not come up before others.
        return rows.sessions_of(conversation=call.key, limit=500)
    if call.standing.role == "owner":
        return None
    own = [*rows.sessions_of(person=call.standing.person, limit=500)]
    return own


async def sessions(call: Call) -> str:
    """`/sessions`."""
    store, mine = call.lane.shared.host.sessions, _own(call)
    if mine is None:
        found = list(store.list(limit=10))
    else:
        found = []
        for session_id in mine[:10]:
            try:
                found.append(store.find(session_id))
            except NotFound:
                continue
    now = time.time()
    rows = [f"- `{info.id}` {_named(info)} ({ago(info.updated, now)})" for info in found]
    return "\n".join([*rows, "", "`/resume ID` goes on with one."]) if rows else "There are no conversations yet."


def _named(info: SessionInfo) -> str:
    return one_line(info.title or info.preview, 60) or "(empty)"


async def queue(call: Call) -> str:
    """`/queue <text>`: read after the running turn."""
    if not call.arguments:
        waiting = len(call.lane.actor(call.key).waiting)
        return f"{count(waiting, 'message')} wait. `/queue text` adds one."
    call.lane.submit(call, call.arguments, mode="queue")
    return "It is read after the running turn." if call.key in call.lane.place.turns.running else ""


async def steer(call: Call) -> str:
    """`/steer <text>`: read at the running turn's next step."""
    if not call.arguments:
        return "Usage: `/steer text`"
    running = call.key in call.lane.place.turns.running
    item = call.lane.submit(call, call.arguments, mode="steer")
    return "The agent reads it at its next step." if item is not None and running else ""


async def retry(call: Call) -> str:
    """`/retry`: the turn that was laid aside, else the last message once more."""
    lane = call.lane
    if call.key in lane.place.turns.running:
        return "A turn is running. /stop ends it."
    if any(claim.conversation == call.key for claim in lane.place.rows.quarantined()):
        if call.standing.role != "owner":
            return "Only the owner can have that tried again."
        await lane.again(call.key)
        return "Trying again."
    taken = await _take_back(call)
    if taken is None:
        return "There is nothing to ask again."
    found = taken.meta.get("gateway", {})
    numbers = found.get("updates", ()) if isinstance(found, dict) else ()
    # Words from outside stay what they are, whoever asks for them again.
    whose = "external" if taken.provenance == "external" else ""
    lane.submit(call, as_written(taken).text, attachments=lane.attachments_of(numbers), provenance=whose)
    return ""


async def _take_back(call: Call) -> Message | None:
    call.lane.once(call)
    held = await call.lane.acquire(call)
    try:
        async with call.lane.place.opened.alone(call.key):
            return held.session.undo()
    finally:
        call.lane.place.opened.release(held)


async def undo(call: Call) -> str:
    """`/undo`."""
    if call.key in call.lane.place.turns.running:
        return "A turn is running. /stop ends it."
    taken = await _take_back(call)
    if taken is None:
        return "There is nothing to take back."
    return f"Taken back: “{one_line(taken.said, 80)}” and what followed. Files and commands are as they are."


async def background(call: Call) -> str:
    """`/background <text>`: a conversation of its own; the answer comes here."""
    lane = call.lane
    if not call.arguments:
        return "Usage: `/background text`"
    prefix = f"{call.key}#"
    open_now = sum(key.startswith(prefix) for key in lane.place.turns.running)
    if open_now >= lane.shared.settings.gateway.background_turns:
        return f"{count(open_now, 'task')} run already. Wait for one of them."
    lane.submit(
        call,
        call.arguments,
        conversation=f"{prefix}{call.item.id}",
        deliver_to=str(call.update.address),
        attachments=call.update.attachments,
    )
    return f"At work beside this: “{one_line(call.arguments, 60)}”. The result comes here."


async def link(call: Call) -> str:
    """`/link [code]`: shows that two accounts are one person's."""
    if call.update.kind != "direct":
        return "Codes are shown and entered in direct chats only."
    if call.arguments:
        return call.lane.pairing.link(call.update, call.arguments)
    code = call.lane.pairing.offer_link(call.update)
    return (
        f"Write `/link {code}` to me from your other account within ten minutes. "
        "Give the code to nobody: who enters it counts as you."
    )


async def whoami(call: Call) -> str:
    """`/whoami`."""
    update = call.update
    linked = "; this account is linked with others" if call.standing.linked else ""
    return f"`{update.sender.id}` on {update.address.platform}: {call.standing.role}{linked}."


async def roles(call: Call) -> str:
    """`/roles`."""
    people = call.lane.shared.people
    platform = call.update.address.platform
    rows = [f"- `{user}` {role} (settings)" for user, role in sorted(people.listed(platform).items())]
    rows += [
        f"- `{person.user}` {person.role or 'linked'} {one_line(person.name, 40)}"
        for person in people.all()
        if person.platform == platform
    ]
    everyone = people.everyone(platform)
    if everyone:
        rows.append(f"- everybody else: {everyone}")
    return "\n".join(rows) or "Nobody is let in here."


async def set_home(call: Call) -> str:
    """`/sethome`."""
    from hermes_gateway.directory import Directory

    lane = call.lane
    Directory(lane.shared.database, lane.shared.adapters.spec, lane.shared.adapters.platforms()).set_home(
        call.update.address
    )
    return f"This chat is the home of {call.update.address.platform}: what names no chat comes here."


async def platforms(call: Call) -> str:
    """`/platforms`."""
    names = call.lane.shared.adapters.platforms()
    return "\n".join(f"- {name}" for name in names) or "No platform is set up."


async def resend(call: Call) -> str:
    """`/resend`: what could not be delivered here is sent again."""
    from hermes_gateway.outbox import Rows

    rows, here = Rows(call.lane.shared.database), str(call.update.address)
    found = [row["id"] for row in rows.open(states=("failed", "unknown"), limit=500) if row["address"] == here]
    if not found:
        return "Everything was delivered here."
    number = rows.retry(found)
    call.lane.shared.deliveries.wake()
    return f"{count(number, 'message')} sent again."


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


HANDLERS: Mapping[str, tuple[Callable[[Call], Awaitable[str]], str]] = {
    "new": (new, "Begin a new conversation."),
    "stop": (stop, "End the running turn."),
    "status": (status, "Show what is going on."),
    "help": (show_help, "List the commands, or say what one does."),
    "approve": (approve, "Allow what the agent asks for."),
    "deny": (deny, "Refuse what the agent asks for."),
    "queue": (queue, "Say something for after the running turn."),
    "steer": (steer, "Tell the agent something while it works."),
    "busy": (busy, "Choose what a message during a turn does."),
    "background": (background, "Do something beside this conversation."),
    "retry": (retry, "Ask the last message again."),
    "undo": (undo, "Take back the last message and all that followed."),
    "resume": (resume, "Go on with an earlier conversation."),
    "sessions": (sessions, "List the latest conversations."),
    "resend": (resend, "Send again what did not arrive."),
    "sethome": (set_home, "Make this chat the platform's home."),
    "link": (link, "Show that two accounts are yours."),
    "whoami": (whoami, "Show who you are here."),
    "roles": (roles, "List who may talk here."),
    "platforms": (platforms, "List the platforms."),
    "reset": (new, "Begin a new conversation."),
    "q": (queue, "Say something for after the running turn."),
    "bg": (background, "Do something beside this conversation."),
    "set-home": (set_home, "Make this chat the platform's home."),
    "commands": (show_help, "List the commands."),
}
"""By name: what a command does, and what it says of itself."""
