"""Words of a shell script as the shell will see them.

Each leaf of the tree is decoded again by the shell's own rules, and a leaf that holds a character which should have
been a node of its own (an unescaped quote, backtick or `$(`) is refused: where the grammar and the shell might read a
text differently, the answer is `Unreadable`, never a guess.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hermes_terminal.shell.script import UNKNOWN, Node, Unreadable, Word, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node as TreeNode

    from hermes_terminal.shell.syntax import Builder

__all__ = ["decode_ansi_c", "decode_double_quoted", "expand", "read_word"]

_SPECIAL = "{},.*?[]~/"
_SHIELD = {ord(char): 0xF700 + ord(char) for char in _SPECIAL}
_UNSHIELD = {shielded: char for char, shielded in _SHIELD.items()}
_MAX_BRACES = 64
_OPERATORS = names(":- - :+ + :? ? # ## % %% / // /# /% : ^ ^^ , ,, ! [ ] @ *")
_ANSI = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Pieces:
    """A word being put together: quoted characters are shielded from the expansions that come later."""

    def __init__(self) -> None:
        self.text = ""
        self.nested: list[Node] = []

    def plain(self, text: str) -> None:
        """Unquoted characters."""
        self.text += text

    def quoted(self, text: str) -> None:
        """Characters that mean only themselves."""
        self.text += text.translate(_SHIELD)

    def unknown(self) -> None:
        """Something only the running shell knows."""
        self.text += UNKNOWN


def read_word(parts: Sequence[TreeNode | str], builder: Builder) -> list[Word]:
    """One word of the source, given as adjacent nodes and literal text; several words where braces make several."""
    pieces = Pieces()
    _read_all(parts, pieces, builder)
    return expand(pieces, builder)


def _read_all(parts: Sequence[TreeNode | str], pieces: Pieces, builder: Builder) -> None:
    for part, following in itertools.zip_longest(parts, parts[1:]):
        if isinstance(part, str):
            pieces.quoted(part)
        elif part.type != "$" or isinstance(following, str) or following is None or following.type != "string":
            _read(part, pieces, builder)
        elif builder.text(part) != "$":
            raise Unreadable("its quoting is unusual")


def _read(node: TreeNode, pieces: Pieces, builder: Builder) -> None:
    text = builder.text(node)
    if text[:1].isspace() and (node.parent is None or node.parent.type not in ("string", "heredoc_body")):
        raise Unreadable("part of it is not understood")
    if node.type == "$" and text != "$":
        raise Unreadable("its quoting is unusual")
    match node.type:
        case "$" | "word" | "number" | "variable_name" | "test_operator" | "extglob_pattern" | "regex":
            _unquoted(text, builder.after(node), pieces)
        case "raw_string":
            if len(text) < 2 or text[0] != "'" or text[-1] != "'" or "'" in text[1:-1]:
                raise Unreadable("its quotes do not match")
            pieces.quoted(text[1:-1])
        case "ansi_c_string":
            pieces.quoted(decode_ansi_c(text[2:-1]))
        case "string" | "translated_string":
            _double_quoted(node, pieces, builder)
        case "concatenation":
            _concatenation(node, pieces, builder)
        case "simple_expansion":
            if builder.after(node) in ("{", "\\"):
                raise Unreadable("it puts a variable where braces or an escape change its name")
            _variable(text.strip()[1:], pieces, builder)
        case "expansion":
            _expansion(node, pieces, builder)
        case "command_substitution" | "process_substitution":
            pieces.nested.append(builder.substitution(node))
            if node.type == "process_substitution":
                pieces.quoted("/dev/fd/")
            pieces.unknown()
        case "arithmetic_expansion":
            builder.arithmetic(node, pieces.nested)
            pieces.unknown()
        case "brace_expression":
            pieces.plain(text)
        case other:
            raise Unreadable(f"it uses a construct that is not judged ({other})")


def _concatenation(node: TreeNode, pieces: Pieces, builder: Builder) -> None:
    parts: list[TreeNode | str] = []
    position = node.start_byte
    for child in node.children:
        gap = builder.slice(position, child.start_byte).replace("\\\n", "")
        if gap.replace("\\ ", "").replace("\\\t", ""):
            raise Unreadable("its words run into each other")
        parts += [gap.replace("\\", ""), child] if gap else [child]
        position = child.end_byte
    _read_all(parts, pieces, builder)


def _unquoted(text: str, after: str, pieces: Pieces) -> None:
    index = 0
    while index < len(text):
        char = text[index]
        following = text[index + 1 : index + 2] or after
        if char == "\\":
            if following != "\n":
                pieces.quoted(following or "\\")
            index += 2
            continue
        if char in "'\"`<>|&;()\n \t" or (char == "$" and (_names(following) or following in tuple("{([\"'\\"))):
            raise Unreadable("its quoting is unusual")
        pieces.plain(char)
        index += 1


def _double_quoted(node: TreeNode, pieces: Pieces, builder: Builder) -> None:
    """Text between the nodes counts by its bytes: the grammar leaves blanks out of its leaves."""
    children = [child for child in node.children if child.type not in ('"', "string_content")]
    start = node.start_byte + 1
    for child in children:
        if child.type == "$":
            continue
        pieces.quoted(decode_double_quoted(builder.slice(start, builder.start(child))))
        _read(child, pieces, builder)
        start = child.end_byte
    pieces.quoted(decode_double_quoted(builder.slice(start, node.end_byte - 1)))


def decode_double_quoted(text: str, escapable: str = '$`"\\') -> str:
    """Text as it stands between double quotes, without expansions."""
    out = []
    index = 0
    while index < len(text):
        char = text[index]
        following = text[index + 1 : index + 2]
        if char == "\\":
            out.append(
                "" if following == "\n" else following if following and following in escapable else char + following
            )
            index += 2
            continue
        if (
            char == "`"
            or (char == '"' and '"' in escapable)
            or (char == "$" and (following in ("{", "(", "[") or _names(following)))
        ):
            raise Unreadable("its quoting is unusual")
        out.append(char)
        index += 1
    return "".join(out)


def _names(char: str) -> bool:
    return char.isalnum() or (char != "" and char in "_@*#?$!-")


def decode_ansi_c(text: str) -> str:
    r"""The inside of `$'…'`. An escape that gives a control character other than tab and newline is refused."""
    out = []
    index = 0
    while index < len(text):
        char = text[index]
        if char == "'":
            raise Unreadable("its quotes do not match")
        if char != "\\":
            out.append(char)
            index += 1
            continue
        kind = text[index + 1 : index + 2]
        index += 2
        if kind in _ANSI:
            out.append(_ANSI[kind])
        elif kind and kind in "\\'\"?":
            out.append(kind)
        elif kind and kind in "xuU01234567":
            digits, base = (kind, 8) if kind.isdigit() else ("", 16)
            longest = {"x": 2, "u": 4, "U": 8}.get(kind, 3)
            allowed = "01234567" if base == 8 else "0123456789abcdefABCDEF"
            while len(digits) < longest and index < len(text) and text[index] in allowed:
                digits += text[index]
                index += 1
            value = int(digits, base) if digits else 0
            if not digits or not 0 < value < 0x110000 or (kind == "x" and value > 0x7F) or (base == 8 and value > 0x7F):
                raise Unreadable("it writes bytes as numbers")
            out.append(chr(value))
        else:
            raise Unreadable("it uses an unusual escape")
    result = "".join(out)
    if any(char < " " and char not in "\n\t" for char in result) or "\x7f" in result:
        raise Unreadable("it writes control characters")
    return result


def _variable(name: str, pieces: Pieces, builder: Builder) -> None:
    if name == "HOME" and builder.home:
        pieces.quoted(builder.home)
    elif name == "PWD":
        pieces.quoted(".")
    else:
        pieces.unknown()


def _expansion(node: TreeNode, pieces: Pieces, builder: Builder) -> None:
    inner = node.children[1:-1]
    if len(inner) == 1 and inner[0].type == "variable_name":
        _variable(builder.text(inner[0]), pieces, builder)
        return
    if any(child.type in ("=") for child in inner):
        raise Unreadable("it sets a variable while expanding it")
    covered = node.start_byte + 2
    for child in inner:
        kind = child.type
        if builder.slice(covered, child.start_byte).strip(" "):
            raise Unreadable("it expands a variable in an unusual way")
        covered = child.end_byte
        if kind in ("variable_name", "special_variable_name", "number") or kind in _OPERATORS:
            continue
        if kind == "subscript":
            for part in child.children:
                if part.is_named and part.type not in ("variable_name", "number", "word"):
                    _read(part, Side(pieces), builder)
        elif kind in (
            "regex",
            "word",
            "concatenation",
            "string",
            "simple_expansion",
            "expansion",
            "command_substitution",
        ):
            _read(child, Side(pieces), builder)
        else:
            raise Unreadable("it expands a variable in an unusual way")
    if builder.slice(covered, node.end_byte - 1).strip(" "):
        raise Unreadable("it expands a variable in an unusual way")
    pieces.unknown()


class Side(Pieces):
    """Collects what runs inside an expansion, and drops its text."""

    def __init__(self, outer: Pieces) -> None:
        super().__init__()
        self.nested = outer.nested


def expand(pieces: Pieces, builder: Builder) -> list[Word]:
    """Braces, `~` and the look for globs, in the shell's order."""
    nested = tuple(pieces.nested)
    words = []
    for number, text in enumerate(itertools.islice(_braces(pieces.text), _MAX_BRACES + 1)):
        if number == _MAX_BRACES:
            raise Unreadable("its braces make too many words")
        if text.startswith("~"):
            user, slash, rest = text.partition("/")
            text = (builder.home if user == "~" and builder.home else UNKNOWN) + slash + rest
        glob = any(char in text for char in "*?[")
        words.append(Word(text.translate(_UNSHIELD), glob, nested if number == 0 else ()))
    return words


