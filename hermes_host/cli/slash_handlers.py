"""The host's own slash commands. They know no front end: what they give back is Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import ago, count
from hermes_host.errors import Unsupported
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.frontends import SlashCall
    from hermes_host.records import SessionInfo

__all__ = [
    "clear",
    "history",
    "leave",
    "model",
    "new",
    "resume",
    "sessions",
    "show_help",
    "status",
    "steer",
    "stop",
    "terminal",
    "title",
    "tools",
    "usage",
]


async def show_help(call: SlashCall) -> str:
    """`/help [command]`."""
    if call.arguments:
        from hermes_host.slash import find

        spec = (await find(call.host, call.session, call.arguments.lstrip("/"))).spec
        also = f" Also: {', '.join(f'`/{alias}`' for alias in spec.aliases)}." if spec.aliases else ""
        busy = " Works while a turn runs." if spec.while_busy else ""
        return f"`/{f'{spec.name} {spec.usage}'.strip()}` {spec.summary}{also}{busy}"
    rows = [
        f"- `/{f'{item.name} {item.spec.usage}'.strip()}` {item.spec.summary}"
        for item in sorted(call.host.slash_commands, key=lambda item: item.name)
    ]
    notes = "A unique beginning of a name is enough. `//text` sends a message that begins with a slash."
    return "\n".join([*rows, "", notes])


async def new(call: SlashCall) -> str:
    """`/new [title]`."""
    session = await call.host.start(
        model=call.session.model,
        source=call.surface,
        directory=call.session.context.directory,
        title=call.arguments,
        **_options(call),
    )
    await _switch(call, session)
    return f"A new conversation: `{session.id}`, {session.model}."


async def clear(call: SlashCall) -> str:
    """`/clear`."""
    said = await new(call)
    empty = call.data.get("clear_screen")
    if callable(empty):
        empty()
    return said


async def resume(call: SlashCall) -> str:
    """`/resume [id or title]`; without one, the latest conversations."""
    if not call.arguments:
        return await sessions(call)
    found = call.host.sessions.find(call.arguments)
    if found.id == call.session.id:
        return "This is that conversation."
    session = await call.host.resume(found.id, **_options(call))
    await _switch(call, session)
    name = one_line(session.info.title or session.info.preview, 60) or session.id
    return f"Going on with **{name}**: {count(len(session.messages), 'message')}, {session.model}."


def _options(call: SlashCall) -> dict[str, Any]:
    """What the front end wants given to every session it opens: approver, questioner and the like."""
    options = call.session_options
    return dict(options) if isinstance(options, dict) else {}


async def _switch(call: SlashCall, session: Session) -> None:
    if call.switch_session is None:
        await session.close("exit")
        raise Unsupported("This surface cannot change to another conversation.")
    await call.switch_session(session)


async def sessions(call: SlashCall) -> str:
    """`/sessions [number or words]`: the latest conversations, or those in which the words occur."""
    import time

    now = time.time()
    if call.arguments and not call.arguments.isdecimal():
        return _found(call, now)
    limit = int(call.arguments) if call.arguments else 10
    rows = [f"- `{info.id}` {_named(info)} ({ago(info.updated, now)})" for info in call.host.sessions.list(limit=limit)]
    return "\n".join([*rows, "", "`/resume ID` goes on with one."]) if rows else "There are no conversations yet."


def _found(call: SlashCall, now: float) -> str:
    hits = call.host.sessions.search(call.arguments, limit=30)
    first = {hit.session_id: hit for hit in reversed(hits)}
    best = list(dict.fromkeys(hit.session_id for hit in hits))[:10]
    if not best:
        return f"Nothing was found for {one_line(call.arguments, 60)!r}."
    rows = []
    for session_id in best:
        info, hit = call.host.sessions.find(session_id), first[session_id]
        rows.append(
            f"- `{info.id}` {_named(info)} ({ago(info.updated, now)})\n  {hit.role}: {one_line(hit.excerpt, 200)}"
        )
    return "\n".join([*rows, "", "`/resume ID` goes on with one."])


def _named(info: SessionInfo) -> str:
    return one_line(info.title or info.preview, 60) or "(empty)"


async def title(call: SlashCall) -> str:
    """`/title [title]`."""
    if call.arguments:
        return f"Title: {call.session.rename(call.arguments)}"
    return f"Title: {one_line(call.session.info.title) or '(none)'}"


async def history(call: SlashCall) -> str:
    """`/history [number]`: the latest messages, without tool results."""
    limit = int(call.arguments) if call.arguments.isdecimal() else 20
    said = [message for message in call.session.messages if message.role != "tool" and message.said.strip()]
    if not said:
        return "Nothing was said yet."
    left_out = [f"({len(said) - limit} earlier messages)", ""] if len(said) > limit else []
    who = {"user": "You", "assistant": "Agent"}
    rows = [f"**{who.get(message.role, message.role)}:** {message.said.strip()}\n" for message in said[-limit:]]
    return "\n".join([*left_out, *rows])


async def model(call: SlashCall) -> str:
    """`/model [provider:model]`."""
    if not call.arguments:
        return f"Model: `{call.session.model}`. `/model PROVIDER:MODEL` changes it for this conversation."
    await call.session.use_model(call.arguments)
    return f"Model: `{call.session.model}` from the next message on."


async def tools(call: SlashCall) -> str:
    """`/tools`."""
    specs = call.session.tools()
    if not specs:
        return "This conversation has no tools. `hermes tools list` shows what is installed."
    return "\n".join(f"- `{spec.name}` {one_line(spec.summary, 90)}" for spec in specs)


async def terminal(call: SlashCall) -> str:
    """`/terminal [name]`."""
    names = call.host.terminal_backends.names()
    if not call.arguments:
        if not names:
            return "No terminal backend is installed."
        present = call.host.terminals.backend(call.session.context)
        others = ", ".join(f"`{name}`" for name in names if name != present)
        return f"Commands run on `{present}`." + (f" There are also {others}: `/terminal NAME`." if others else "")
    await call.session.use_terminal(call.arguments)
    return f"Commands run on `{call.arguments}` from now on. What ran on the other terminal was ended."


async def usage(call: SlashCall) -> str:
    """`/usage`."""
    used = call.session.usage
    if not (used.input or used.output):
        return "No tokens were used yet."
    details = [
        f"{number:,} {word}"
        for number, word in (
            (used.cached, "of the input from the cache"),
            (used.cache_write, "written to the cache"),
            (used.reasoning, "of the output for thinking"),
        )
        if number
    ]
    return f"{used.input:,} tokens in, {used.output:,} out{f' ({chr(44).join(details)})' if details else ''}."


async def status(call: SlashCall) -> str:
    """`/status`."""
    session = call.session
    rows = [
        ("Session", f"`{session.id}`" + (f" {one_line(session.info.title)}" if session.info.title else "")),
        ("Model", f"`{session.model}`"),
        ("Directory", one_line(session.context.directory, 0)),
        ("Tools", str(len(session.tools()))),
        ("Messages", str(len(session.messages))),
        ("State", "a turn is running" if session.busy else "waiting for you"),
    ]
    return "\n".join(f"- **{name}:** {value}" for name, value in rows)


async def stop(call: SlashCall) -> str | None:
    """`/stop`."""
    if not call.session.busy:
        return "Nothing is running."
    call.session.interrupt()
    return None


async def steer(call: SlashCall) -> str | None:
    """`/steer <text>`."""
    if not call.arguments:
        return "Usage: `/steer <text>`"
    if not call.session.busy:
        return "Nothing is running: just send the message."
    call.session.steer(call.arguments)
    return "The agent reads it at its next step."


async def leave(call: SlashCall) -> None:
    """`/quit`."""
    if call.leave is None:
        raise Unsupported("This surface has no end.")
    call.leave()
