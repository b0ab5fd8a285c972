"""What the greeter contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

import time

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    FrontendSpec,
    MiddlewareSpec,
    PluginInfo,
    PromptSectionSpec,
    ProviderSpec,
    SecretSpec,
    SectionSpec,
    SessionStoreSpec,
    SlashCommandSpec,
    ToolsetSpec,
    ToolSpec,
)

HERE = "hermes_example_greeter"


@hookimpl
def hermes_plugin_info():
    return PluginInfo(
        summary="Greets people",
        sections=(SectionSpec(name="greeter", target=f"{HERE}.settings:GreeterSettings"),),
        secrets=(SecretSpec(name="GREETER_TOKEN", summary="Not needed; shows how a secret is declared"),),
    )


@hookimpl
def hermes_tools():
    yield ToolSpec(
        name="greet",
        summary="Greet a person by name.",
        parameters=f"{HERE}.tools:Greet",
        target=f"{HERE}.tools:greet",
        effects=frozenset({"read"}),
        parallel=True,
        shows="name",
    )


@hookimpl
def hermes_toolsets():
    yield ToolsetSpec(name="manners", summary="Everything polite", tools=("greet",))


@hookimpl
def hermes_providers():
    yield ProviderSpec(
        name="parrot", summary="Repeats what one says", target=f"{HERE}.provider:connect", default_model="grey"
    )


@hookimpl
def hermes_middleware():
    yield MiddlewareSpec(
        name="greeter-notice", summary="Says when the parrot is asked", target=f"{HERE}.wrap:announce", around="model"
    )
    yield MiddlewareSpec(
        name="greeter-bow", summary="Bows after greeting", target=f"{HERE}.wrap:bow", around="tool", priority=100
    )


@hookimpl
def hermes_prompt_sections():
    yield PromptSectionSpec(name="manners", summary="How to address people", target=f"{HERE}.prompt:manners", order=150)


@hookimpl
def hermes_commands():
    yield CommandSpec(name="greet", summary="Greet somebody.", target=f"{HERE}.commands:greet")


@hookimpl
def hermes_slash_commands():
    yield SlashCommandSpec(
        name="greet", summary="Greet somebody.", target=f"{HERE}.commands:slash_greet", usage="<name>", while_busy=True
    )


@hookimpl
def hermes_checks():
    yield CheckSpec(name="greeter", summary="Is there something to say?", target=f"{HERE}.checks:has_greeting")


@hookimpl
def hermes_session_stores():
    yield SessionStoreSpec(
        name="forgetful", summary="Keeps nothing after the end", target=f"{HERE}.store:connect", priority=-100
    )


@hookimpl
def hermes_frontends():
    yield FrontendSpec(
        name="pipe", summary="One line in, one answer out", target=f"{HERE}.frontend:main", priority=-100
    )


@hookimpl
def hermes_session_started(session):
    session.memory["greeter.started"] = time.monotonic()


@hookimpl
async def hermes_turn_finished(session, outcome):
    seen = session.recorded("greeter.turns").get("outcomes", [])
    session.record("greeter.turns", {"outcomes": [*seen, outcome]})


@hookimpl
def hermes_session_ended(session, reason):
    session.memory.pop("greeter.started", None)
    session.record("greeter.ended", {"reason": reason})


@hookimpl
def hermes_assess_tool_call(call):
    if call.name == "greet" and (call.arguments or {}).get("name") == "Nobody":
        from hermes_host.protocols import Assessment

        return Assessment(verdict="deny", reason="Nobody is not to be greeted.")
    return None