def _braces(text: str) -> Iterator[str]:
    start = text.find("{")
    while start >= 0:
        end, commas = _closing(text, start)
        if end > 0:
            head, body, tail = text[:start], text[start + 1 : end], text[end + 1 :]
            if commas:
                parts = [body[a + 1 : b] for a, b in itertools.pairwise([-1, *commas, len(body)])]
                choices: Iterator[str] = itertools.chain.from_iterable(_braces(part) for part in parts)
            else:
                choices = iter(_sequence(body))
            first = next(choices, None)
            if first is not None:
                for choice in itertools.chain([first], choices):
                    for rest in _braces(tail):
                        yield head + choice + rest
                return
        start = text.find("{", start + 1)
    yield text


def _closing(text: str, start: int) -> tuple[int, list[int]]:
    depth = 0
    commas = []
    for index in range(start, len(text)):
        char = text[index]
        if char == "{":
            depth += 1
        elif char == "," and depth == 1:
            commas.append(index - start - 1)
        elif char == "}":
            depth -= 1
            if depth == 0:
                return index, commas
    return -1, []


def _sequence(body: str) -> list[str]:
    ends = body.split("..")
    if len(ends) not in (2, 3) or not all(ends) or UNKNOWN in body:
        return []
    if all(len(end) == 1 and end.isalpha() for end in ends[:2]):
        return [UNKNOWN]
    try:
        first, last = int(ends[0]), int(ends[1])
        step = abs(int(ends[2])) if len(ends) == 3 else 1
    except ValueError:
        return []
    width = (
        max(len(ends[0]), len(ends[1])) if any(e.lstrip("-").startswith("0") and len(e) > 1 for e in ends[:2]) else 0
    )
    if width or abs(last - first) // max(step, 1) >= _MAX_BRACES:
        return [UNKNOWN]
    direction = 1 if last >= first else -1
    return [str(value) for value in range(first, last + direction, direction * max(step, 1))]
