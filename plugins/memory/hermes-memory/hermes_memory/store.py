"""The memory as it is on the disk, and every way to change it. Calls are short and synchronous: use them in a thread.

Each change is made under the locks of both files, from what is on the disk at that moment, and in this order: the
history, the stamps, the file. So nothing is ever in the file that cannot be taken back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from hermes_host.errors import NotFound, ToolError
from hermes_memory import entries as text
from hermes_memory import files
from hermes_memory.entries import FILES, TARGETS, Target
from hermes_memory.records import Action, Edit, History, Origins, Pending, Stamp, Waiting, changes
from hermes_memory.scan import Finding, Redact, clean, scan, unredacted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hermes_memory.settings import Settings

__all__ = ["MOST_PENDING", "Content", "Entry", "Outcome", "Refusal", "Store"]

MOST_PENDING = 50
"""Writes that may wait for consent; more are refused."""

_PREVIEW = 80


class Refusal(ToolError):
    """A write that is not made. `details` are for the model: entries, usage, matches."""

    def __init__(self, message: str, *, remedy: str = "", **details: Any) -> None:
        super().__init__(message, remedy=remedy)
        self.details = details


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `finding` says why it is kept from the model, `stamp` is None where it was written by hand."""

    text: str
    finding: Finding | None = None
    stamp: Stamp | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One file: all its entries, and how much of its limit they use."""

    target: Target
    entries: tuple[Entry, ...]
    used: int
    limit: int
    oversized: bool = False
    """The file is larger than `files.LARGEST` bytes and was read only so far; it is not written to."""

    @property
    def clean(self) -> list[str]:
        """The entries a model may see."""
        return [text.readable(entry.text) for entry in self.entries if entry.finding is None]

    @property
    def withheld(self) -> int:
        """How many it may not."""
        return sum(entry.finding is not None for entry in self.entries)

    @property
    def usage(self) -> str:
        """`67% — 1,474/2,200 chars`."""
        return text.usage(self.used, self.limit)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a write came to. `message` is a sentence; `number` is the edit's, 0 where nothing was changed."""

    content: Content
    message: str
    number: int = 0


