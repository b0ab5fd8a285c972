"""From text to a `Script`: a strict reading of the tree that tree-sitter's bash grammar gives.

Strict means: every kind of node is known here by name, the bytes between nodes are blanks, a comment begins where the
shell says one begins, and a here-document ends where the shell says it ends. Anything else is `Unreadable`.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

from hermes_terminal.shell.redirects import read_redirect, read_redirected
from hermes_terminal.shell.script import Compound, Function, Kind, Node, Simple, Unreadable, Word, names
from hermes_terminal.shell.words import read_word

if TYPE_CHECKING:
    from tree_sitter import Node as TreeNode
    from tree_sitter import Parser

__all__ = ["MAX_LENGTH", "Builder", "grammar", "parse"]

MAX_LENGTH = 10_000
"""Characters. A person cannot check a longer command."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORDS = names(
    "word number string translated_string raw_string ansi_c_string concatenation simple_expansion expansion "
    "command_substitution process_substitution arithmetic_expansion brace_expression variable_name "
    "extglob_pattern regex test_operator $"
)
_EXPRESSIONS = names("binary_expression unary_expression parenthesized_expression negation_expression")
_TEST_OPERATORS = names("&& || ! ( ) = == != =~ < > -a -o")
_ENDS_KEYWORD = ("", *" \t\n;&|()<>")
_BEFORE_BRACE = (b" ", b"\t", b"\n", b";", b"&", b")")
_SEPARATORS = frozenset({";", "\n", ";;"})


@functools.cache
def grammar() -> Parser:
    """The parser, loaded on first use (about 40 ms)."""
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def parse(text: str, *, home: str = "") -> Compound:
    """Read a script. `home` is what `~` and `$HOME` stand for. Raises `Unreadable`."""
    if len(text) > MAX_LENGTH:
        raise Unreadable(f"it is longer than {MAX_LENGTH:,} characters")
    for char in text:
        if (char < " " and char not in "\n\t") or (
            char > "~" and (unicodedata.category(char) in _INVISIBLE or char.isspace())
        ):
            raise Unreadable(f"it contains the invisible character U+{ord(char):04X}")
    source = text.encode()
    root = grammar().parse(source).root_node
    if root.has_error:
        raise Unreadable("it is no complete shell script")
    outside = source[: root.start_byte] + source[root.end_byte :]
    if outside.replace(b"\\\n", b"").strip(b" \t\n"):
        raise Unreadable("part of it is not understood")
    try:
        return Builder(source, home).sequence(root)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


