"""What can be said about a plugin by looking at it: each function gives the faults it finds, in sentences.

The scorecard of `hermes plugins check` and the conformance kit `hermes_host.testing.PluginContract` are both made of
these.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import PluginError, PluginUnavailable
from hermes_host.plugins import import_foreign
from hermes_host.registry import KINDS, Contribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hermes_host.host import Host
    from hermes_host.plugins import PluginRecord

__all__ = [
    "Light",
    "clash_faults",
    "contributions_of",
    "info_faults",
    "leftovers",
    "measure_import",
    "schema_faults",
    "schema_sizes",
    "secret_faults",
    "section_faults",
    "summary_faults",
    "target_faults",
]

TARGET_FIELDS = ("target", "assess", "available", "parameters", "provides", "spec")
_LONGEST_SUMMARY = 200
_IMPORT_LIMIT = 30.0
_SECRET = re.compile(r"[A-Z][A-Z0-9_]*")

_PROBE = """\
import json, sys, time
from hermes_host.plugins import import_foreign
import hermes_host, hermes_host.hookspecs, hermes_host.specs
before = set(sys.modules)
began = time.perf_counter()
import_foreign(sys.argv[1])
took = (time.perf_counter() - began) * 1000
print(json.dumps([sorted({name.partition(".")[0] for name in set(sys.modules) - before}), took]))
"""


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """What importing the entry module brings in, and how long it takes."""

    foreign: tuple[str, ...]
    """Top-level modules that are neither the standard library's, nor the host's, nor the plugin's own."""
    milliseconds: float


def contributions_of(host: Host, plugin: str) -> list[Contribution[Any]]:
    """Everything a plugin contributes, of the host's kinds and of those that plugins brought."""
    kinds = [*KINDS, *(spec.name for _, spec in host.plugins.added_hooks)]
    return [item for kind in kinds for item in host.registry(kind) if item.plugin == plugin]


def info_faults(record: PluginRecord) -> list[str]:
    """What is wrong with what the plugin says about itself."""
    if record.info is None:
        return ["hermes_plugin_info is missing, so nobody learns what the plugin is for."]
    return _summary_faults("the plugin", record.info.summary)


def measure_import(module: str) -> Light:
    """Import the entry module in a process of its own. Raises `PluginError` where that fails."""
    name = module.partition(":")[0]
    command = [sys.executable, "-c", _PROBE, name]
    try:
        run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_IMPORT_LIMIT)
    except subprocess.TimeoutExpired:
        raise PluginError(f"{name} is not imported within {_IMPORT_LIMIT:g} s.") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["it ended without a word"]
        raise PluginError(f"{name} cannot be imported: {lines[-1]}")
    loaded, milliseconds = json.loads(run.stdout.splitlines()[-1])
    allowed = {*sys.stdlib_module_names, name.partition(".")[0], "hermes_host"}
    foreign = {top for top in set(loaded) - allowed if not top.startswith("_sysconfigdata")}
    return Light(foreign=tuple(sorted(foreign)), milliseconds=milliseconds)


def target_faults(contributions: Iterable[Contribution[Any]]) -> Iterator[tuple[str, bool]]:
    """What a spec names and cannot be imported, and whether only a package is missing for it."""
    for contribution in contributions:
        for field in TARGET_FIELDS:
            target = getattr(contribution.spec, field, "")
            if isinstance(target, str) and target:
                try:
                    import_foreign(target)
                except PluginUnavailable as error:
                    yield f"{contribution.title}: {error}", True
                except PluginError as error:
                    yield f"{contribution.title}: {error}", False


def summary_faults(contributions: Iterable[Contribution[Any]]) -> list[str]:
    """Contributions that do not say in one line what they are. The summary of a tool is for the model, and longer."""
    faults = []
    for contribution in contributions:
        summary = contribution.spec.summary
        if contribution.kind == "tools":
            faults += [] if summary.strip() else [f"{contribution.title} has no summary."]
        else:
            faults += _summary_faults(contribution.title, summary)
    return faults


