"""The public Python API: a host, a session, events, a tool from a function."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_host import Host, hookimpl
from hermes_host.context import ToolContext
from hermes_host.errors import ConfigError, NotFound, PluginError
from hermes_host.testing import StandInHost, events_of, finished


async def test_making_a_host_touches_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with Host(home=home, plugins=[], environ={}):
        pass
    assert not home.exists()


async def test_a_function_becomes_a_tool_with_its_types_and_docstring(tmp_path: Path) -> None:
    async with StandInHost(tmp_path) as host:

        @host.tool(effects=["net"], toolset="weather")
        async def forecast(place: str, call: ToolContext, days: int = 3) -> dict[str, object]:
            """Weather forecast for a place."""
            return {"place": place, "days": days, "call": call.tool}

        host.script()
        session = await host.start()
        (definition,) = session.toolbox.definitions()
        assert definition.summary == "Weather forecast for a place."
        assert definition.parameters == {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer", "default": 3}},
            "required": ["place"],
            "additionalProperties": False,
        }
        assert [spec.toolset for spec in session.tools()] == ["weather"]


@pytest.mark.parametrize("code", ["def f(x): 'doc'", "def f(*x: int): 'doc'", "def f(x: int): pass"])
async def test_a_function_that_cannot_be_a_tool_is_refused(tmp_path: Path, code: str) -> None:
    space: dict[str, object] = {}
    exec(code, space)
    with pytest.raises(TypeError):
        StandInHost(tmp_path).tool(space["f"])


async def test_toolsets_choose_tools_by_set_by_name_and_by_platform(tmp_path: Path) -> None:
    async with StandInHost(tmp_path, overrides={"platform_toolsets": {"telegram": ["one"], "sms": []}}) as host:
        for name in ("one", "two"):

            def run() -> str:
                """Run."""
                return ""

            host.tool(run, name=name, toolset=f"set_{name}")
        host.script()

        async def tools(**options: object) -> list[str]:
            session = await host.start(**options)  # type: ignore[arg-type]
            return [spec.name for spec in session.tools()]

        assert await tools() == ["one", "two"]
        assert await tools(toolsets=["set_one"]) == ["one"]
        assert await tools(toolsets=["two"]) == ["two"]
        assert await tools(toolsets=["all"]) == ["one", "two"]
        assert await tools(toolsets=[]) == []
        assert await tools(source="telegram") == ["one"]
        assert await tools(source="sms") == []
        with pytest.raises(NotFound, match="Did you mean 'set_one'"):
            await tools(toolsets=["set_onne"])


async def test_unknown_providers_and_models_say_what_there_is(tmp_path: Path) -> None:
    async with StandInHost(tmp_path) as host:
        host.script()
        with pytest.raises(NotFound, match="hermes model list"):
            host.resolve_model("", "scriptd")
        with pytest.raises(NotFound, match="No provider is set up for the model 'gpt-x'"):
            host.resolve_model("gpt-x")
        provider, name = host.resolve_model("scripted:llama3:8b")
        assert (provider.name, name) == ("scripted", "llama3:8b")


async def test_nothing_installed_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No model is configured"):
        await StandInHost(tmp_path).start()


async def test_a_plugin_gets_only_the_secrets_it_declares(tmp_path: Path) -> None:
    from hermes_host.specs import PluginInfo, SecretSpec

    class Plugin:
        @hookimpl
        def hermes_plugin_info(self) -> PluginInfo:
            return PluginInfo(summary="s", secrets=(SecretSpec(name="MINE_KEY"),))

    host = StandInHost(tmp_path, environ={"MINE_KEY": "m", "OTHER_KEY": "o"})
    host.add_plugin("mine", Plugin())
    context = host.context("mine")
    assert context.secret("MINE_KEY") == "m"
    with pytest.raises(PluginError, match="does not declare"):
        context.secret("OTHER_KEY")


async def test_observers_are_told_and_a_broken_one_is_muted(tmp_path: Path) -> None:
    seen: list[str] = []

    class Good:
        @hookimpl
        async def hermes_session_started(self, session: object) -> None:
            seen.append("started")

        @hookimpl
        def hermes_turn_finished(self, outcome: str) -> None:
            seen.append(outcome)

        @hookimpl
        def hermes_session_ended(self, reason: str) -> None:
            seen.append(reason)

    class Bad:
        calls = 0

        @hookimpl
        def hermes_turn_finished(self) -> None:
            self.calls += 1
            raise RuntimeError("oh")

    async with StandInHost(tmp_path) as host:
        bad = Bad()
        host.add_plugin("good", Good())
        host.add_plugin("bad", bad)
        host.script(*["ok"] * 5)
        session = await host.start()
        for _ in range(5):
            assert finished(await events_of(session.run("go"))).outcome == "completed"
        await session.close()
        assert seen == ["started", *["completed"] * 5, "exit"]
        assert bad.calls == 3
        assert len(host.plugins.record("bad").problems) == 3


async def test_a_prompt_section_that_fails_is_left_out(tmp_path: Path) -> None:
    from hermes_host.specs import PromptSectionSpec

    async def good(context: object, session: object) -> str:
        return "GOOD SECTION"

    async def bad(context: object, session: object) -> str:
        raise RuntimeError("oh")

    async with StandInHost(tmp_path) as host:
        for name, function in (("good", good), ("bad", bad)):
            spec = PromptSectionSpec(name=name, summary="s", target=f"zz:{name}")
            host.use_part("prompt_sections", spec, function)
            host._parts["target", "program", f"zz:{name}"] = function
        model = host.script("ok")
        await events_of((await host.start()).run("go"))
        assert "GOOD SECTION" in model.requests[0].system
        assert "You are Hermes" in model.requests[0].system


@pytest.mark.parametrize(
    "text", ["network: [1]\n", "network:\n  block: ${NOT_SET_ANYWHERE}\n", "network:\n  timeout: x\n"]
)
async def test_settings_whose_default_allows_more_are_not_replaced_by_it(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    async with StandInHost(tmp_path, plugins=["network"]) as host:
        from hermes_network.settings import Settings

        context = host.context("network")
        assert context.section(Settings, "network") == Settings()
        with pytest.raises(ConfigError, match="network"):
            context.section(Settings, "network", strict=True)