class Store:
    """The memory of one home."""

    def __init__(self, home: Path, state: Path, settings: Settings, redact: Redact = unredacted) -> None:
        """`state` is the folder for what is kept beside the files."""
        self.folder = home / "memories"
        self._settings = settings
        self._redact = redact
        self._origins = Origins(state / "provenance.json")
        self._history = History(state / "history.jsonl")
        self._waiting = Waiting(state / "pending.json")

    # ------------------------------------------------------------------------------------------------- looking

    def path(self, target: Target) -> Path:
        """The file of `target`."""
        return self.folder / FILES[target]

    def content(self, target: Target) -> Content:
        """What is in a file now, each entry judged. Raises `FileProblem` where it cannot be read."""
        data = files.read(self.path(target))
        listed = text.parse(text.decode(data[: files.LARGEST]))
        stamps = self._origins.read() if listed else {}
        return Content(
            target=target,
            entries=tuple(
                Entry(text=entry, finding=scan(entry, self._redact), stamp=stamps.get(text.fingerprint(entry)))
                for entry in listed
            ),
            used=text.size(listed),
            limit=self._settings.limit(target),
            oversized=len(data) > files.LARGEST,
        )

    def history(self) -> list[Edit]:
        """All edits that are still known, oldest first."""
        return self._history.read()

    def pending(self) -> list[Pending]:
        """The writes that wait for consent, oldest first."""
        return self._waiting.read()

    # ------------------------------------------------------------------------------------------------- writing

    def write(self, action: Action, target: Target, *, content: str = "", old_text: str = "", stamp: Stamp) -> Outcome:
        """Make one change. Raises `Refusal`, or `FileProblem` when the disk refuses; nothing is then changed."""
        content, old_text = self._checked(action, target, content, old_text)
        with self._locked():
            return self._write(action, target, content, old_text, stamp)

    def ask_for(
        self, action: Action, target: Target, *, content: str = "", old_text: str = "", stamp: Stamp
    ) -> Pending:
        """Put a change aside until the owner decides. Raises as `write` does for one that could never be made."""
        content, old_text = self._checked(action, target, content, old_text)
        if action != "remove":
            self._refuse_finding(content)
        with self._locked():
            if len(self._waiting.read()) >= MOST_PENDING:
                raise Refusal(f"{MOST_PENDING} writes already wait for the owner's consent; this one was not kept.")
            return self._waiting.add(action=action, target=target, stamp=stamp, content=content, old_text=old_text)

    def accept(self, number: int) -> Outcome:
        """Make a change that waited. Raises as `write` does, and `NotFound`; it then goes on waiting."""
        with self._locked():
            item = self._pending(number)
            self._refuse_disabled(item.target)
            stamp = msgspec.structs.replace(item.stamp, consent=True)
            outcome = self._write(item.action, item.target, item.content, item.old_text, stamp)
            self._waiting.remove(number)
            return outcome

    def reject(self, number: int) -> Pending:
        """Let a change that waited go. Raises `NotFound`."""
        with self._locked():
            item = self._pending(number)
            self._waiting.remove(number)
            return item

    def edit(self, target: Target, before: str, after: str) -> Outcome:
        """Put a text edited by hand in the place of `before`, as `raw` gave it.

        Raises `Refusal` for entries that would not be shown to the model anyway, and when the file has changed.
        """
        wanted = text.parse(after)
        known = set(text.parse(before))
        for entry in wanted:
            if entry not in known:
                self._refuse_finding(entry)
        with self._locked():
            if self.raw(target) != before:
                raise Refusal(f"{FILES[target]} has changed while it was edited.", remedy="Edit it again.")
            listed = self._listed(target)
            limit = self._settings.limit(target)
            if text.size(wanted) > max(limit, text.size(listed)):
                raise Refusal(f"That would be {text.size(wanted):,} characters; the limit is {limit:,}.")
            stamp = Stamp(origin="owner", time=time.time(), by="hand")
            number = self._commit("edit", target, listed, wanted, stamp)
            return Outcome(content=self.content(target), message="Saved." if number else "Unchanged.", number=number)

    def raw(self, target: Target) -> str:
        """A file's text, to be edited."""
        return text.decode(files.read(self.path(target)))

    def undo(self, number: int = 0) -> tuple[Edit, Outcome]:
        """Take an edit back: that of a number, else the last one that was not taken back yet.

        Other edits made since stay. Raises `NotFound` and `Refusal`.
        """
        with self._locked():
            for edit in self._undoable(number):
                now = self._listed(edit.target)
                gone, came = {entry for _, entry in edit.removed}, {entry for _, entry in edit.added}
                if not (came - set(now)) and not (gone & set(now)):
                    return edit, self._take_back(edit, now, came)
                if number:
                    raise Refusal(f"{FILES[edit.target]} has changed since edit {number}: it cannot be taken back.")
                if not (gone <= set(now) and not came & set(now)):  # else it never took effect
                    raise Refusal(
                        f"The last edit ({edit.number}) cannot be taken back: {FILES[edit.target]} was changed since.",
                        remedy="`hermes memory edit` changes the file as you like.",
                    )
            raise NotFound("There is no edit to take back.", remedy="`hermes memory history` lists them.")

    # ---------------------------------------------------------------------------------------------- the inside

    def _locked(self) -> AbstractContextManager[None]:
        return files.locked([self.path(target) for target in TARGETS])

    def _checked(self, action: Action, target: Target, content: str, old_text: str) -> tuple[str, str]:
        self._refuse_disabled(target)
        content, old_text = clean(content), clean(old_text)
        if action != "remove" and not content:
            raise Refusal(f"content is empty; {action} needs it. Nothing was changed.")
        if action != "add" and not old_text:
            raise Refusal(f"old_text is empty; {action} needs a unique part of the entry. Nothing was changed.")
        return content, old_text

    def _refuse_disabled(self, target: Target) -> None:
        if not self._settings.enabled(target):
            key = "memory_enabled" if target == "memory" else "user_profile_enabled"
            raise Refusal(f"The target {target!r} is switched off (memory.{key}). Nothing was changed.")

    def _refuse_finding(self, content: str) -> None:
        if (finding := scan(content, self._redact)) is not None:
            raise Refusal(
                f"This is not remembered, because {finding.reason} ({finding.id}). Nothing was changed.",
                remedy="State it as a plain fact in other words, without secrets, or leave it.",
                pattern=finding.id,
            )

    def _pending(self, number: int) -> Pending:
        for item in self._waiting.read():
            if item.number == number:
                return item
        raise NotFound(f"No write number {number} waits for consent.", remedy="See `hermes memory pending`.")

    def _listed(self, target: Target) -> list[str]:
        data = files.read(self.path(target))
        if len(data) > files.LARGEST:
            raise Refusal(
                f"{FILES[target]} is larger than {files.LARGEST:,} bytes and is not written to.",
                remedy="Shorten it by hand.",
            )
        return text.parse(text.decode(data))

    def _write(self, action: Action, target: Target, content: str, old_text: str, stamp: Stamp) -> Outcome:
        if action != "remove":
            self._refuse_finding(content)
        listed = self._listed(target)
        if action == "add":
            if content in listed:
                return Outcome(content=self.content(target), message="It is there already; no duplicate was added.")
            wanted = [*listed, content]
        else:
            place = self._match(target, listed, old_text)
            replacement = [content] if action == "replace" else []
            wanted = list(dict.fromkeys([*listed[:place], *replacement, *listed[place + 1 :]]))
        self._refuse_overfull(target, listed, wanted)
        number = self._commit(action, target, listed, wanted, stamp)
        done = {"add": "Added.", "replace": "Replaced.", "remove": "Removed."}[action]
        return Outcome(content=self.content(target), message=done if number else "Unchanged.", number=number)

    def _refuse_overfull(self, target: Target, listed: Sequence[str], wanted: Sequence[str]) -> None:
        limit, new = self._settings.limit(target), text.size(wanted)
        # A file that is too long already, by hand, may get shorter step by step.
        if new > limit and new >= text.size(listed):
            content = self.content(target)
            raise Refusal(
                f"That would be {new:,} characters; the limit of {target!r} is {limit:,}. Nothing was changed.",
                remedy="Replace or remove entries that matter less, or merge some, then try again.",
                current_entries=content.clean,
                usage=f"{content.used:,}/{limit:,}",
            )

    def _match(self, target: Target, listed: Sequence[str], old_text: str) -> int:
        found = [place for place, entry in enumerate(listed) if old_text in entry]
        exact = [place for place in found if listed[place] == old_text]
        if len(exact or found) == 1:
            return (exact or found)[0]
        self._refuse_match(target, [listed[place] for place in found])

    def _refuse_match(self, target: Target, found: Sequence[str]) -> NoReturn:
        if not found:
            content = self.content(target)
            raise Refusal(
                "No entry contains old_text. Nothing was changed.",
                remedy="Copy a part of one of current_entries.",
                current_entries=content.clean,
            )
        shown = [text.readable(entry) for entry in found if scan(entry, self._redact) is None]
        raise Refusal(
            f"old_text occurs in {len(found)} entries. Nothing was changed.",
            remedy="Use a longer part that occurs in one only.",
            matches=[entry if len(entry) <= _PREVIEW else f"{entry[: _PREVIEW - 1]}…" for entry in shown],
        )

    def _undoable(self, number: int) -> list[Edit]:
        history = self._history.read()
        if number:
            return [edit for edit in history if edit.number == number][-1:]
        undone = {edit.undoes for edit in history}
        return [
            edit
            for edit in reversed(history)
            if not edit.undoes and edit.number not in undone and (edit.removed or edit.added)
        ]

    def _take_back(self, edit: Edit, now: Sequence[str], came: set[str]) -> Outcome:
        wanted = [entry for entry in now if entry not in came]
        for place, entry in edit.removed:
            wanted.insert(min(place, len(wanted)), entry)
        stamp = Stamp(origin="owner", time=time.time(), by="hand")
        number = self._commit("undo", edit.target, now, wanted, stamp, undoes=edit)
        return Outcome(content=self.content(edit.target), message=f"Took back edit {edit.number}.", number=number)

    def _commit(
        self,
        action: str,
        target: Target,
        before: Sequence[str],
        after: Sequence[str],
        stamp: Stamp,
        *,
        undoes: Edit | None = None,
    ) -> int:
        if list(before) == list(after):
            return 0
        removed, added = changes(before, after)
        known = self._origins.read()
        gone = {text.fingerprint(entry) for _, entry in removed}
        edit = Edit(
            number=self._history.next_number(),
            action=action,
            target=target,
            stamp=stamp,
            removed=tuple(removed),
            added=tuple(added),
            stamps={key: value for key, value in known.items() if key in gone},
            undoes=undoes.number if undoes else 0,
        )
        other: Target = "user" if target == "memory" else "memory"
        elsewhere = text.parse(text.decode(files.read(self.path(other))))
        self._history.append(edit)
        # What comes back by an undo is as trustworthy as it was before.
        fresh = {text.fingerprint(entry): stamp for _, entry in added} if undoes is None else undoes.stamps
        self._origins.note(fresh, [*before, *after, *elsewhere])
        files.replace(self.path(target), text.encode(text.join(after)))
        return edit.number
