"""`hermes pairing`, beside a gateway that runs."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from hermes_gateway.pairing_commands import pairing

from hermes_host.cli.application import Application
from hermes_host.errors import NotFound


@pytest.fixture
def hermes(gateway):
    async def make(*script, **options):
        running = await gateway(*script, **options)

        def invoke(*arguments):
            return CliRunner().invoke(pairing, arguments, obj=Application(_host=running.host))

        return invoke

    return make


async def code_of(platform, user):
    await platform.say("hi", user=user, chat=f"d{user}")
    said = await platform.until(lambda: next((text for text in platform.texts(f"d{user}") if "code" in text), None))
    return re.search(r"approve testing (\w{8})", said)[1]


async def test_somebody_is_let_in_while_the_gateway_runs(hermes, platform):
    invoke = await hermes("welcome")
    code = await code_of(platform, "x")
    assert "x" in invoke("list").output
    assert json.loads(invoke("list", "--json").output)["pending"][0]["user"] == "x"
    assert "as member" in invoke("approve", "testing", code).output
    await platform.until_said("You are let in.")
    await platform.say("now?", user="x", chat="dx")
    await platform.until_said("welcome")
    assert json.loads(invoke("list", "--json").output)["people"][0]["role"] == "member"
    assert "is owner now" in invoke("role", "testing", "x", "owner").output
    assert json.loads(invoke("list", "--json").output)["people"][0]["role"] == "owner"


async def test_only_owner_makes_an_owner(hermes, platform):
    invoke = await hermes()
    code = await code_of(platform, "x")
    assert json.loads(invoke("approve", "testing", code, "--owner", "--json").output)["role"] == "owner"


async def test_a_wrong_code_is_an_error(hermes):
    invoke = await hermes()
    outcome = invoke("approve", "testing", "AAAAAAAA")
    assert outcome.exit_code != 0
    assert isinstance(outcome.exception, NotFound)


async def test_revoking_and_clearing(hermes, platform):
    invoke = await hermes()
    invoke("approve", "testing", await code_of(platform, "x"))
    await code_of(platform, "y")
    assert "may not talk any more" in invoke("revoke", "testing", "x").output
    assert json.loads(invoke("clear-pending", "--json").output) == {"cleared": 1}
    assert "Nobody was let in" in invoke("list").output
