"""The todo list of a conversation. It lives in the session's log, so it is there again after a restart."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import SessionContext, ToolContext
    from hermes_host.frontends import SlashCall

__all__ = ["LARGEST_LIST", "Status", "TodoArguments", "TodoChange", "TodoItem", "show", "todo", "todo_list"]

LARGEST_LIST = 100
"""Items; a longer list is no plan, and every call shows all of it."""

_STATE = "planning.todo"

Status = Literal["pending", "in_progress", "completed", "cancelled"]


class TodoItem(msgspec.Struct, frozen=True):
    """One step."""

    id: str
    content: str
    status: Status = "pending"


class TodoChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step as the model gives it; what is left out when merging stays as it is."""

    id: Annotated[str, Meta(min_length=1, max_length=40)]
    content: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class TodoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `todo`."""

    todos: Annotated[list[TodoChange], Meta(max_length=LARGEST_LIST)] | UnsetType = UNSET
    merge: bool = False


async def todo(arguments: TodoArguments, call: ToolContext) -> ToolOutput:
    """Change the list as asked and show all of it. Raises `ToolError` for a senseless one, and then changes nothing."""
    items = todo_list(call.session)
    if not isinstance(arguments.todos, UnsetType):
        items = _changed(items if arguments.merge else (), arguments.todos)
        _record(call.session, items)
    return ToolOutput(content=_described(items), title=_counted(items))


async def show(call: SlashCall) -> str:
    """`/todo [clear]`."""
    session = call.session.context
    if call.arguments == "clear":
        _record(session, ())
        return "The todo list is empty now."
    if call.arguments:
        return "Usage: `/todo` or `/todo clear`."
    items = todo_list(session)
    if not items:
        return "The todo list is empty."
    return "\n".join([*(f"- {_BOXES[item.status]} {item.content}" for item in items), "", _counted(items)])


def todo_list(session: SessionContext) -> Sequence[TodoItem]:
    """The list of a conversation, in its order."""
    try:
        return msgspec.convert(session.recorded(_STATE).get("todos", ()), tuple[TodoItem, ...])
    except msgspec.ValidationError:
        # Written by another version; a plan is worth less than a conversation that goes on.
        return ()


def _record(session: SessionContext, items: Sequence[TodoItem]) -> None:
    data: dict[str, Any] = {"todos": [msgspec.to_builtins(item) for item in items]}
    session.record(_STATE, data)


def _changed(items: Sequence[TodoItem], changes: Sequence[TodoChange]) -> Sequence[TodoItem]:
    repeated = [name for name, times in Counter(change.id for change in changes).items() if times > 1]
    if repeated:
        raise ToolError(f"The id {repeated[0]!r} occurs twice in todos.", remedy="Give each item an id of its own.")
    listed = {item.id: item for item in items}
    for change in changes:
        listed[change.id] = _one(listed.get(change.id), change)
    if len(listed) > LARGEST_LIST:
        raise ToolError(
            f"That would be {len(listed)} items; {LARGEST_LIST} are the most.",
            remedy="Replace the list by a shorter one.",
        )
    return tuple(listed.values())


def _one(item: TodoItem | None, change: TodoChange) -> TodoItem:
    content = _one_line(change.content) if isinstance(change.content, str) else item.content if item else ""
    if not content:
        raise ToolError(f"The new item {change.id!r} has no content.", remedy="Say what is to be done.")
    status = change.status if isinstance(change.status, str) else item.status if item else "pending"
    return TodoItem(id=change.id, content=content, status=status)


def _one_line(text: str) -> str:
    """The text without line breaks and without characters that cannot be seen."""
    return " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())


_MARKS: dict[Status, str] = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]", "cancelled": "[-]"}
_BOXES: dict[Status, str] = {"pending": "☐", "in_progress": "▶", "completed": "☑", "cancelled": "☒"}


def _described(items: Sequence[TodoItem]) -> str:
    if not items:
        return "The list is empty."
    lines = [f"{_MARKS[item.status]} {item.id}: {item.content}" for item in items]
    lines.append(_counted(items))
    if sum(item.status == "in_progress" for item in items) > 1:
        lines.append("Better have one item in_progress at a time.")
    return "\n".join(lines)


def _counted(items: Sequence[TodoItem]) -> str:
    counts = Counter(item.status for item in items)
    others = [f"{counts[status]} {status}" for status in ("in_progress", "pending", "cancelled") if counts[status]]
    return ", ".join([f"{counts['completed']} of {len(items)} completed", *others])
