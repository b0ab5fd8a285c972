"""The program that starts an MCP server of a folder: only while the folder is what was accepted.

python -m hermes_bridges.launch STATE BRIDGE SERVER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hermes_bridges.reading import read_bundle
from hermes_bridges.servers import placed
from hermes_bridges.tree import read_tree
from hermes_bridges.trust import TrustStore
from hermes_host.context import private_directory
from hermes_host.errors import Denied, HermesError, NotFound

__all__ = ["main", "prepared"]


def prepared(state: Path, name: str, server: str) -> tuple[list[str], dict[str, str], str]:
    """The words, the environment and the directory of a server. Raises `HermesError` where it must not start."""
    consent = TrustStore(state).find(name)
    if consent is None:
        raise NotFound(f"There is no bridge {name!r}.", remedy="hermes bridges list")
    tree = read_tree(Path(consent.path))
    if tree.hash != consent.hash:
        raise Denied(f"The bridge {name!r} was changed since it was accepted.", remedy=f"hermes bridges accept {name}")
    found = next((item for item in read_bundle(tree, name).servers if item.name == server), None)
    if found is None or found.problem:
        raise NotFound(f"The bridge {name!r} has no usable MCP server {server!r}.")
    data = str(private_directory(state / "data" / name))
    root = consent.path

    def put(value: object) -> str:
        return placed(str(value), root, data, os.environ)

    entry = found.entry
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    declared = entry.get("env")
    environment |= {str(key): put(value) for key, value in declared.items()} if isinstance(declared, dict) else {}
    environment |= {"CLAUDE_PLUGIN_ROOT": root, "CLAUDE_PLUGIN_DATA": data}
    environment["PYTHONPYCACHEPREFIX"] = str(private_directory(state / "compiled"))
    arguments = entry.get("args")
    words = [put(entry["command"]), *(map(put, arguments) if isinstance(arguments, list) else ())]
    return words, environment, put(entry["cwd"]) if entry.get("cwd") else root


def main(arguments: list[str] | None = None) -> None:
    """Become the server."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 3:
        sys.exit("usage: python -m hermes_bridges.launch STATE BRIDGE SERVER")
    try:
        words, environment, directory = prepared(Path(given[0]), given[1], given[2])
        os.chdir(directory)
        os.execvpe(words[0], words, environment)
    except (HermesError, OSError) as error:
        sys.exit(f"hermes bridges: {error}")


if __name__ == "__main__":
    main()
