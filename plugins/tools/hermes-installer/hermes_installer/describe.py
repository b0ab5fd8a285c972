"""Run as a program of its own, in the interpreter of the environment it looks at: what a plugin says about itself.

    python -I describe.py NAME TARGET [FOLDER]

imports the plugin `TARGET` (with `FOLDER` before everything else on the path), asks it for all it contributes, and
writes one JSON document to standard output; what the plugin itself writes goes to standard error.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
from pathlib import Path
from typing import Any

import msgspec

from hermes_host.errors import HermesError
from hermes_host.host import Host
from hermes_host.registry import KINDS

__all__ = ["describe"]

_MEMORY = 2_000_000_000
_FILE = 4_000_000
_SECONDS = 20


def describe(host: Host, name: str, target: str) -> dict[str, Any]:
    """All that the plugin says, as `Report` of `hermes_installer.describing` has it."""
    module_name, _, attribute = target.partition(":")
    plugin: Any = importlib.import_module(module_name)
    for part in attribute.split(".") if attribute else ():
        plugin = getattr(plugin, part)
    host.add_plugin(name, plugin)
    record = host.plugins.record(name)
    kinds = {kind: [item for item in host.registry(kind) if item.plugin == name] for kind in KINDS}
    info = record.info
    wanted = info.capabilities if info else None
    # Before parameters are looked at: where its dependencies are not installed yet, they cannot all be.
    problems = [f"{problem.where}: {problem.message}" for problem in record.problems]
    effects = sorted({effect for item in kinds["tools"] for effect in item.spec.effects})
    return {
        "capabilities": {
            **({} if wanted is None else {field: getattr(wanted, field) for field in wanted.__struct_fields__}),
            "secrets": [secret.name for secret in info.secrets] if info else [],
            "hooks": _hooks(plugin),
            "effects": effects,
        },
        "description": {
            "summary": info.summary if info else "",
            "homepage": info.homepage if info else "",
            "secrets": [
                {"name": item.name, "summary": item.summary, "url": item.url, "sensitive": item.sensitive}
                for item in (info.secrets if info else ())
            ],
            "sections": [section.name for section in info.sections] if info else [],
            "tools": [_tool(host, item) for item in kinds["tools"]],
            "providers": [_provider(item.spec) for item in kinds["providers"]],
            "others": {
                kind: [item.name for item in items]
                for kind, items in kinds.items()
                if items and kind not in ("tools", "providers")
            },
        },
        "problems": problems,
    }


def _hooks(plugin: Any) -> list[str]:
    # Also those that this host does not know: another plugin may bring them later.
    names = [name for name in dir(plugin) if name.startswith("hermes_")]
    return [name for name in names if getattr(getattr(plugin, name, None), "hermes_impl", None) is not None]


def _tool(host: Host, item: Any) -> dict[str, Any]:
    spec = item.spec
    parameters = host.parameters(item)
    return {
        "name": spec.name,
        "summary": spec.summary,
        "parameters": parameters.schema if parameters is not None else {},
        "effects": sorted(spec.effects),
        "toolset": spec.toolset,
        "timeout": spec.timeout,
        "parallel": spec.parallel,
        "shows": spec.shows,
        "priority": spec.priority,
        "assessed": bool(spec.assess),
        "conditional": bool(spec.available),
    }


def _provider(spec: Any) -> dict[str, Any]:
    fields = ("name", "summary", "aliases", "secrets", "default_model", "url", "priority", "needs_setup")
    return {**{field: getattr(spec, field) for field in fields}, "options": dict(spec.options)}


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    """The program."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit()
    name, target, *folders = arguments
    sys.path[:0] = folders
    host = Host(home=Path.cwd() / "home", environ={}, plugins=())
    try:
        report = describe(host, name, target)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the plugin's code: whatever it does is told
        cause = error.message if isinstance(error, HermesError) else f"{type(error).__name__}: {error}"
        report = {"error": " ".join(cause.split())[:500]}
    answer.write(msgspec.json.encode(report, enc_hook=str))
    answer.flush()
    os._exit(0)  # whatever threads the plugin started


if __name__ == "__main__":
    main(sys.argv[1:])
