"""The example of every hook runs as it is shown: loaded as a plugin, asked for, and used."""

from __future__ import annotations

import ast
import inspect
import logging
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from hermes_host import hookimpl, hookspecs, specs
from hermes_host.cli.plugins_findings import TARGET_FIELDS, contributions_of, summary_faults, target_faults
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.registry import KINDS
from hermes_host.specs import ToolSpec
from hermes_host.testing import StandInHost, events_of, finished

HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("hermes_"))
OBSERVERS = ("hermes_session_started", "hermes_session_ended", "hermes_turn_finished")
_TARGET = re.compile(r"hermes_[a-z_]+(\.[a-z_]+)*:\w+")


def example_of(hook: str) -> str:
    """The code below `Example::` in the docstring."""
    docstring = inspect.getdoc(getattr(hookspecs, hook)) or ""
    _, found, code = docstring.partition("Example::\n")
    assert found, f"{hook} has no example"
    return textwrap.dedent(code).strip() + "\n"


def plugin_of(hook: str) -> ModuleType:
    """The example as a module; the specs and `hookimpl` are there as a plugin imports them."""
    module = ModuleType(f"example_of_{hook}")
    module.__dict__.update({name: getattr(specs, name) for name in specs.__all__}, hookimpl=hookimpl)
    exec(compile(example_of(hook), f"<example of {hook}>", "exec"), module.__dict__)
    return module


class Anything(msgspec.Struct, frozen=True, kw_only=True):
    """Stands for what an example's target names: usable as parameters, as a spec, as a protocol, as a part."""

    name: str = ""
    summary: str = ""
    target: str = ""
    priority: int = 0


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Make the modules that an example names; those of the host must exist."""

    def make(code: str) -> list[str]:
        named = [
            node.value
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TARGET.fullmatch(node.value)
        ]
        for target in named:
            path, _, attribute = target.partition(":")
            if path.startswith("hermes_host"):
                continue
            parts = path.split(".")
            for end in range(1, len(parts) + 1):
                name = ".".join(parts[:end])
                if name not in sys.modules:
                    monkeypatch.setitem(sys.modules, name, ModuleType(name))
            monkeypatch.setattr(sys.modules[path], attribute, Anything, raising=False)
        return named

    return make


@pytest.fixture
async def host(tmp_path: Path) -> Any:
    async with StandInHost(tmp_path / "home") as host:
        yield host


@pytest.mark.parametrize("hook", HOOKS)
async def test_an_example_loads_and_gives_what_it_shows(
    hook: str, host: StandInHost, targets: Callable[[str], list[str]]
) -> None:
    code = example_of(hook)
    named = targets(code)
    host.add_plugin("example", plugin_of(hook))
    record = host.plugins.record("example")
    contributions = contributions_of(host, "example")
    assert not record.problems, [problem.line() for problem in record.problems]
    assert record.hooks == (hook,)
    assert list(target_faults(contributions)) == []
    assert summary_faults(contributions) == []
    kinds = [kind for kind, table in KINDS.items() if table.hook == hook]
    assert [item.kind for item in contributions] == kinds, "one contribution, of the hook's kind"
    shown = {getattr(item.spec, field, "") for item in contributions for field in TARGET_FIELDS}
    if kinds:
        assert set(named) == {target for target in shown if isinstance(target, str) and target}


def test_the_example_of_plugin_info_is_what_the_host_shows(host: StandInHost) -> None:
    host.add_plugin("example", plugin_of("hermes_plugin_info"))
    record = host.plugins.record("example")
    assert record.info is not None
    assert record.summary
    assert host.context("example").secret(record.info.secrets[0].name) == ""


def test_the_example_of_addhooks_brings_a_hook(host: StandInHost, targets: Callable[[str], list[str]]) -> None:
    targets(example_of("hermes_addhooks"))
    host.add_plugin("example", plugin_of("hermes_addhooks"))
    ((_, brought),) = host.plugins.added_hooks

    class Other:
        pass

    def implementation(self: Any) -> Iterator[Any]:
        yield Anything(name="frog", summary="s", target="pathlib:Path")

    implementation.__name__ = f"hermes_{brought.name}"
    setattr(Other, implementation.__name__, hookimpl(optionalhook=True)(implementation))
    host.add_plugin("other", Other())
    assert host.context("example").registry(brought.name).names() == ["frog"]
    assert not host.plugins.problems


async def test_the_examples_of_observers_are_called(host: StandInHost, caplog: pytest.LogCaptureFixture) -> None:
    modules = {name: plugin_of(name) for name in HOOKS if name in OBSERVERS}
    for name, module in modules.items():
        host.add_plugin(f"example-{name.removeprefix('hermes_').replace('_', '-')}", module)
    host.script("one", "two")
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    with caplog.at_level(logging.INFO):
        session = await host.start()
        session.context.memory["weather.socket"] = SimpleNamespace(close=close)
        for _ in range(2):
            assert finished(await events_of(session.run("go"))).outcome == "completed"
        await session.close()
    assert not host.plugins.problems
    assert f"session {session.id} on cli" in caplog.text
    assert modules["hermes_turn_finished"].outcomes == {"completed": 2}
    assert closed == [True]


@pytest.mark.parametrize(("hour", "sent"), [(12, True), (23, False)])
async def test_the_example_of_assess_tool_call_makes_a_call_wait(host: StandInHost, hour: int, sent: bool) -> None:
    module = plugin_of("hermes_assess_tool_call")
    module.__dict__["datetime"] = SimpleNamespace(now=lambda: SimpleNamespace(hour=hour))
    host.add_plugin("example", module)
    calls: list[str] = []

    async def assess(arguments: Any, call: Any) -> Any:
        from hermes_host.protocols import Assessment

        return Assessment(verdict="allow")

    async def send(arguments: Any, call: Any) -> str:
        calls.append(call.tool)
        return "sent"

    spec = ToolSpec(
        name="post",
        summary="Post it.",
        parameters={"type": "object", "properties": {}},
        target="zz_post:send",
        assess="zz_post:assess",
        effects=frozenset({"send"}),
    )
    host.use_part("tools", spec, send)
    host._parts["target", "program", "zz_post:send"] = send
    host._parts["target", "program", "zz_post:assess"] = assess
    host.script(assistant_message(ToolCall(id="1", name="post", arguments={})), "done")
    session = await host.start()
    await events_of(session.run("go"))
    assert calls == (["post"] if sent else []), "at night nobody can be asked here, so it is refused"
    assert not host.plugins.problems
