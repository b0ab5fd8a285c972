"""A bad plugin hurts only itself: discovery, loading, quarantine, clashes, selection."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hermes_host.errors import NotFound, PluginError, PluginUnavailable
from hermes_host.host import Host
from hermes_host.plugins import import_foreign, run_guarded

GOOD = """
from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ToolSpec

@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="fine")

@hookimpl
def hermes_tools():
    yield ToolSpec(name="NAME", summary="s", parameters={"type": "object"}, target="MODULE:run",
                   effects=frozenset({"read"}))
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lay a distribution with one module and one entry point on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def lay(name: str, code: str, *, group: str = "hermes.v1", module: str = "", entry: str = "") -> None:
        module = module or f"zz_{name}"
        (site / f"{module}.py").write_text(code.replace("MODULE", module), encoding="utf-8")
        info = site / f"zz_{name}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zz-{name}\nVersion: 1.2.3\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry or name} = {module}\n", encoding="utf-8")

    yield lay  # type: ignore[misc]
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("zz_")]:
        del sys.modules[loaded]


@pytest.fixture
def make_host(tmp_path: Path) -> Callable[..., Host]:
    def make(*names: str, **options: object) -> Host:
        return Host(home=tmp_path / "home", plugins=names, environ={}, **options)  # type: ignore[arg-type]

    return make


