"""What the model passes to the four tools. Every description is paid for with each request."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["DEFAULT_LINES", "MAX_LINES", "Patch", "ReadFile", "SearchFiles", "WriteFile"]

DEFAULT_LINES = 500
MAX_LINES = 2000


class ReadFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Arguments of `read_file`. A `limit` above `MAX_LINES` counts as `MAX_LINES`."""

    path: str
    offset: Annotated[int, Meta(ge=1, description="First line, from 1.")] = 1
    limit: Annotated[int, Meta(ge=1, description="Number of lines, at most 2000.")] = DEFAULT_LINES


class WriteFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Arguments of `write_file`."""

    path: str
    content: Annotated[str, Meta(description="The whole new content.")]


class Patch(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Arguments of `patch`: the first four for mode `replace`, `patch` for mode `patch`."""

    mode: Literal["replace", "patch"] = "replace"
    path: Annotated[str, Meta(description="replace: the file.")] | UnsetType = UNSET
    old_string: (
        Annotated[str, Meta(description="replace: text to find, with enough lines around it to be unique.")] | UnsetType
    ) = UNSET
    new_string: Annotated[str, Meta(description="replace: text to put there; empty deletes.")] | UnsetType = UNSET
    replace_all: Annotated[bool, Meta(description="replace: every occurrence.")] = False
    patch: Annotated[str, Meta(description="patch: the patch text.")] | UnsetType = UNSET


class SearchFiles(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Arguments of `search_files`."""

    pattern: Annotated[str, Meta(description="Regular expression; with target=files a glob such as *.py.")]
    target: Literal["content", "files"] = "content"
    path: Annotated[str, Meta(description="Directory or file to search.")] = "."
    file_glob: Annotated[str, Meta(description="Only files like this, e.g. *.ts or src/**/*.py.")] = ""
    limit: Annotated[int, Meta(ge=1, description="Most results.")] = 50
    offset: Annotated[int, Meta(ge=0, description="Results to skip.")] = 0
    output_mode: Literal["content", "files_only", "count"] = "content"
    context: Annotated[int, Meta(ge=0, description="Lines around each match.")] = 0
