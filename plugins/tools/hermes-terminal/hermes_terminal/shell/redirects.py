"""Redirections and here-documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_terminal.shell.script import Compound, Kind, Node, Redirect, Unreadable, Word
from hermes_terminal.shell.words import Pieces, decode_double_quoted, expand, read_word

if TYPE_CHECKING:
    from tree_sitter import Node as TreeNode

    from hermes_terminal.shell.syntax import Builder

__all__ = ["read_redirect", "read_redirected"]

_FOLLOWERS: dict[str, Kind] = {"|": "pipeline", "&&": "and", "||": "list"}
_REDIRECTS = frozenset({">", ">>", ">|", "&>", "&>>", "<", ">&", "<&"})


def read_redirected(node: TreeNode, builder: Builder) -> Node:
    """A command with its redirections, and what follows the start of a here-document on the same line."""
    builder.check_gaps(node)
    body: Node | None = None
    redirects = []
    followers: list[tuple[str, Node]] = []
    first_child = node.children[0]
    for previous, child in zip([None, *node.children], node.children, strict=False):
        if previous is not None and builder.source[child.start_byte - 1 : child.start_byte] == b"}":
            raise Unreadable("its redirections are unusual")
        if child.type == "heredoc_redirect":
            first, more, after = _heredoc(child, builder)
            redirects += [first, *more]
            followers += after
        elif child.type in ("file_redirect", "herestring_redirect"):
            redirects.append(read_redirect(child, builder))
        elif body is None and not redirects:
            body = builder.command(child)
        else:
            raise Unreadable("part of it is not understood")
    outside = Compound("group", (), tuple(redirects))
    statement: Node = outside if body is None else _attach(first_child, body, tuple(redirects))
    for operator, follower in followers:
        statement = Compound(_FOLLOWERS[operator], (statement, follower))
    return statement


def _attach(tree: TreeNode, built: Node, redirects: tuple[Redirect, ...]) -> Node:
    """The grammar puts `a && b >c` as `(a && b) >c`; for the shell the redirection belongs to the last command."""
    if tree.type in ("list", "pipeline", "negated_command") and isinstance(built, Compound):
        last = _attach(tree.children[-1], built.parts[-1], redirects)
        return replace(built, parts=(*built.parts[:-1], last))
    return Compound("group", (built,), redirects)


def read_redirect(node: TreeNode, builder: Builder) -> Redirect:
    """One redirection of the ordinary kinds; anything with other descriptors is refused."""
    builder.check_gaps(node, " \t")
    children = list(node.children)
    descriptor = builder.text(children.pop(0)) if children[0].type == "file_descriptor" else ""
    operator = builder.text(children.pop(0))
    if operator == "<<<":
        words = read_word(children, builder)
        return Redirect(operator, descriptor, body=Word("".join(w.text for w in words) + "\n", nested=words[0].nested))
    if operator not in _REDIRECTS or not children or descriptor not in ("", "0", "1", "2"):
        raise Unreadable("its redirections are unusual")
    words = read_word(children, builder)
    if len(words) != 1 or any(builder.gap(a, b) for a, b in zip(children, children[1:], strict=False)):
        raise Unreadable("its redirections are unusual")
    return Redirect(operator, descriptor, words[0])


def _heredoc(node: TreeNode, builder: Builder) -> tuple[Redirect, list[Redirect], list[tuple[str, Node]]]:
    parts = {child.type: child for child in node.children}
    start, end = parts.get("heredoc_start"), parts.get("heredoc_end")
    operator = builder.text(node.children[0])
    if start is None or end is None or operator not in ("<<", "<<-"):
        raise Unreadable("its here-document is unusual")
    label = builder.text(start)
    quoted = label[:1] in "'\"" and label[:1] == label[-1:]
    name = label[1:-1] if quoted else label
    if not name.replace("_", "").replace("-", "").isalnum():
        raise Unreadable("its here-document is unusual")
    redirects: list[Redirect] = []
    followers: list[tuple[str, Node]] = []
    pending = ""
    for child in node.children[1:]:
        if child.type in ("heredoc_start", "heredoc_body", "heredoc_end"):
            continue
        if child.type == "file_redirect":
            redirects.append(read_redirect(child, builder))
        elif child.type == "pipeline":
            if child.children[0].type not in ("|", "|&"):
                raise Unreadable("its here-document is unusual")
            followers.append(("|", builder.sequence(child, skip=frozenset({"|", "|&"}), kind="pipeline")))
        elif child.type in ("&&", "||") and not pending:
            pending = child.type
        elif pending:
            followers.append((pending, builder.command(child)))
            pending = ""
        else:
            raise Unreadable("its here-document is unusual")
    body = _heredoc_body(builder, node, start, parts.get("heredoc_body"), end, name, quoted, operator == "<<-")
    return Redirect("<<", body=body), redirects, followers


def _heredoc_body(
    builder: Builder,
    node: TreeNode,
    start: TreeNode,
    body: TreeNode | None,
    end: TreeNode,
    name: str,
    quoted: bool,
    tabs: bool,
) -> Word:
    """The body as the shell finds it: from the line after `start` to the first line that is only the delimiter."""
    begin = builder.source.find(b"\n", start.end_byte) + 1
    stop = builder.source.rfind(b"\n", 0, end.start_byte + 1) + 1 if begin else 0
    lines = builder.slice(begin, stop).split("\n")
    last = builder.slice(stop, end.end_byte)
    stripped = [line.lstrip("\t") if tabs else line for line in lines]
    if not begin or begin > stop or name in stripped or (last.lstrip("\t") if tabs else last) != name:
        raise Unreadable("its here-document is unusual")
    if builder.source[end.end_byte : end.end_byte + 1] not in (b"", b"\n") or (
        body is not None and body.start_byte < begin
    ):
        raise Unreadable("its here-document is unusual")
    if quoted:
        return Word("\n".join(stripped))
    pieces = Pieces()
    position = begin
    for child in body.children if body is not None else ():
        if child.type == "heredoc_content":
            continue
        pieces.quoted(decode_double_quoted(builder.slice(position, builder.start(child)), "$`\\"))
        for word in read_word([child], builder):
            pieces.quoted(word.text)
            pieces.nested += word.nested
        position = child.end_byte
    pieces.quoted(decode_double_quoted(builder.slice(position, stop), "$`\\"))
    return expand(pieces, builder)[0]