def _summary_faults(title: str, summary: str) -> list[str]:
    if not summary.strip():
        return [f"{title} has no summary."]
    if "\n" in summary or len(summary) > _LONGEST_SUMMARY:
        return [f"The summary of {title} is not one line of at most {_LONGEST_SUMMARY} characters."]
    return []


def schema_faults(host: Host, contributions: Iterable[Contribution[Any]]) -> list[str]:
    """Tools whose parameters cannot be described to a model."""
    from jsonschema import Draft202012Validator, SchemaError

    faults = []
    for contribution in contributions:
        if contribution.kind != "tools":
            continue
        parameters = host.parameters(contribution)
        if parameters is None:
            faults.append(f"{contribution.title} has no usable parameters.")
        elif parameters.schema.get("type") != "object":
            faults.append(f"The parameters of {contribution.title} are not an object.")
        else:
            try:
                Draft202012Validator.check_schema(parameters.schema)
            except SchemaError as error:
                faults.append(f"The parameters of {contribution.title} are no JSON schema: {error.message}.")
    return faults


def schema_sizes(host: Host, contributions: Iterable[Contribution[Any]]) -> dict[str, int]:
    """The bytes each tool adds to every request: name, summary and schema."""
    sizes = {}
    for contribution in contributions:
        parameters = host.parameters(contribution) if contribution.kind == "tools" else None
        if parameters is not None:
            said = [contribution.name, contribution.spec.summary, parameters.schema]
            sizes[contribution.name] = len(json.dumps(said, ensure_ascii=False).encode())
    return sizes


def section_faults(host: Host, record: PluginRecord) -> list[str]:
    """Sections of config.yaml that cannot be read when nothing is configured."""
    for section in record.info.sections if record.info else ():
        host.config.section(section.name)
    return [problem.line() for problem in host.config.problems if problem.level == "error"]


def secret_faults(record: PluginRecord, contributions: Iterable[Contribution[Any]]) -> list[str]:
    """Secrets that are used without having been declared: the plugin would not receive them."""
    declared = {secret.name for secret in record.info.secrets} if record.info else set()
    faults = [
        f"{contribution.title} names the secret {name!r}, which PluginInfo.secrets does not declare."
        for contribution in contributions
        for name in getattr(contribution.spec, "secrets", ())
        if name not in declared
    ]
    for path in _modules(record.module):
        asked = sorted(set(_secrets_asked_for(path)) - declared)
        faults += [f"{path.name} asks for the secret {name!r}, which is not declared." for name in asked]
    return faults


def _modules(module: str) -> Sequence[Path]:
    try:
        found = importlib.util.find_spec(module.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return ()
    folders = found.submodule_search_locations if found is not None else None
    return [path for folder in folders or () for path in sorted(Path(folder).rglob("*.py"))]


def _secrets_asked_for(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return  # importing it says what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "secret":
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and _SECRET.fullmatch(str(argument.value)):
                    yield str(argument.value)


def clash_faults(everyone: Host, others: Host, plugin: str, own: Iterable[Contribution[Any]]) -> list[tuple[str, bool]]:
    """Names that an installed plugin has as well, and whether that leaves somebody without what they ask for."""
    faults = [
        (f"The distribution {record.distribution} has an entry point {plugin!r} as well.", True)
        for record in everyone.plugins.records
        if record.name.startswith(f"{plugin} (")
    ]
    for contribution in own:
        registry = others.registry(contribution.kind)
        if contribution.name not in registry.names():
            continue
        rival = registry.get(contribution.name).plugin
        together = everyone.registry(contribution.kind)
        if contribution.name not in together.names():
            faults.append((f"The plugin {rival!r} has a {contribution.title} as well, so none of them is used.", True))
        elif together.get(contribution.name).plugin == plugin:
            faults.append((f"It takes the place of the {contribution.title} of the plugin {rival!r}.", False))
        else:
            faults.append((f"The {contribution.title} of the plugin {rival!r} is used in its place.", False))
    return faults


def leftovers(host: Host, plugin: str) -> list[str]:
    """What is still there of a plugin in a host that blocks it."""
    record = host.plugins.record(plugin)
    faults = [] if record.state == "disabled" else [f"It is {record.state} although it is switched off."]
    return faults + [f"{item.title} is still there." for item in contributions_of(host, plugin)]