BAD = {
    "syntax": ("def (:\n", "syntax error"),
    "import": ("import not_a_module_anywhere\n", "not_a_module_anywhere"),
    "exits": ("import sys\nsys.exit(3)\n", "sys.exit(3)"),
    "raises": ("raise RuntimeError('boom')\n", "boom"),
    "badhook": (
        "from hermes_host import hookimpl\n@hookimpl\ndef hermes_tools(nonsense):\n    return ()\n",
        "nonsense",
    ),
    "sleeps": ("import threading\nthreading.Event().wait()\n", "did not return within"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_plugin_that_cannot_be_loaded_is_one_line_and_the_others_work(
    kind: str, install: Install, make_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermes_host.plugins.TIME_LIMIT", 0.3)
    code, expected = BAD[kind]
    install(kind, code)
    install("good", GOOD.replace("NAME", "good_tool"))
    host = make_host(kind, "good")
    record = host.plugins.record(kind)
    assert record.state == "failed"
    (problem,) = record.problems
    line = problem.line()
    assert expected in line
    assert f"zz-{kind} 1.2.3" in line
    assert "\n" not in line
    assert "good_tool" in host.tools


def test_a_contribution_hook_that_never_returns_quarantines_its_plugin_only(
    install: Install, make_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermes_host.registry.CONTRIBUTION_LIMIT", 0.3)
    install(
        "stuck",
        GOOD.replace("    yield ToolSpec", "    import threading\n    threading.Event().wait()\n    yield ToolSpec"),
    )
    install("good", GOOD.replace("NAME", "good_tool"))
    host = make_host("stuck", "good")
    assert host.tools.names() == ["good_tool"]
    assert host.plugins.record("stuck").state == "failed"
    assert "did not return" in host.plugins.record("stuck").problems[0].message


def test_a_wrong_spec_is_left_out_and_the_plugins_other_contributions_stay(
    install: Install, make_host: Callable[..., Host]
) -> None:
    install(
        "mixed",
        GOOD.replace("NAME", "good_tool")
        + """
    yield "not a spec"
    yield ToolSpec(name="Bad Name", summary="s", parameters={}, target="a:b", effects=frozenset())
    yield ToolSpec(name="bad_target", summary="s", parameters={}, target="nowhere", effects=frozenset())
    yield ToolSpec(name="bad_effect", summary="s", parameters={}, target="a:b", effects=frozenset({"magic"}))
    raise RuntimeError("late")
""",
    )
    host = make_host("mixed")
    assert host.tools.names() == ["good_tool"]
    messages = " ".join(problem.message for problem in host.plugins.record("mixed").problems)
    for part in ("str, not ToolSpec", "Bad Name", "nowhere", "magic", "late"):
        assert part in messages
    assert host.plugins.record("mixed").state == "loaded"


def test_an_unknown_hook_is_reported_and_the_known_ones_run(install: Install, make_host: Callable[..., Host]) -> None:
    install("newer", GOOD.replace("NAME", "good_tool") + "\n@hookimpl\ndef hermes_telepathy():\n    pass\n")
    host = make_host("newer")
    assert host.tools.names() == ["good_tool"]
    assert "hermes_telepathy" in host.plugins.record("newer").problems[0].line()


def test_a_plugin_for_a_future_api_is_never_imported(install: Install, make_host: Callable[..., Host]) -> None:
    install("future", "raise RuntimeError('imported')", group="hermes.v2")
    record = make_host("future").plugins.record("future")
    assert record.state == "unsupported"
    assert "hermes.v2" in record.problems[0].line()
    assert "zz_future" not in sys.modules


def test_two_plugins_with_one_tool_name_are_both_reported_and_neither_is_used(
    install: Install, make_host: Callable[..., Host]
) -> None:
    install("one", GOOD.replace("NAME", "same"))
    install("two", GOOD.replace("NAME", "same"))
    host = make_host("one", "two")
    assert "same" not in host.tools
    for name in ("one", "two"):
        (problem,) = host.plugins.record(name).problems
        assert "'one' and 'two'" in problem.line()
        assert "plugins.prefer" in problem.line()
    with pytest.raises(NotFound, match="several plugins"):
        host.tools.get("same")


def test_the_users_preference_decides_a_clash(install: Install, make_host: Callable[..., Host]) -> None:
    install("one", GOOD.replace("NAME", "same"))
    install("two", GOOD.replace("NAME", "same"))
    host = make_host("one", "two", overrides={"plugins.prefer": ["two"]})
    assert host.tools.get("same").plugin == "two"
    assert not host.plugins.problems


def test_priority_decides_a_clash_before_preference(install: Install, make_host: Callable[..., Host]) -> None:
    install("one", GOOD.replace("NAME", "same").replace('summary="s"', 'summary="s", priority=5'))
    install("two", GOOD.replace("NAME", "same"))
    host = make_host("one", "two", overrides={"plugins.prefer": ["two"]})
    assert host.tools.get("same").plugin == "one"


def test_two_distributions_with_one_entry_name_are_reported_and_the_first_is_kept(
    install: Install, make_host: Callable[..., Host]
) -> None:
    install("one", GOOD.replace("NAME", "tool_one"), entry="twin")
    install("two", GOOD.replace("NAME", "tool_two"), entry="twin")
    host = make_host("twin", "twin (zz-two)")
    states = {record.distribution: record.state for record in host.plugins.records if not record.builtin}
    assert sorted(state for name, state in states.items() if name.startswith("zz-")) == ["failed", "loaded"]
    assert len(host.tools) == 1


def test_blocked_disabled_and_unlisted_plugins_are_not_imported(
    install: Install, make_host: Callable[..., Host]
) -> None:
    install("one", "raise RuntimeError")
    install("two", "raise RuntimeError")
    host = make_host("one", "two", blocked=["one"], overrides={"plugins.disabled": ["zz-two"]})
    assert [host.plugins.record(name).state for name in ("one", "two")] == ["disabled", "disabled"]
    assert not {"zz_one", "zz_two"} & set(sys.modules)


def test_strict_mode_raises_the_first_error(install: Install, tmp_path: Path) -> None:
    install("raises", "raise RuntimeError('boom')\n")
    host = Host(home=tmp_path, plugins=["raises"], environ={"HERMES_STRICT": "1"})
    with pytest.raises(PluginError, match="boom"):
        host.plugins.load()


def test_hermes_plugins_limits_what_is_loaded(install: Install, tmp_path: Path) -> None:
    install("one", GOOD.replace("NAME", "tool_one"))
    install("two", GOOD.replace("NAME", "tool_two"))
    assert Host(home=tmp_path, environ={"HERMES_PLUGINS": "two"}).tools.names() == ["tool_two"]
    assert Host(home=tmp_path, environ={"HERMES_PLUGINS": ""}).tools.names() == []


def test_an_object_can_be_added_as_a_plugin(make_host: Callable[..., Host]) -> None:
    from hermes_host import hookimpl
    from hermes_host.specs import CommandSpec

    class Plugin:
        @hookimpl
        def hermes_commands(self) -> list[CommandSpec]:
            return [CommandSpec(name="greet", summary="Greet", target="a.b:c")]

    host = make_host()
    host.add_plugin("mine", Plugin())
    assert "greet" in host.commands


def test_import_foreign_tells_a_missing_dependency_from_a_missing_target(install: Install) -> None:
    install("needs", "import not_installed_anywhere")
    with pytest.raises(PluginUnavailable, match="not_installed_anywhere") as caught:
        import_foreign("zz_needs:thing")
    assert "pip install" in caught.value.remedy
    with pytest.raises(PluginError, match="no module"):
        import_foreign("zz_not_there:thing")
    with pytest.raises(PluginError, match="no_such_name"):
        import_foreign("pathlib:no_such_name")


def test_guarded_steps_go_on_after_one_that_is_stuck() -> None:
    import threading

    forever = threading.Event()
    outcomes = run_guarded([lambda: 1, lambda: forever.wait(), lambda: 3, lambda: 1 / 0], limit=0.2)
    assert [outcome.value for outcome in outcomes] == [1, None, 3, None]
    assert outcomes[1].timed_out
    assert isinstance(outcomes[3].error, ZeroDivisionError)
    forever.set()


def test_a_registry_names_what_is_near(install: Install, make_host: Callable[..., Host]) -> None:
    install("good", GOOD.replace("NAME", "read_file"))
    with pytest.raises(NotFound, match="Did you mean 'read_file'"):
        make_host("good").tools.get("read_fil")


def test_hook_tracing_writes_who_is_asked(tmp_path: Path) -> None:
    code = "from pathlib import Path; from hermes_host.host import Host; Host(home=Path('.')).tools"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"HERMES_TRACE_PLUGINS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert "hermes_tools: " in run.stderr


def test_what_is_added_at_run_time_takes_its_place_by_priority(make_host: Callable[..., Host]) -> None:
    from hermes_host.registry import Contribution
    from hermes_host.specs import FrontendSpec

    host = make_host()
    record = host.plugins.record("host")
    for name, priority in (("low", -1), ("high", 100)):
        spec = FrontendSpec(name=name, summary="s", target="a:b", priority=priority)
        host.frontends.add(Contribution("frontends", spec, record))
    assert host.frontends.names() == ["high", "line", "low"]
