"""SQL and the commands of database clients, read word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.shell.script import names

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["judge_sql"]

_STRUCTURE = names("drop truncate alter grant revoke rename flush shutdown purge reset")
_REACHES = names(
    "copy attach detach load outfile dumpfile program load_extension readfile writefile edit pg_read_file "
    "pg_write_file lo_export lo_import dblink xp_cmdshell do call exec execute import install global source "
    "system prepare handler lines pg_ls_dir"
)
_META = names(
    ".tables .schema .headers .mode .indexes .indices .databases .width .nullvalue .quit .exit .help .timer "
    ".show .stats"
)
_BACKSLASH = names(
    "\\d \\dt \\d+ \\dt+ \\l \\l+ \\dn \\df \\du \\di \\dv \\ds \\dp \\x \\q \\timing \\conninfo \\pset \\? \\h \\z"
)


def judge_sql(text: str) -> str:
    """Why a statement deserves a look; empty when it only reads, or adds or changes rows by a condition."""
    body = []
    for line in text.splitlines():
        command = line.strip().split(" ")[0].rstrip(";")
        if command.startswith((".", "\\")):
            if command not in _META and command not in _BACKSLASH:
                return f"It gives the database client the command {command!r}."
        else:
            body.append(line)
    if any("\\" in line for line in body):
        return "It may give the database client a command of its own."
    for statement in _statements("\n".join(body)):
        words = set(statement)
        if words & _STRUCTURE:
            return "It changes or drops tables of a database."
        if words & _REACHES:
            return "It makes the database read or write files, or run code."
        if words & {"delete", "update"} and "where" not in words and not words & {"create"}:
            return "It deletes or changes all rows of a table."
    return ""


def _statements(text: str) -> Iterator[list[str]]:
    words: list[str] = []
    index = 0
    while index < len(text):
        char = text[index]
        if text.startswith("--", index):
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
        elif text.startswith("/*", index):
            if text.startswith("/*!", index):
                words.append("execute")
            end = text.find("*/", index)
            index = len(text) if end < 0 else end + 2
        elif char in "'\"`":
            end = text.find(char, index + 1)
            index = len(text) if end < 0 else end + 1
        elif char == ";":
            yield words
            words = []
            index += 1
        elif char.isalpha() or char == "_":
            start = index
            while index < len(text) and (text[index].isalnum() or text[index] == "_"):
                index += 1
            words.append(text[start:index].lower())
        else:
            index += 1
    yield words
