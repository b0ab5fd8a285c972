"""`plugin.py` is read at every start, so it costs next to nothing: no library, no work, no I/O."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

PROBE = """
import importlib, json, sys
import hermes_host.specs, hermes_host.hookspecs
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""

CALLS_THAT_DO_WORK = {"open", "exec", "eval", "compile", "__import__", "print", "input"}


def test_loading_a_plugin_module_brings_in_nothing_foreign(plugin):
    (target,) = plugin.pyproject["project"]["entry-points"]["hermes.v1"].values()
    outcome = subprocess.run([sys.executable, "-c", PROBE, target], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    loaded = json.loads(outcome.stdout)
    foreign = {name.partition(".")[0] for name in loaded} - {plugin.package} - sys.stdlib_module_names
    assert {name for name in foreign if not name.startswith("_sysconfigdata")} == set()
    own = {name for name in loaded if name.partition(".")[0] == plugin.package}
    assert own == {plugin.package, target}, "plugin.py must not import other modules of its package"


def test_a_plugin_module_names_only_the_standard_library_and_the_host(plugin):
    """Inside a function it may also name its own package: observers and decisions have no target."""
    module = next(module for module in plugin.modules if module.name == f"{plugin.package}.plugin")
    late = {
        line
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    allowed = {*sys.stdlib_module_names, "hermes_host"}
    found = [
        f"{module.shown}:{line}: {name}"
        for name, line in module.imports()
        if name.partition(".")[0] not in (allowed | {plugin.package} if line in late else allowed)
    ]
    assert found == []


def test_a_plugin_module_does_no_io(plugin):
    module = next(module for module in plugin.modules if module.name == f"{plugin.package}.plugin")
    found = [
        f"{module.shown}:{node.lineno}: {node.func.id}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS_THAT_DO_WORK
    ]
    assert found == []


def test_the_package_itself_is_empty_but_for_its_docstring(plugin):
    module = next(module for module in plugin.modules if module.name == plugin.package)
    imported = [name for name, _ in module.imports() if name != "__future__"]
    assert imported == []
