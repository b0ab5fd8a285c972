"""What each hook of the greeter brings about, seen through a host."""

import io
import sys

import pytest
from click.testing import CliRunner

from hermes_host.errors import NotFound
from hermes_host.events import Notice, ToolFinished
from hermes_host.frontends import FrontendOptions, SlashCall
from hermes_host.testing.hosts import StandInHost, events_of, finished


@pytest.fixture
async def host(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["greeter"]) as host:
        yield host


@pytest.fixture
async def session(host):
    return await host.start(provider="parrot")


def test_hermes_plugin_info_says_what_the_plugin_is_and_declares_its_section(host):
    record = host.plugins.record("greeter")
    assert record.summary == "Greets people"
    assert host.config.section("greeter").greeting == "Hello"


def test_hermes_plugin_info_limits_the_secrets_a_plugin_may_ask_for(host):
    context = host.context("greeter")
    assert context.secret("GREETER_TOKEN") == ""
    with pytest.raises(Exception, match="does not declare"):
        context.secret("OTHER_TOKEN")


async def test_hermes_tools_gives_the_model_a_tool(session):
    assert "greet" in [tool.name for tool in session.tools()]
    events = await events_of(session.run("greet Ada"))
    (call,) = [event for event in events if isinstance(event, ToolFinished)]
    assert (call.name, call.title, call.result.is_error) == ("greet", "greeted Ada", False)


async def test_hermes_toolsets_names_a_group_of_tools(host):
    session = await host.start(provider="parrot", toolsets=["manners"])
    assert [tool.name for tool in session.tools()] == ["greet"]


async def test_hermes_providers_answers_without_a_network(host, session):
    assert session.model == "parrot:grey"
    assert finished(await events_of(session.run("good morning"))).text == "good morning"
    parrot = await host.part(host.providers.get("parrot"))
    assert [model.id for model in await parrot.models()] == ["grey"]


async def test_hermes_middleware_wraps_model_calls_and_tool_calls(session):
    events = await events_of(session.run("greet Ada"))
    assert "The parrot listens." in [event.text for event in events if isinstance(event, Notice)]
    assert finished(events).text.endswith("(bows)")


async def test_hermes_prompt_sections_adds_to_the_system_prompt(session):
    await events_of(session.run("good morning"))
    assert "Address people by their names." in session.system


def test_hermes_commands_adds_a_command(host):
    command = host.commands.get("greet")
    outcome = CliRunner().invoke(host.target(command, command.spec.target), ["Ada", "--loud"])
    assert outcome.output == "HELLO, ADA!\n"


async def test_hermes_slash_commands_adds_a_command_to_every_front_end(host, session):
    command = host.slash_commands.get("greet")
    answer = await host.target(command, command.spec.target)(
        SlashCall(name="greet", arguments="Ada", host=host, session=session)
    )
    assert answer == "Hello, **Ada**!"


async def test_hermes_checks_adds_to_the_doctor(host):
    check = host.checks.get("greeter")
    results = await host.target(check, check.spec.target)(host.context("greeter"))
    assert [(result.name, result.status) for result in results] == [("greeting", "ok")]


async def test_hermes_session_stores_offers_a_store_that_is_used_when_it_is_chosen(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["greeter"], overrides={"sessions.store": "forgetful"}) as host:
        session = await host.start(provider="parrot")
        assert finished(await events_of(session.run("good morning"))).outcome == "completed"
        assert host.sessions.find(session.id).id == session.id
    async with StandInHost(tmp_path / "home", plugins=["greeter"]) as host:
        with pytest.raises(NotFound):
            host.sessions.find(session.id)


async def test_hermes_frontends_adds_a_surface(host, monkeypatch, capsys):
    frontend = host.frontends.get("pipe")
    monkeypatch.setattr(sys, "stdin", io.StringIO("good morning\ngreet Ada\n"))
    code = await host.target(frontend, frontend.spec.target)(host, FrontendOptions(provider="parrot"))
    assert code == 0
    assert capsys.readouterr().out.splitlines() == ["good morning", "Hello, Ada! (bows)"]


async def test_hermes_session_started_is_called_when_a_conversation_begins(session):
    assert "greeter.started" in session.context.memory


async def test_hermes_turn_finished_is_called_with_the_outcome_of_each_turn(session):
    await events_of(session.run("good morning"))
    await events_of(session.run("good evening"))
    assert session.context.recorded("greeter.turns") == {"outcomes": ["completed", "completed"]}


async def test_hermes_session_ended_is_called_when_a_conversation_is_left(host, session):
    await events_of(session.run("good morning"))
    await session.close("new_session")
    assert "greeter.started" not in session.context.memory
    states = [record for record in host.sessions.load(session.id) if record.name == "greeter.ended"]
    assert [record.data for record in states] == [{"reason": "new_session"}]


async def test_hermes_assess_tool_call_denies_what_no_approver_can_allow(host):
    session = await host.start(provider="parrot", yolo=True)
    events = await events_of(session.run("greet Nobody"))
    (call,) = [event for event in events if isinstance(event, ToolFinished)]
    assert call.result.is_error
    assert "Nobody is not to be greeted." in str(call.result.content)
