"""Modules are rooms: one subject each, a sensible name, readable in one sitting."""

from __future__ import annotations

import ast
import importlib
import re

MAXIMUM_LINES = 450
MAXIMUM_LINES_OF_A_TEST = 600
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}


def test_no_module_is_too_long(shipped_modules):
    long = {module.shown: len(module.text.splitlines()) for module in shipped_modules}
    assert {name: lines for name, lines in long.items() if lines > MAXIMUM_LINES} == {}


def test_no_test_module_is_too_long(tracked_files, root):
    long = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked_files
        if path.suffix == ".py" and "tests" in path.parts
    }
    assert {name: lines for name, lines in long.items() if lines > MAXIMUM_LINES_OF_A_TEST} == {}


def test_no_module_has_a_name_that_says_nothing(shipped_modules):
    found = [module.shown for module in shipped_modules if NAMELESS & set(module.name.split("."))]
    assert found == []


def test_public_names_exist_and_are_sorted(host_modules):
    found = []
    for module in host_modules:
        names = _exported(module.tree)
        if names is None:
            continue
        if names != sorted(names) and names != sorted(names, key=_isort_order):
            found.append(f"{module.shown}: __all__ is not sorted")
        live = importlib.import_module(module.name)
        found += [f"{module.shown}: {name} does not exist" for name in names if not hasattr(live, name)]
    assert found == []


def test_every_public_module_says_what_it_exports(host_modules):
    public = [
        module
        for module in host_modules
        if not any(part.startswith("_") for part in module.name.split("."))
        # The host's own hook implementations; nobody imports from there.
        and module.name != "hermes_host.builtin"
    ]
    assert [module.shown for module in public if _exported(module.tree) is None] == []


def test_every_module_begins_with_a_full_sentence(shipped_modules):
    found = []
    for module in shipped_modules:
        docstring = ast.get_docstring(module.tree) or ""
        first = docstring.partition("\n\n")[0].strip()
        if not first.endswith((".", "!", "?", ":")):
            found.append(f"{module.shown}: {first[:60]!r}")
    assert found == []


def test_nothing_waits_by_sleeping(shipped_modules):
    found = [
        f"{module.shown}:{number}"
        for module in shipped_modules
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"\btime\.sleep\(", line)
    ]
    assert found == []


def test_only_the_command_line_prints(shipped_modules):
    found = [
        f"{module.shown}:{node.lineno}"
        for module in shipped_modules
        if not module.name.startswith(("hermes_host.cli", "hermes_host.testing.model_server"))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_text_files_are_opened_with_their_encoding(shipped_modules):
    found = [
        f"{module.shown}:{node.lineno}"
        for module in shipped_modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"read_text", "write_text"}
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
        and len(node.args) < (1 if node.func.attr == "read_text" else 2)
    ]
    assert found == []


def test_cancellation_is_never_swallowed(shipped_modules):
    """Handlers of `BaseException` and bare ones must raise again."""
    found = []
    for module in shipped_modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            bare = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "BaseException")
            if bare and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                found.append(f"{module.shown}:{node.lineno}")
    assert found == []


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _isort_order(name: str) -> tuple[int, str]:
    # Constants, then classes, then the rest: the order ruff's RUF022 and isort keep.
    if name.isupper():
        return (0, name)
    return (1, name) if name[:1].isupper() else (2, name)
