"""The tool `patch`: a replacement in one file, or a patch of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hermes_files.access import Access, Located, open_access
from hermes_files.changes import Change, commit
from hermes_files.difference import count_changes, unified, unified_edits
from hermes_files.hunks import place_hunks
from hermes_files.phrases import counted
from hermes_files.read import read_text
from hermes_files.replace import plan
from hermes_files.seen import seen
from hermes_files.syntax import LARGEST_CHECKED, new_problem
from hermes_files.text import Document, Edit, NotText, Unencodable, printable
from hermes_files.v4a import Section, parse
from hermes_files.write import refuse_unknown
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_files.arguments import Patch
    from hermes_host.context import SessionContext, ToolContext

__all__ = ["patch", "paths_of"]

_DIFF_SHOWN = 4000


@dataclass(frozen=True)
class _Outcome:
    """What was worked out for one section, before anything is written."""

    changes: Sequence[Change]
    told: str
    diff: str
    warning: str = ""


async def patch(arguments: Patch, call: ToolContext) -> ToolOutput:
    """Carry out the call. Raises `ToolError` with nothing changed when any part of it cannot be done."""
    access = await open_access(call)
    if arguments.mode == "replace":
        path, old, new = _replacement(arguments)
        located = await access.locate(path, "write")
        access.enforce([located])
        outcomes = [await _replace(access, call.session, located, path, old, new, arguments.replace_all)]
    else:
        sections = _sections(arguments)
        places = [await access.locate(path, "write") for path in _paths(sections)]
        access.enforce(places)
        _refuse_twice(places)
        by_path = dict(zip(_paths(sections), places, strict=True))
        outcomes = [await _work_out(access, call.session, section, by_path) for section in sections]
    changes = [change for outcome in outcomes for change in outcome.changes]
    await commit(access.terminal, changes)
    for change in changes:
        if change.after is None:
            seen(call.session).forget(change.located.path)
        else:
            seen(call.session).note(change.located.path, change.after)
    return _report(outcomes)


def paths_of(arguments: Patch) -> list[str]:
    """Every path the call would write, move or remove. Raises `ToolError` when the arguments make no sense."""
    if arguments.mode == "replace":
        return [_replacement(arguments)[0]]
    return _paths(_sections(arguments))


def _replacement(arguments: Patch) -> tuple[str, str, str]:
    path, old, new = arguments.path, arguments.old_string, arguments.new_string
    if isinstance(path, str) and isinstance(old, str) and isinstance(new, str):
        return path, old, new
    given = {"path": path, "old_string": old, "new_string": new}
    missing = [name for name, value in given.items() if not isinstance(value, str)]
    raise ToolError(
        f"mode=replace needs path, old_string and new_string; missing: {', '.join(missing)}.",
        remedy="To apply a patch text, set mode=patch." if isinstance(arguments.patch, str) else "",
    )


def _sections(arguments: Patch) -> list[Section]:
    if not isinstance(arguments.patch, str):
        raise ToolError("mode=patch needs the argument patch: a text from `*** Begin Patch` to `*** End Patch`.")
    return parse(arguments.patch)


def _paths(sections: Sequence[Section]) -> list[str]:
    return [path for section in sections for path in (section.path, section.move_to) if path]


def _refuse_twice(places: Sequence[Located]) -> None:
    met: set[str] = set()
    for each in places:
        if each.path in met:
            raise ToolError(
                f"The patch names {each.shown} twice; nothing was changed.", remedy="Put it in one section."
            )
        met.add(each.path)


async def _replace(
    access: Access, session: SessionContext, located: Located, asked: str, old: str, new: str, replace_all: bool
) -> _Outcome:
    document = await read_text(access, located, asked)
    refuse_unknown(session, located, document.data, may_be_new=True)
    found = plan(document, old, new, replace_all=replace_all, shown=located.shown)
    if found.strategy != "exact":
        _refuse_guess(session, located, document, found.strategy)
    edits = [edit for place in found.places for edit in place]
    after = _spliced(document, edits, located)
    numbers = ", ".join(map(str, found.line_numbers[:10])) + (" …" if len(found.line_numbers) > 10 else "")
    places = counted(len(found.places), "place")
    told = f"Replaced {places} in {located.shown} (line {numbers})"
    diff = _diff(document, edits, located.shown, located.shown)
    if found.strategy != "exact":
        told += (
            f"; old_string was not found exactly but by {found.strategy}, so check the change:\n{diff[:_DIFF_SHOWN]}"
        )
    return _Outcome([Change(located, document.data, after)], told, diff, _problem(document, after, located.path))


def _refuse_guess(session: SessionContext, located: Located, document: Document, strategy: str) -> None:
    if seen(session).state(located.path, document.data) == "never":
        raise ToolError(
            f"The text is not exactly in {located.shown} (only by {strategy}), and you have not read the file; "
            "nothing was changed.",
            remedy="Read it first with read_file.",
        )


async def _work_out(access: Access, session: SessionContext, section: Section, places: dict[str, Located]) -> _Outcome:
    located = places[section.path]
    if section.kind == "add":
        return _added(section, located)
    document = await read_text(access, located, section.path)
    if section.kind == "delete":
        refuse_unknown(session, located, document.data)
        diff = unified(document.text, "", located.shown, "/dev/null")
        return _Outcome([Change(located, document.data, None)], f"Deleted {located.shown}", diff)
    refuse_unknown(session, located, document.data, may_be_new=True)
    edits, strategies = place_hunks(document, section.hunks, located.shown)
    for strategy in sorted(strategies):
        _refuse_guess(session, located, document, strategy)
    after = _spliced(document, edits, located)
    target = places[section.move_to] if section.move_to else located
    diff = _diff(document, edits, located.shown, target.shown)
    told = f"Updated {located.shown}" if section.hunks else ""
    if strategies:
        told += f" (lines found by {', '.join(sorted(strategies))}; check the change)"
    warning = _problem(document, after, target.path)
    if target is located and after == document.data:
        return _Outcome([], f"{located.shown} stays as it is: the change removes and adds the same lines", "")
    if target is located:
        return _Outcome([Change(located, document.data, after)], told, diff, warning)
    _refuse_existing(target)
    mode = located.info.mode if located.info is not None else None
    changes = [Change(target, None, after, mode), Change(located, document.data, None)]
    told = f"{told} and moved it to {target.shown}" if told else f"Moved {located.shown} to {target.shown}"
    return _Outcome(changes, told, diff, warning)


def _added(section: Section, located: Located) -> _Outcome:
    _refuse_existing(located)
    text = "".join(f"{line}\n" for line in section.content)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ToolError(f"The content of {located.shown} holds a lone surrogate, which is no character.") from None
    diff = unified("", text, "/dev/null", located.shown)
    return _Outcome(
        [Change(located, None, data)], f"Added {located.shown}", diff, new_problem(located.path, None, text)
    )


def _refuse_existing(located: Located) -> None:
    if located.info is not None:
        raise ToolError(
            f"{located.shown} exists already; nothing was changed.",
            remedy="Use `*** Update File:`, or delete it first.",
        )


def _spliced(document: Document, edits: Sequence[Edit], located: Located) -> bytes:
    try:
        return document.splice(edits)
    except Unencodable as error:
        raise ToolError(
            f"{located.shown} is in {error.encoding}, which has no {error.characters!r}; nothing was changed.",
            remedy="Use other characters, or rewrite the file with write_file, which then saves it as UTF-8.",
        ) from None
    except NotText as error:
        raise ToolError(
            f"{located.shown} is {error}; nothing was changed.", remedy="Edit it in the terminal."
        ) from None
    except ValueError:
        raise ToolError(f"Two changes of {located.shown} overlap; nothing was changed.") from None


def _diff(document: Document, edits: Sequence[Edit], old_name: str, new_name: str) -> str:
    return printable(unified_edits(document.text, edits, old_name, new_name))


def _problem(document: Document, after: bytes, path: str) -> str:
    """A syntax error the edit has brought in."""
    if len(after) > LARGEST_CHECKED:
        return ""
    return new_problem(path, document.text, after[len(document.mark) :].decode(document.encoding, document.errors))


def _report(outcomes: Sequence[_Outcome]) -> ToolOutput:
    rows = []
    for outcome in outcomes:
        rows.append(outcome.told if outcome.told.endswith("\n") else f"{outcome.told}.")
        if outcome.warning:
            rows.append(f"Warning: the file now has a syntax error, {outcome.warning}")
    diffs = [outcome.diff for outcome in outcomes if outcome.diff]
    counts = [count_changes(diff) for diff in diffs]
    title = f"+{sum(added for added, _ in counts)} -{sum(removed for _, removed in counts)}"
    return ToolOutput(content="\n".join(rows), title=title, diff="".join(diffs))
