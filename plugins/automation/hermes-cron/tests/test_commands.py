"""`hermes cron` and `/cron`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hermes_cron.commands import cron

from hermes_host.cli.application import Application
from hermes_host.frontends import SlashCall
from hermes_host.protocols import Chat
from hermes_host.slash import find, run
from hermes_host.testing import StandInHost

Hermes = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def hermes(home: Path) -> Hermes:
    """Use a command as in a process of its own; gives the exit code, the output and what was said beside it."""

    async def use(*arguments: str, says: tuple[Any, ...] = ()) -> tuple[int, str, str]:
        def inside() -> Any:
            host = StandInHost(home, plugins=["cron"], overrides={"timezone": "Europe/Berlin"})
            host.script(*says)
            word = arguments[0]
            group = host.commands
            command = cron
            if f"cron {word}" in group.names():
                found = group.get(f"cron {word}")
                command = host.target(found, found.spec.target)
                return CliRunner().invoke(command, arguments[1:], obj=Application(_host=host))
            return CliRunner().invoke(command, arguments, obj=Application(_host=host))

        outcome = await asyncio.to_thread(inside)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome.exit_code, outcome.stdout, outcome.stderr

    return use


async def test_a_job_through_its_life(hermes: Hermes):
    code, out, err = await hermes("add", "every weekday at 9", "Sum up.", "--name", "mail")
    assert code == 0 and "at 09:00 on Monday through Friday (Europe/Berlin)" in out
    assert out.count("T09:00:00") == 5 and "NOTHING WILL RUN THIS JOB" in err and "9 means 09:00" in err
    listed = json.loads((await hermes("list", "--json"))[1])
    assert [view["name"] for view in listed] == ["mail"]
    _, out, err = await hermes("list")
    assert listed[0]["id"] in out and "Nothing runs these jobs" in err
    await hermes("edit", "mail", "--schedule", "every day at 8:00", "--repeat", "3", "--add-skill", "post")
    shown = json.loads((await hermes("show", "ma", "--json"))[1])
    assert (shown["schedule"], shown["repeat"], shown["skills"], len(shown["next_runs"])) == (
        "every day at 8:00",
        3,
        ["post"],
        3,
    )
    assert "paused" in (await hermes("pause", "mail", "--reason", "holiday"))[1]
    assert "active" in (await hermes("resume", "mail"))[1]
    assert "removed" in (await hermes("remove", "mail"))[1]
    assert "There are no jobs" in (await hermes("list"))[1]


async def test_run_makes_a_job_run_here_when_no_gateway_does(hermes: Hermes):
    await hermes("add", "every day at 9:00", "Hello.", "--name", "hello")
    code, out, _ = await hermes("run", "hello", says=("Good morning.",))
    assert (code, out.strip()) == (0, "Good morning.")
    code, out, err = await hermes("run", "hello", says=())
    assert code == 1 and "failed" in out
    runs = json.loads((await hermes("history", "hello", "--json"))[1])
    assert [each["state"] for each in runs] == ["failed", "ok"]
    _, out, _ = await hermes("history", "--run", str(runs[1]["id"]))
    assert "Good morning." in out


async def test_run_due_runs_what_is_due_and_status_knows_of_it(hermes: Hermes, home: Path):
    assert (await hermes("status"))[0] == 1
    await hermes("add", "in 1 second", "Hello.")
    from hermes_cron.database import Database

    database = Database(home)
    with database.transaction() as connection:
        connection.execute("UPDATE jobs SET next = next - 10")
    database.close()
    code, out, _ = await hermes("run-due", says=("Hi.",))
    assert code == 0 and "ok" in out
    code, out, _ = await hermes("status", "--json")
    assert code == 0 and json.loads(out)["by"] == "system"


async def test_next_shows_what_comes_and_what_a_schedule_would_mean(hermes: Hermes):
    await hermes("add", "every day at 9:00", "a", "--name", "a")
    await hermes("add", "every day at 10:00", "b", "--name", "b", "--repeat", "1")
    found = json.loads((await hermes("next", "-n", "3", "--json"))[1])
    assert sorted(item["name"] for item in found) == ["a", "a", "b"]
    assert [item["time"] for item in found] == sorted(item["time"] for item in found)
    _, out, err = await hermes("next", "--try", "at 9")
    assert "once" in out and "not 21:00" in err
    assert len(json.loads((await hermes("list", "--json"))[1])) == 2


async def test_restore_brings_jobs_back(hermes: Hermes, home: Path):
    await hermes("add", "every day at 9:00", "a", "--name", "a")
    for path in (home / "cron").glob("cron.db*"):
        path.unlink()
    _, out, _ = await hermes("restore")
    assert "1 job brought back" in out
    assert "a" in (await hermes("list"))[1]


async def slash(host: Any, session: Any, text: str) -> str:
    command = await find(host, session, "cron")
    return await run(command, SlashCall(name="cron", arguments=text, host=host, session=session))


async def test_cron_in_a_chat(world: Any):
    chat = Chat(platform="testing", address="testing:5", user="u1", role="owner")
    session = await world.host.start(chat=chat)
    said = await slash(world.host, session, "add every weekday at 9 | Sum up my mail.")
    assert "Monday through Friday" in said and "NOTHING WILL RUN" in said
    (view,) = await world.jobs.jobs()
    assert (view.deliver, view.origin) == (("origin",), "testing:5")
    assert view.id in await slash(world.host, session, "")
    assert "paused" in await slash(world.host, session, "pause sum")
    assert "not understood" in await slash(world.host, session, "add when it rains | Run.")
    assert "/cron add" in await slash(world.host, session, "dance")
    member = Chat(platform="testing", address="testing:6", user="u2", role="member")
    other = await world.host.start(chat=member)
    assert "Only the owner" in await slash(world.host, other, "add every hour | Spend money.")
    assert "There are no jobs" in await slash(world.host, other, "list")
    assert "There is no job" in await slash(world.host, other, "remove sum")


async def test_doctor_says_what_is_wrong(world: Any):
    from hermes_cron.checks import jobs_fare

    context = world.host.context("cron")
    assert [(item.status) for item in await jobs_fare(context)] == ["ok"]
    await world.add("every hour")
    (found,) = await jobs_fare(context)
    assert found.status == "warning" and "hermes gateway start" in found.remedy
    await world.start()
    assert [item.status for item in await jobs_fare(context)] == ["ok"]
    await world.close()
    path = world.home / "cron" / "cron.db"
    path.write_bytes(b"garbage" * 1000)
    (found,) = await jobs_fare(context)
    assert found.status == "error" and "hermes cron restore" in found.remedy
