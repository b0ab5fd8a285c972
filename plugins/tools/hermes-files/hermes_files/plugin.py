"""What hermes-files contributes: four file tools, a check, and a stricter look at other plugins' write calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Assessment

_OWN_TOOLS = frozenset({"read_file", "write_file", "patch", "search_files"})
_PATH_ARGUMENTS = ("path", "file_path", "filename", "output_path", "destination")


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(summary="Read, write, patch and search files without losing a byte")


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolset `file`."""
    yield ToolSpec(
        name="read_file",
        summary="Read a text file, with line numbers (`12|text`). Use it instead of cat, head or tail.",
        parameters="hermes_files.arguments:ReadFile",
        target="hermes_files.read:read_file",
        assess="hermes_files.assess:assess_read",
        effects=frozenset({"read"}),
        toolset="file",
        parallel=True,
        shows="path",
    )
    yield ToolSpec(
        name="write_file",
        summary="Create a file or replace its whole content; parents are made. An existing file must have been read. "
        "For a change of a part use patch.",
        parameters="hermes_files.arguments:WriteFile",
        target="hermes_files.write:write_file",
        assess="hermes_files.assess:assess_write",
        effects=frozenset({"write"}),
        toolset="file",
        shows="path",
    )
    yield ToolSpec(
        name="patch",
        summary="Edit files. mode=replace: replace old_string, which must occur once (or set replace_all), in path. "
        "mode=patch: apply a patch to several files, all or none:\n"
        "*** Begin Patch\n*** Update File: a.py\n@@ def f():\n context\n-old\n+new\n"
        "*** Add File: b.py\n+line\n*** Delete File: c.py\n*** End Patch\n"
        "`*** Move to: d.py` may follow an Update line.",
        parameters="hermes_files.arguments:Patch",
        target="hermes_files.patch:patch",
        assess="hermes_files.assess:assess_patch",
        effects=frozenset({"write"}),
        toolset="file",
        shows="path",
    )
    yield ToolSpec(
        name="search_files",
        summary="Search file contents by regular expression, or find files by name (target=files), newest first. "
        "Use it instead of grep, find or ls.",
        parameters="hermes_files.arguments:SearchFiles",
        target="hermes_files.search:search_files",
        assess="hermes_files.assess:assess_search",
        effects=frozenset({"read"}),
        toolset="file",
        parallel=True,
        timeout=120.0,
        shows="pattern",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Tell `hermes doctor` whether searches are fast."""
    yield CheckSpec(name="ripgrep", summary="Is ripgrep there for fast searches?", target="hermes_files.checks:ripgrep")


@hookimpl
async def hermes_assess_tool_call(
    call: ToolCall, session: SessionContext, effects: frozenset[str]
) -> Assessment | None:
    """Deny other plugins' write calls whose path argument names a protected file.

    The look is lexical: which terminal the other tool writes to is its own affair, so links are not followed here.
    """
    if "write" not in effects or call.name in _OWN_TOOLS or not call.arguments:
        return None
    paths = [value for name in _PATH_ARGUMENTS if isinstance(value := call.arguments.get(name), str) and value]
    if not paths:
        return None
    from hermes_files.assess import judge_foreign_paths

    return judge_foreign_paths(paths, session.directory)
