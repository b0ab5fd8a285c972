"""Names of skills and categories, and paths within a skill: what is allowed, and what merely looks the same."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import PurePosixPath

from hermes_host.errors import ToolError

__all__ = [
    "FOLDERS",
    "check_category",
    "check_file_path",
    "check_new_name",
    "identifier_fault",
    "skeleton",
    "slug",
]

FOLDERS = ("references", "templates", "scripts", "assets")
"""The folders of a skill that hold files besides SKILL.md."""

_NEW_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CATEGORY_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PATH_PART = re.compile(r"(?!\.)[^\x00-\x1f\x7f/\\:*?\"<>|]{1,120}")
_DEEPEST = 6

# Letters of other scripts that are drawn like Latin ones. Not all there are: those that make words people know.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u03b1\u03b5\u03bf\u03c1\u03c5\u03c7\u03b9\u03ba\u03bd\u0131",
    "aeopcyxijshdqwaeopuxikvi",
)


def check_new_name(name: str) -> str:
    """The name of a skill that is to be made. Raises `ToolError`."""
    if len(name) <= 64 and _NEW_NAME.fullmatch(name):
        return name
    raise ToolError(
        f"{name[:80]!r} cannot be the name of a skill.",
        remedy="Use up to 64 lower-case letters and digits, with single hyphens between words, such as 'pdf-forms'.",
    )


def check_category(category: str) -> tuple[str, ...]:
    """The folders of a category such as `mlops/training`. Raises `ToolError`."""
    if not category:
        return ()
    parts = tuple(category.split("/"))
    if len(parts) <= 4 and all(_CATEGORY_PART.fullmatch(part) for part in parts):
        return parts
    raise ToolError(
        f"{category[:80]!r} cannot be a category.",
        remedy="Use lower-case letters, digits, - and _, and at most three slashes, such as 'mlops/data'.",
    )


def check_file_path(path: str) -> tuple[str, ...]:
    """The parts of a path within a skill, below one of `FOLDERS`. Raises `ToolError`."""
    parts = tuple(unicodedata.normalize("NFC", path).split("/"))
    fits = 2 <= len(parts) <= _DEEPEST and parts[0] in FOLDERS
    if fits and all(_PATH_PART.fullmatch(part) and part == part.strip() for part in parts):
        return parts
    raise ToolError(
        f"{path[:120]!r} is not a place for a skill's file.",
        remedy=f"Use a path such as references/notes.md, below {', '.join(f'{name}/' for name in FOLDERS)}.",
    )


def identifier_fault(name: str) -> str:
    """Why a name found on disk cannot be used; empty when it can."""
    if not name or len(name) > 64:
        return "its name has to have 1 to 64 characters"
    if "/" in name or "\\" in name or name.startswith(".") or PurePosixPath(name).name != name:
        return f"{name!r} is a path and no name"
    if name != name.strip() or not name.isprintable():
        return f"{name!r} has characters that cannot be seen"
    return ""


@cache
def skeleton(name: str) -> str:
    """The same for all names a person would take for the same."""
    if name.isascii() and name.isprintable():
        return re.sub(r"[\s_.-]+", "-", name.lower())
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_LOOK_ALIKES)
    return re.sub(r"[\s_.-]+", "-", "".join(char for char in plain if char.isprintable() or char.isspace()))


def slug(name: str) -> str:
    """What the slash command of a skill is called."""
    return re.sub(r"[\s_]+", "-", name.strip().lower())
