"""The gate every bundle passes: only names that stay in the skill's folder, on every system, and only so many bytes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from hermes_skills.tree import IGNORED

from hermes_host.visible import exact, one_line
from hermes_skillhub.errors import BundleRefused

if TYPE_CHECKING:
    from hermes_skillhub.protocol import BundleFile

__all__ = [
    "FILES_AT_MOST",
    "FILE_BYTES_AT_MOST",
    "NAME",
    "TOTAL_BYTES_AT_MOST",
    "FrontMatter",
    "checked_files",
    "content_hash",
    "file_hashes",
    "front_matter",
    "noise",
    "path_fault",
    "read_front_matter",
]

FILES_AT_MOST = 300
TOTAL_BYTES_AT_MOST = 10 << 20
FILE_BYTES_AT_MOST = 4 << 20
_PATH_AT_MOST = 400
_SEGMENT_AT_MOST = 120
_DEPTH_AT_MOST = 12

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a skill, and the folder it lies in, may be called. Never `..`: it begins with a letter or a digit."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_FORBIDDEN = frozenset('\\:*?"<>|')
_OURS = frozenset({".git", ".hub", ".hg", ".svn"})
_NOISE = IGNORED | {"__MACOSX", "desktop.ini", ".hg", ".svn", ".github"}


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of a SKILL.md says."""

    name: str
    description: str
    version: str = ""
    author: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()


def path_fault(path: str) -> str:
    """Why `path` cannot be the path of a file within a skill; empty when it can."""
    if not path or len(path) > _PATH_AT_MOST:
        return "it is empty or too long"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "it is absolute"
    if set(path) & _FORBIDDEN:
        return "it holds a character that not every system allows in a name"
    if exact(path) != path or any(unicodedata.category(character)[0] == "C" for character in path):
        return "it holds an invisible or misleading character"
    segments = path.split("/")
    if len(segments) > _DEPTH_AT_MOST:
        return "it is too deep"
    return next((fault for segment in segments if (fault := _segment_fault(segment))), "")


def _segment_fault(segment: str) -> str:
    if segment in ("", ".", ".."):
        return "it leads out of the folder, or nowhere"
    if len(segment.encode()) > _SEGMENT_AT_MOST:
        return "it is too long"
    if segment != segment.strip(" ") or segment.endswith("."):
        return "a part of it begins or ends with what some systems drop"
    if _RESERVED.fullmatch(segment):
        return "a part of it is the name of a device on some systems"
    if segment.casefold() in _OURS:
        return f"{segment!r} is not for skills"
    return ""


def checked_files(files: Iterable[BundleFile]) -> tuple[BundleFile, ...]:
    """The files of a skill, sorted by name, when all of them may be written. Raises `BundleRefused` for the whole."""
    kept = [file for file in files if not noise(file.path)]
    for file in kept:
        fault = path_fault(file.path)
        if fault:
            raise BundleRefused(f"The bundle has a file {one_line(ascii(file.path), 200)}: {fault}.")
    _check_sizes(kept)
    _check_collisions(kept)
    if not any(file.path == "SKILL.md" for file in kept):
        raise BundleRefused("The bundle has no SKILL.md, so it is no skill.")
    return tuple(sorted(kept, key=lambda file: file.path))


def noise(path: str) -> bool:
    """Whether a file is no part of a skill. What the scanner passes over must not be installed either."""
    return any(part in _NOISE or part.endswith((".pyc", ".pyo")) for part in path.split("/"))


def _check_sizes(files: list[BundleFile]) -> None:
    if len(files) > FILES_AT_MOST:
        raise BundleRefused(f"The bundle has {len(files)} files; at most {FILES_AT_MOST} are allowed.")
    total = sum(len(file.data) for file in files)
    if total > TOTAL_BYTES_AT_MOST:
        raise BundleRefused(f"The bundle has {total:,} bytes; at most {TOTAL_BYTES_AT_MOST:,} are allowed.")
    for file in files:
        if len(file.data) > FILE_BYTES_AT_MOST:
            raise BundleRefused(
                f"{file.path!r} has {len(file.data):,} bytes; at most {FILE_BYTES_AT_MOST:,} are allowed."
            )


def _check_collisions(files: list[BundleFile]) -> None:
    """Two names that one file system may take for the same, or a file where a folder must be."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for file in files:
        key = _folded(file.path)
        if key in seen:
            raise BundleRefused(f"The bundle has both {seen[key]!r} and {file.path!r}: one name on some systems.")
        seen[key] = file.path
        parts = file.path.split("/")
        for depth in range(1, len(parts)):
            spelled = "/".join(parts[:depth])
            known = folders.setdefault(_folded(spelled), spelled)
            if known != spelled:
                raise BundleRefused(f"The bundle has both folders {known!r} and {spelled!r}: one name on some systems.")
    clash = next((path for key, path in seen.items() if key in folders), "")
    if clash:
        raise BundleRefused(f"The bundle has {clash!r} both as a file and as a folder.")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def front_matter(files: Iterable[BundleFile], fallback: str = "") -> FrontMatter:
    """What SKILL.md says about itself. Raises `BundleRefused` where it does not begin as the format demands.

    `fallback` is the name where the head has none.
    """
    data = next(file.data for file in files if file.path == "SKILL.md")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused("SKILL.md is not UTF-8 text.") from error
    return read_front_matter(text, fallback)


def read_front_matter(text: str, fallback: str = "") -> FrontMatter:
    """As `front_matter`, for the text of a SKILL.md."""
    match = re.match(r"---[ \t]*\r?\n(.{0,20000}?)\r?\n---[ \t]*(\r?\n|$)", text, re.DOTALL)
    values = _yaml(match[1]) if match else None
    if not isinstance(values, Mapping):
        raise BundleRefused("SKILL.md does not begin with a block of YAML between lines of ---.")
    description = values.get("description")
    if not isinstance(description, str) or not description.strip():
        raise BundleRefused("The head of SKILL.md has no description.")
    return FrontMatter(
        name=str(values.get("name") or fallback),
        description=" ".join(description.split()),
        version=_version(values),
        author=str(values.get("author") or ""),
        license=str(values.get("license") or ""),
        tags=_tags(values),
    )


def _version(values: Mapping[str, Any]) -> str:
    metadata = values.get("metadata")
    inner = metadata.get("version") if isinstance(metadata, Mapping) else ""
    return str(values.get("version") or inner or "")


def _tags(values: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = values.get("metadata")
    inner = metadata.get("hermes") if isinstance(metadata, Mapping) else None
    said = inner.get("tags") if isinstance(inner, Mapping) else values.get("tags")
    return tuple(str(tag) for tag in said)[:20] if isinstance(said, list) else ()


def _yaml(text: str) -> Any:
    import yaml

    if "&" in text and "*" in text and re.search(r"(^|[\s\[,{:-])[&*]\w", text):
        # Aliases make a small text large; no head of a skill needs them.
        raise BundleRefused("The head of SKILL.md uses YAML anchors.")
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BundleRefused("The head of SKILL.md is not YAML.") from error


def file_hashes(files: Iterable[BundleFile]) -> dict[str, str]:
    """The SHA-256 of each file, by its path."""
    return {file.path: hashlib.sha256(file.data).hexdigest() for file in files}


def content_hash(hashes: Mapping[str, str]) -> str:
    """One hash over the sorted names and the content: `sha256:` and 64 hexadecimal digits."""
    lines = (f"{path}\0{hashes[path]}\n" for path in sorted(hashes))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