class Adjacent:
    """Puts nodes together to words: what touches is one word, and blanks between nodes end it."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._groups: list[list[TreeNode | str]] = []
        self.open = False
        """Whether what comes next belongs to the last word."""

    def add(self, part: TreeNode | str) -> None:
        """A node, or literal text."""
        if not self.open:
            self._groups.append([])
            self.open = True
        self._groups[-1].append(part)

    def end(self) -> None:
        """The word is complete."""
        self.open = False

    def gap(self, text: str) -> None:
        """What stands between two nodes. The grammar drops escaped blanks there, which are text."""
        chars = iter(text)
        for char in chars:
            if char in " \t":
                self.end()
            elif char == "\\" and (escaped := next(chars, "")) in (" ", "\t", "\n"):
                if escaped != "\n":
                    self.add(escaped)
            else:
                raise Unreadable("part of it is not understood")

    def read(self) -> tuple[Word, ...]:
        """All words."""
        return tuple(word for group in self._groups for word in read_word(group, self._builder))


class Builder:
    """Walks one tree. Methods named after what they build."""

    def __init__(self, source: bytes, home: str) -> None:
        self.source = source
        self.home = home

    def slice(self, start: int, end: int) -> str:
        """Source text by byte offsets."""
        return self.source[start:end].decode()

    def text(self, node: TreeNode) -> str:
        """Source text of a node."""
        return self.source[node.start_byte : node.end_byte].decode()

    def start(self, node: TreeNode) -> int:
        """Where a node begins; inside quotes the grammar adds blanks to its beginning."""
        text = self.text(node)
        return node.start_byte + len(text) - len(text.lstrip())

    def after(self, node: TreeNode) -> str:
        """The character after a node, empty at the end; `\ufffd` for one that is not ASCII."""
        byte = self.source[node.end_byte : node.end_byte + 1]
        return byte.decode("ascii", "replace")

    def gap(self, before: TreeNode, after: TreeNode) -> str:
        """Source text between two nodes."""
        return self.slice(before.end_byte, after.start_byte)

    # ------------------------------------------------------------------------------------------------ commands

    def sequence(self, node: TreeNode, *, skip: frozenset[str] = frozenset(), kind: Kind = "list") -> Compound:
        """Commands one after the other, and the words between keywords of a construct (`skip`)."""
        self.check_gaps(node)
        parts: list[Node] = []
        words: list[Word] = []
        for child in node.children:
            if child.type in skip or child.type in _SEPARATORS:
                self._check_token(child)
                if child.type == ";;" and ";;" not in skip:
                    raise Unreadable("it is no complete shell script")
            elif child.type == "&":
                if not parts:
                    raise Unreadable("it is no complete shell script")
                parts[-1] = Compound("background", (parts[-1],))
            elif child.type == "comment":
                self._check_comment(child)
            elif child.type in _WORDS:
                words += read_word([child], self)
            else:
                parts.append(self.command(child))
        return Compound(kind, tuple(parts), words=tuple(words))

    def command(self, node: TreeNode) -> Node:
        """Any one command."""
        match node.type:
            case "command":
                return self._simple(node)
            case "declaration_command" | "unset_command":
                return self._declaration(node)
            case "variable_assignment":
                return Simple(assignments=(self._assignment(node),))
            case "variable_assignments":
                return Simple(assignments=tuple(self._assignment(child) for child in node.children))
            case "list":
                kind: Kind = "list" if any(child.type == "||" for child in node.children) else "and"
                return self.sequence(node, skip=frozenset({"&&", "||"}), kind=kind)
            case "pipeline":
                return self.sequence(node, skip=frozenset({"|", "|&"}), kind="pipeline")
            case "negated_command":
                return self.sequence(node, skip=frozenset({"!"}))
            case "redirected_statement":
                return read_redirected(node, self)
            case "subshell":
                return self.sequence(node, skip=frozenset({"(", ")"}), kind="subshell")
            case "compound_statement":
                if node.children[0].type == "((":
                    return self._arithmetic_command(node)
                return self.sequence(node, skip=frozenset({"{", "}"}), kind="group")
            case "if_statement" | "elif_clause" | "else_clause":
                return self.sequence(node, skip=frozenset({"if", "then", "elif", "else", "fi"}), kind="if")
            case "while_statement":
                return self.sequence(node, skip=frozenset({"while", "until"}), kind="loop")
            case "for_statement":
                return self.sequence(node, skip=frozenset({"for", "select", "in"}), kind="loop")
            case "do_group":
                return self.sequence(node, skip=frozenset({"do", "done"}))
            case "c_style_for_statement":
                return self._counting_loop(node)
            case "case_statement":
                return self.sequence(node, skip=frozenset({"case", "in", "esac"}), kind="case")
            case "case_item":
                return self.sequence(node, skip=frozenset({"(", ")", "|", ";;"}))
            case "test_command":
                return self._test(node)
            case "function_definition":
                return self._function(node)
            case other:
                raise Unreadable(f"it uses a construct that is not judged ({other})")

    def check_gaps(self, node: TreeNode, blanks: str = " \t\n") -> None:
        """Refuse a node with anything but blanks between its children."""
        position = node.start_byte
        for child in node.children:
            if child.start_byte > position:
                gap = self.slice(position, child.start_byte).replace("\\\n", "")
                if gap.strip(blanks):
                    raise Unreadable("part of it is not understood")
            position = child.end_byte
        if self.slice(position, node.end_byte).replace("\\\n", "").strip(blanks):
            raise Unreadable("part of it is not understood")

    def _check_token(self, node: TreeNode) -> None:
        """A keyword is one only as a word of its own: `then{` and `[[{` are other words to the shell."""
        kind = node.type.strip()
        after = self.after(node)
        alone = not (kind.isalpha() and after not in _ENDS_KEYWORD) and not (
            kind in ("{", "!") and after not in " \t\n"
        )
        begins = self.source[max(0, node.start_byte - 1) : node.start_byte]
        if self.text(node).strip() != kind or not alone or (kind == "}" and begins not in _BEFORE_BRACE):
            raise Unreadable("part of it is not understood")

    def _check_comment(self, node: TreeNode) -> None:
        """A comment begins where a word would; a `#` after an escaped blank or line break belongs to a word."""
        before = self.source[: node.start_byte]
        if before[-1:] not in b" \t\n;&|()" or before[-2:-1] == b"\\" or "\n" in self.text(node):
            raise Unreadable("its comments are unusual")

    def _simple(self, node: TreeNode) -> Simple:
        assignments = []
        redirects = []
        words = Adjacent(self)
        position = node.start_byte
        previous = ""
        for child in node.children:
            words.gap(self.slice(position, child.start_byte))
            touches = child.start_byte == position and previous != ""
            if touches and (previous not in _WORDS or child.type == "variable_assignment"):
                raise Unreadable("part of it is not understood")
            if child.type == "variable_assignment":
                assignments.append(self._assignment(child))
            elif child.type in ("file_redirect", "herestring_redirect"):
                if touches and child.children[0].type == "file_descriptor":
                    raise Unreadable("its redirections are unusual")
                redirects.append(read_redirect(child, self))
                words.end()
            elif child.type == "command_name" and child.child_count == 1:
                words.add(child.children[0])
            elif child.type in ("==", "=~"):
                words.add(self.text(child))
            elif child.type in _WORDS:
                words.add(child)
            else:
                raise Unreadable(f"it uses a construct that is not judged ({child.type})")
            position = child.end_byte
            previous = "word" if child.type in ("command_name", "==", "=~") else child.type
        words.gap(self.slice(position, node.end_byte))
        return Simple(words.read(), tuple(assignments), tuple(redirects))

    def _declaration(self, node: TreeNode) -> Simple:
        """`export`, `declare`, `local`, `readonly`, `typeset`, `unset`, as the builtin and its words."""
        words = Adjacent(self)
        words.add(self.text(node.children[0]))
        assignments = []
        position = node.children[0].end_byte
        for child in node.children[1:]:
            words.gap(self.slice(position, child.start_byte))
            if child.type == "variable_assignment" and not words.open:
                assignments.append(self._assignment(child))
            elif child.type in _WORDS:
                words.add(child)
            else:
                raise Unreadable(f"it uses a construct that is not judged ({child.type})")
            position = child.end_byte
        words.gap(self.slice(position, node.end_byte))
        return Simple(words.read(), tuple(assignments))

    def _assignment(self, node: TreeNode) -> tuple[str, Word]:
        self.check_gaps(node, "")
        name, values = self.text(node.children[0]), node.children[2:]
        if node.children[0].type == "subscript":
            index = node.children[0].children[2:-1]
            if any(part.type not in ("number", "word", "simple_expansion", "string", "raw_string") for part in index):
                raise Unreadable("it assigns in an unusual way")
            name = self.text(node.children[0].children[0])
        if not values:
            return name, Word("")
        if values[0].type == "array":
            items = self.sequence(values[0], skip=frozenset({"(", ")"}))
            nested = tuple(script for word in items.words for script in word.nested)
            return name, Word(" ".join(word.text for word in items.words), nested=nested)
        words = read_word(list(values), self)
        return name, Word(words[0].text, nested=words[0].nested)

    def _function(self, node: TreeNode) -> Function:
        self.check_gaps(node)
        name = next(child for child in node.children if child.type == "word")
        bodies = [child for child in node.children if child.type not in ("word", "function", "(", ")")]
        if len(bodies) != 1:
            raise Unreadable("it defines a function in an unusual way")
        return Function(read_word([name], self)[0].text, self.command(bodies[0]))

    # --------------------------------------------------------------------------------- substitution and arithmetic

    def substitution(self, node: TreeNode) -> Node:
        """The script inside `$(…)`, backticks, `<(…)` or `>(…)`."""
        if node.children[0].type == "`" and "\\" in self.text(node):
            raise Unreadable("it nests backticks")
        parts = self.sequence(node, skip=frozenset({"$(", ")", "`", "<(", ">("}), kind="subshell")
        redirects = [child for child in node.children if child.type == "file_redirect"]
        if redirects:
            raise Unreadable("its redirections are unusual")
        return Compound("pipeline", (Simple(), parts)) if node.children[0].type == ">(" else parts

    def arithmetic(self, node: TreeNode, nested: list[Node]) -> None:
        """Collect what runs inside an arithmetic expression. Subscripts and quotes can hide code, and are refused."""
        text = self.text(node)
        inside = text[2:-1] if text.startswith("$[") else text
        if any(char in inside for char in "`'\"[\\"):
            raise Unreadable("its arithmetic is unusual")
        pending = list(node.children)
        found = 0
        while pending:
            child = pending.pop()
            if child.type == "command_substitution":
                nested.append(self.substitution(child))
                found += child.text.count(b"$(") if child.text else 1
            else:
                pending += child.children
        if text.count("$(") - text.count("$((") > found:
            raise Unreadable("its arithmetic is unusual")

    def _arithmetic_command(self, node: TreeNode) -> Compound:
        nested: list[Node] = []
        self.arithmetic(node, nested)
        return Compound("list", tuple(nested))

    def _counting_loop(self, node: TreeNode) -> Compound:
        nested: list[Node] = []
        parts: list[Node] = []
        self.check_gaps(node)
        for child in node.children:
            if child.type in ("do_group", "compound_statement"):
                parts.append(self.command(child))
            else:
                self.arithmetic(child, nested)
        return Compound("loop", (*nested, *parts))

    def _test(self, node: TreeNode) -> Simple:
        """`[ … ]` and `[[ … ]]`, as the program `[` and the words in it."""
        words = [Word("[")]
        if self.after(node.children[0]) not in (" ", "\t"):
            raise Unreadable("part of it is not understood")
        self.check_gaps(node, " \t")
        pending = list(node.children[1:-1])[::-1]
        while pending:
            child = pending.pop()
            if child.type in _EXPRESSIONS:
                self.check_gaps(child, " \t")
                pending += child.children[::-1]
            elif child.type in _WORDS:
                words += read_word([child], self)
            elif child.type in _TEST_OPERATORS and self.text(child) == child.type:
                words.append(Word(child.type))
            else:
                raise Unreadable(f"it uses a construct that is not judged ({child.type})")
        return Simple(tuple(words))
