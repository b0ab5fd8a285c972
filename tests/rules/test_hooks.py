"""A hook ships with its documentation, with a plugin that uses it, and with a test."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from hermes_host import hookspecs

HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("hermes_"))

EXAMPLES = "tests/system/third_party"
"""The example distribution implements what no plugin of this repository needs yet."""


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_exact_arguments(hook, root):
    page = root / "docs" / "reference" / "hooks" / f"{hook}.md"
    assert page.is_file(), "run `nox -s docs`"
    tree = ast.parse((root / "hermes_host" / "hookspecs.py").read_text(encoding="utf-8"))
    (node,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == hook)
    text = page.read_text(encoding="utf-8")
    assert re.sub(r"\s+", "", f"def {hook}({ast.unparse(node.args)})") in re.sub(r"\s+", "", text).replace(",)", ")")
    assert "Example" in text


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_implemented_by_a_plugin_here(hook, root):
    plugin_modules = [*root.glob("plugins/*/*/*/plugin.py"), *(root / EXAMPLES).glob("*/*/plugin.py")]
    implementing = [path for path in plugin_modules if hook in _functions(path.read_text(encoding="utf-8"))]
    assert implementing, f"no plugin implements {hook}"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_named_after_it(hook, root):
    named = re.compile(rf"def test_\w*{hook}(?![a-z])")
    files = [*root.glob("tests/**/test_*.py"), *root.glob("plugins/*/*/tests/test_*.py")]
    assert any(named.search(path.read_text(encoding="utf-8")) for path in files), f"no test_…{hook}… anywhere"


def test_hook_documentation_is_for_hooks_that_exist(root):
    documented = {path.stem for path in (root / "docs" / "reference" / "hooks").glob("hermes_*.md")}
    assert documented == set(HOOKS)


def test_no_hook_uses_what_goes_wrong_with_coroutines(shipped_modules):
    found = []
    for module in shipped_modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                marker = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                words = {keyword.arg for keyword in node.keywords}
                if marker in {"hookspec", "hookimpl"} and words & {"firstresult", "historic", "wrapper", "hookwrapper"}:
                    found.append(f"{module.shown}:{node.lineno}")
    assert found == []


def test_hook_implementations_take_ordinary_parameters_that_exist(shipped_modules):
    found = []
    for module in shipped_modules:
        if not module.name.endswith(".plugin"):
            continue
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in HOOKS:
                known = set(inspect.signature(getattr(hookspecs, node.name)).parameters)
                named = {argument.arg for argument in node.args.args}
                if node.args.kwonlyargs or not named <= known:
                    found.append(f"{module.shown}:{node.lineno}: {node.name}")
    assert found == []


def _functions(text: str) -> set[str]:
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
