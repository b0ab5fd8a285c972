"""What a search found, grouped by conversation, and those conversations as text around what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_host.messages import ToolResult, text_of
from hermes_sessions.excerpts import excerpt
from hermes_sessions.queries import parse, terms_of
from hermes_sessions.spoken import searchable
from hermes_sessions.store import SqliteSessionStore

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hermes_host.messages import Message
    from hermes_host.protocols import SessionStore
    from hermes_host.records import SearchHit, SessionInfo, SessionRecord

__all__ = ["Found", "excerpts", "gather", "transcript", "visible_ids"]

_HITS = 50
_GENERATIONS = 200
_BUDGET = 40_000
"""Characters of one conversation that are summarised."""

_RESULT = 500
_NEIGHBOUR = 200
_SHOWN = 3


class Found:
    """One conversation with the places found in it. `messages` are its own, with their records' ids."""

    def __init__(self, info: SessionInfo, hits: list[SearchHit], query: str, *, present: bool) -> None:
        self.info = info
        self.hits = hits
        self.query = query
        self.present = present
        """Whether it is the conversation that asks; `messages` are then those it cannot see any more."""
        self.messages: list[tuple[str, Message]] = []

    @property
    def when(self) -> float:
        """When the best place was said, in seconds since the epoch."""
        return self.hits[0].time or self.info.updated


def gather(
    store: SessionStore, query: str, roles: Collection[str], present: str, view: Mapping[str, Any], limit: int
) -> Sequence[Found]:
    """The best `limit` conversations. Branches of one conversation count as one; of the present one only what is not in
    its view is found. Raises `SessionError`."""
    mine = list(store.load(present)) if present else []
    seen = visible_ids(mine, view)
    if isinstance(store, SqliteSessionStore):
        hits = store.find_hits(query, limit=_HITS, roles=roles, hidden=(present, seen))
    else:
        hits = [hit for hit in store.search(query, limit=4 * _HITS) if not roles or hit.role in roles]
    groups: dict[str, list[SearchHit]] = {}
    roots: dict[str, str] = {}
    said: set[str] = set()
    for hit in hits:
        # Branches hold copies of what they began with, under the same ids.
        if hit.record_id in seen or hit.record_id in said:
            continue
        said.add(hit.record_id)
        groups.setdefault(_root(store, hit.session_id, roots), []).append(hit)
    found = []
    for group in list(groups.values())[:limit]:
        one = Found(store.find(group[0].session_id), group, query, present=group[0].session_id == present)
        records = mine if one.present else store.load(one.info.id)
        one.messages = [item for item in _messages(records) if not one.present or item[0] not in seen]
        found.append(one)
    return found


def visible_ids(records: Sequence[SessionRecord], view: Mapping[str, Any]) -> frozenset[str]:
    """The ids of a conversation's messages that its model sees, and of those that were taken back.

    `view` is what a compaction recorded: messages `head` to `cut` were replaced, but for those `pinned`.
    """
    removed = {
        str(identity)
        for record in records
        if record.kind == "state" and record.name == "host.removed"
        for identity in record.data.get("records", ())
    }
    ids = [identity for identity, _ in _messages(records) if identity not in removed]
    head, cut = view.get("head", 0), view.get("cut", 0)
    if not (isinstance(head, int) and isinstance(cut, int) and 0 <= head < cut <= len(ids)):
        return frozenset(ids) | removed
    pinned = {index for index in view.get("pinned", ()) if isinstance(index, int)}
    gone = {ids[index] for index in range(head, cut) if index not in pinned}
    return (frozenset(ids) - gone) | removed


def _messages(records: Sequence[SessionRecord]) -> Iterator[tuple[str, Message]]:
    for record in records:
        if record.kind == "message" and record.message is not None:
            yield record.id, record.message


def _root(store: SessionStore, session_id: str, known: dict[str, str]) -> str:
    """The first of the conversations that this one was forked from or continues."""
    path: list[str] = []
    current = session_id
    while current not in known and current not in path and len(path) < _GENERATIONS:
        path.append(current)
        try:
            parent = store.find(current).parent
        except HermesError:
            parent = ""
        if not parent or not _exists(store, parent):
            break
        current = parent
    root = known.get(current, current)
    known.update(dict.fromkeys(path, root))
    return root


def _exists(store: SessionStore, session_id: str) -> bool:
    try:
        return store.find(session_id).id == session_id
    except HermesError:
        return False


# --------------------------------------------------------------------------------------------------------- as text


def excerpts(found: Found) -> str:
    """The best places with what was said before and after each."""
    places = {identity: place for place, (identity, _) in enumerate(found.messages)}
    node = parse(found.query)
    terms = list(terms_of(node)) if node is not None else []
    blocks = []
    for hit in found.hits[:_SHOWN]:
        place = places.get(hit.record_id)
        if place is None:
            blocks.append(f"[{hit.role}] {hit.excerpt}")
            continue
        lines = []
        for index in range(max(0, place - 1), min(len(found.messages), place + 2)):
            message = found.messages[index][1]
            text = searchable(message)
            if index == place:
                lines.append(f"[{message.role}] >>> {excerpt(text, terms, before=150, after=450)}")
            elif text.strip():
                lines.append(f"[{message.role}] {_cut(' '.join(text.split()), _NEIGHBOUR)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def transcript(found: Found) -> str:
    """The conversation as text: whole where it fits, else the parts around what was found, the best first."""
    blocks = [_block(message) for _, message in found.messages]
    if sum(map(len, blocks)) <= _BUDGET:
        return "\n\n".join(block for block in blocks if block)
    wanted = {hit.record_id for hit in found.hits}
    places = [place for place, (identity, _) in enumerate(found.messages) if identity in wanted]
    chosen = _around(places, [len(block) for block in blocks])
    pieces: list[str] = []
    last = -1
    for place in sorted(chosen):
        if place != last + 1:
            pieces.append(f"[… {place - last - 1} messages left out …]")
        pieces.append(_cut(blocks[place], _BUDGET))
        last = place
    if last < len(blocks) - 1:
        pieces.append(f"[… {len(blocks) - 1 - last} messages left out …]")
    return "\n\n".join(piece for piece in pieces if piece)


def _around(places: Sequence[int], sizes: Sequence[int]) -> set[int]:
    """Places with their neighbours, nearest first, until the budget is used."""
    chosen: set[int] = set()
    room = _BUDGET
    for distance in range(len(sizes)):
        for place in places or [0]:
            for index in {place - distance, place + distance}:
                if 0 <= index < len(sizes) and index not in chosen:
                    room -= sizes[index]
                    if room < 0 and chosen:
                        return chosen
                    chosen.add(index)
    return chosen


def _block(message: Message) -> str:
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return "\n".join(f"[TOOL {part.name}] {_middle_out(text_of(part.content))}" for part in results)
    calls = "".join(f"\n[CALLED {call.name}] {_cut(call.raw, _RESULT)}" for call in message.tool_calls)
    text = message.said if message.role == "user" else message.text
    return f"[{message.role.upper()}] {text.strip()}{calls}" if text.strip() or calls else ""


def _middle_out(text: str) -> str:
    if len(text) <= _RESULT:
        return text
    half = _RESULT // 2
    return f"{text[:half]} […] {text[-half:]}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
