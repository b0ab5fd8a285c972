"""Quick commands, and what the doctor says about who may talk."""

from __future__ import annotations

from hermes_gateway.access_check import findings
from hermes_gateway.quick import QuickCommand
from hermes_gateway.settings import Access

QUICK = {
    "quick_commands": {
        "up": QuickCommand(command="echo it is up; echo $TESTING_SECRET_TOKEN"),
        "bad": QuickCommand(command="echo broken >&2; exit 3"),
        "fresh": QuickCommand(type="alias", target="/new"),
        "round": QuickCommand(type="alias", target="/round"),
        "who": QuickCommand(type="alias", target="/whoami"),
    }
}


async def test_a_quick_command_runs_without_the_agent_and_sees_no_secret(gateway, platform):
    environ = {"PATH": "/usr/bin:/bin", "TESTING_SECRET_TOKEN": "hidden-value"}
    running = await gateway(settings=QUICK, host={"environ": environ})
    await platform.say("/up")
    said = await platform.until_said("it is up")
    assert "hidden-value" not in said.text
    await platform.say("/bad")
    await platform.until_said("It ended with code 3")
    assert not running.model.requests


async def test_an_alias_stands_for_a_built_in_command(gateway, platform):
    await gateway(settings=QUICK)
    await platform.say("/fresh")
    await platform.until_said("A new conversation.")
    await platform.say("/round")
    await platform.until_said("There is no command /round")


async def test_quick_commands_are_the_owners(gateway, platform):
    await gateway(settings=QUICK, gateway={"access": {"testing": Access(owners=["u1"], members=["m1"])}})
    await platform.say("/up", user="m1")
    await platform.until_said("/up is not for you here")
    await platform.say("/who", user="m1")
    await platform.until_said("`m1` on testing: member")


async def test_the_doctor_says_who_may_talk(gateway):
    running = await gateway(start=False)
    people = running.conversations.shared.people

    def said():
        return [(result.status, result.detail) for result in findings(running.host, ["testing"])]

    assert said() == [("warning", "nobody yet")]
    people.let_in("testing", "a", "member")
    assert said() == [("warning", "no owner")]
    people.let_in("testing", "a", "owner")
    assert said() == [("ok", "1 account")]


async def test_the_doctor_warns_of_open_doors_and_of_turns_laid_aside(gateway):
    running = await gateway(start=False, host={"environ": {"TESTING_ALLOW_ALL_USERS": "1"}})
    with running.database.transaction() as connection:
        connection.execute(
            "INSERT INTO turns (conversation, session, state, fence, holder, lease, began) "
            "VALUES ('c', '', 'quarantined', 1, 'h', 0, 0)"
        )
    assert [(result.status, result.detail) for result in findings(running.host, ["testing"])] == [
        ("warning", "everybody, as guest"),
        ("warning", "1 cut off again and again"),
    ]
