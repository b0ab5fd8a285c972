"""Who may talk: exact ids, roles, codes with limits that hold, linked accounts."""

from __future__ import annotations

import asyncio
import multiprocessing
import re

import pytest
from hermes_gateway.database import Database
from hermes_gateway.pairing import ALPHABET, Pairing
from hermes_gateway.people import People
from hermes_gateway.settings import Access, GatewaySettings, Settings

from hermes_host.errors import BadRequest, Denied, HermesError, NotFound
from hermes_host.protocols import Address, Inbound, Sender
from hermes_host.testing.platform_plugin import adapter_spec


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rooms(tmp_path, clock):
    def make(access=None, **variables):
        settings = Settings(gateway=GatewaySettings(access={"testing": access or Access()}))
        database = Database(tmp_path)
        people = People(database, settings, variable=lambda name: variables.get(name, ""), clock=clock)
        return people, Pairing(database, people, settings, clock=clock), database

    return make


def stranger(user, chat=""):
    return Inbound(
        update=f"{user}-1",
        address=Address(platform="testing", chat=chat or f"d{user}"),
        sender=Sender(id=user, name=f"name of {user}"),
        text="hello",
    )


def code_for(rooms, user):
    _, pairing, database = rooms
    with database.transaction() as connection:
        said = pairing.request(connection, stranger(user))
    found = re.search(rf"`([{ALPHABET}]{{8}})`", said)
    return found[1] if found else said


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ("o", "owner"),
        ("m", "member"),
        ("g", "guest"),
        ("O", ""),
        ("o@evil.com", ""),
        ("name", ""),
        ("", ""),
        ("7", "owner"),
    ],
)
def test_only_a_whole_exact_id_of_a_list_counts(rooms, user, role):
    people, _, _ = rooms(Access(owners=["o", 7], members=["m", "bob@x.com"], guests=["g"]))
    assert people.standing("testing", user).role == role
    assert people.standing("testing", "bob").role == ""
    assert people.standing("other", user).role == ""


def test_the_first_in_a_variable_is_the_owner_and_the_others_are_members(rooms):
    people, _, _ = rooms(TESTING_ALLOWED_USERS="1, 2,3", GATEWAY_ALLOWED_USERS="9,8")
    assert [people.standing("testing", user).role for user in "12398"] == [
        "owner",
        "member",
        "member",
        "owner",
        "member",
    ]


def test_everybody_is_a_guest_where_all_are_let_in(rooms):
    people, _, _ = rooms(TESTING_ALLOW_ALL_USERS="true", TESTING_ALLOWED_USERS="1")
    assert people.standing("testing", "5").role == "guest"
    assert people.standing("testing", "1").role == "owner"
    others, _, _ = rooms(GATEWAY_ALLOW_ALL_USERS="yes", TESTING_ALLOWED_USERS="1")
    assert others.standing("testing", "5").role == ""


def test_a_code_lets_in_with_the_role_that_is_said(rooms):
    made = people, pairing, _ = rooms()
    code = code_for(made, "u1")
    assert people.standing("testing", "u1").role == ""
    assert pairing.approve("testing", code.lower(), "owner").user == "u1"
    assert people.standing("testing", "u1").role == "owner"
    with pytest.raises(NotFound):
        pairing.approve("testing", code)


def test_the_database_holds_no_code(rooms, tmp_path):
    made = rooms()
    code = code_for(made, "u1")
    made[2].close()
    assert all(code.encode() not in file.read_bytes() for file in tmp_path.glob("gateway.db*"))


def test_a_code_is_good_for_an_hour_and_asked_for_once_in_ten_minutes(rooms, clock):
    made = _, pairing, _ = rooms()
    code = code_for(made, "u1")
    assert code_for(made, "u1") == ""
    clock.now += 3601
    with pytest.raises(NotFound):
        pairing.approve("testing", code)
    assert len(code_for(made, "u1")) == 8


def test_a_clock_set_back_makes_no_code_live_longer(rooms, clock):
    made = _, pairing, _ = rooms()
    code = code_for(made, "u1")
    clock.now -= 86_400
    with pytest.raises(NotFound):
        pairing.approve("testing", code)


def test_strangers_do_not_lock_the_door(rooms, clock):
    made = _, pairing, _ = rooms()
    for user in "abc":
        assert len(code_for(made, user)) == 8
    assert code_for(made, "real").startswith("Too many people")
    clock.now += 601
    assert len(code_for(made, "real")) == 8
    assert [entry.user for entry in pairing.pending()] == ["b", "c", "real"]


def test_wrong_codes_lock_approving_itself_for_an_hour(rooms, clock):
    made = _, pairing, _ = rooms()
    code = code_for(made, "u1")
    for _ in range(5):
        with pytest.raises(NotFound):
            pairing.approve("testing", "AAAAAAAA")
    with pytest.raises(Denied):
        pairing.approve("testing", code)
    clock.now += 3601
    fresh = code_for(made, "u1")
    assert pairing.approve("testing", fresh).user == "u1"


def _guess(folder, results):
    settings = Settings()
    database = Database(folder)
    people = People(database, settings)
    pairing = Pairing(database, people, settings)
    outcomes = []
    for number in range(5):
        try:
            pairing.approve("testing", f"AAAAAAA{ALPHABET[number]}")
        except HermesError as error:
            outcomes.append(type(error).__name__)
    results.put(outcomes)


def test_the_limit_of_wrong_codes_holds_among_processes(tmp_path):
    Database(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_guess, args=(tmp_path, results)) for _ in range(3)]
    for process in processes:
        process.start()
    outcomes = [word for _ in processes for word in results.get(timeout=30)]
    for process in processes:
        process.join()
    assert outcomes.count("NotFound") == 5
    assert outcomes.count("Denied") == 10


def _ask(folder, first, results):
    database = Database(folder)
    settings = Settings()
    pairing = Pairing(database, People(database, settings), settings)
    given = 0
    for user in range(first, first + 4):
        with database.transaction() as connection:
            given += "Your code is" in pairing.request(connection, stranger(f"s{user}"))
    results.put(given)


def test_the_limit_of_open_codes_holds_among_processes(tmp_path):
    Database(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_ask, args=(tmp_path, first, results)) for first in (0, 10, 20)]
    for process in processes:
        process.start()
    given = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert sum(given) == 3
    database = Database(tmp_path)
    with database.reading() as connection:
        assert connection.execute("SELECT COUNT(*) FROM pairing").fetchone()[0] == 3
    database.close()


def test_who_the_settings_name_is_not_revoked_by_a_command(rooms):
    people, _, _ = rooms(Access(owners=["o"]))
    with pytest.raises(BadRequest, match="settings"):
        people.revoke("testing", "o")
    with pytest.raises(NotFound):
        people.revoke("testing", "nobody")


def test_a_linked_account_has_the_role_for_as_long_as_the_other_has_it(rooms):
    people, pairing, _ = rooms()
    people.let_in("testing", "a", "owner")
    code = pairing.offer_link(stranger("a"))
    assert "one person" in pairing.link(stranger("b"), code)
    assert people.standing("testing", "b") == ("owner", "testing:a", True)
    assert "not open" in pairing.link(stranger("c"), code)
    people.revoke("testing", "a")
    assert people.standing("testing", "b").role == ""


def test_a_guest_cannot_have_an_owner_enter_a_code(rooms):
    people, pairing, _ = rooms()
    people.let_in("testing", "owner", "owner")
    people.let_in("testing", "guest", "guest")
    code = pairing.offer_link(stranger("guest"))
    assert "Show the code in this chat" in pairing.link(stranger("owner"), code)
    assert people.standing("testing", "guest").role == "guest"


def test_guesses_of_link_codes_are_limited(rooms):
    people, pairing, _ = rooms()
    people.let_in("testing", "a", "owner")
    code = pairing.offer_link(stranger("a"))
    for _ in range(5):
        assert "not open" in pairing.link(stranger("b"), "AAAAAAAA")
    assert "Too many" in pairing.link(stranger("b"), code)


# ------------------------------------------------------------------------------------------------- in the gateway


async def test_a_stranger_gets_a_code_and_is_answered_once_let_in(gateway, platform):
    running = await gateway("welcome")
    await platform.say("hi", user="x", chat="dx")
    said = await platform.until_said("hermes pairing approve testing")
    code = re.search(r"approve testing (\w{8})", said.text)[1]
    await platform.say("hi again", user="x", chat="dx")
    await platform.until(lambda: len(platform.acknowledged) == 2)
    assert running.rows("SELECT COUNT(*) FROM updates") == [(0,)]
    running.conversations.pairing.approve("testing", code)
    await platform.say("now?", user="x", chat="dx")
    await platform.until_said("welcome")
    assert len(platform.texts("dx")) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "x", "kind": "group"},
        {"user": "u1", "kind": "group", "addressed": False},
        {"user": "u1", "edited": True},
        {"user": "u1", "forwarded": True, "text": "/stop"},
        {"user": "u1", "sender": Sender(id="u1", bot=True)},
        {"user": "u1", "sender": Sender(id="u1", verified=False)},
        {"user": "x", "sender": Sender(id="x", name="u1"), "kind": "group"},
        {"user": "x", "action": "ap:00000000:once", "kind": "group"},
    ],
)
async def test_what_is_not_for_the_agent_leaves_no_trace(gateway, platform, fields):
    running = await gateway()
    attachment = platform.attach(b"x" * 100)
    await platform.deliver(platform.update(**{"text": "do it", "attachments": (attachment,), **fields}))
    await platform.until(lambda: platform.acknowledged)
    assert running.rows("SELECT COUNT(*) FROM updates") == [(0,)]
    assert "fetch" not in platform.calls
    assert not platform.messages
    assert not running.model.requests


async def test_revoking_stops_the_turn_that_runs(gateway, platform, tmp_path):
    begun = asyncio.Event()

    async def hang(request):
        begun.set()
        await asyncio.Event().wait()

    running = await gateway(hang, gateway={"lease_seconds": 0.3})
    running.conversations.shared.people.let_in("testing", "p", "member")
    await platform.say("work", user="p", chat="dp")
    await begun.wait()
    elsewhere = Database(tmp_path / "home")
    People(elsewhere, running.settings).revoke("testing", "p")
    elsewhere.close()
    [actor] = running.conversations._actors.values()
    await asyncio.wait_for(actor.task, 5)
    assert running.rows("SELECT state FROM turns") == [("finished",)]
    assert platform.texts("dp") == []


async def test_what_machines_send_is_external_and_has_no_tools_that_act(gateway, platform):
    spec = adapter_spec()
    import msgspec

    running = await gateway(
        "seen", spec=msgspec.structs.replace(spec, features=spec.features | {"external"}), start=False
    )

    async def act() -> str:
        """Act."""
        return "done"

    running.host.tool(act, effects=("process",))
    running.host.tool(act, name="look", effects=("net",))
    await running.start()
    await platform.say("/stop everything", user="", prompt="Say what came in.")
    await platform.until_said("seen")
    request = running.model.requests[0]
    assert request.messages[-1].provenance == "external"
    assert request.messages[-1].said == "Say what came in."
    assert [tool.name for tool in request.tools] == ["look"]


async def test_a_role_decides_about_tools_and_provenance(gateway, platform):
    running = await gateway(
        "for owner",
        "for member",
        "for guest",
        gateway={"access": {"testing": Access(owners=["u1"], members=["m1"], guests=["g1"])}},
        start=False,
    )

    async def act() -> str:
        """Act."""
        return "done"

    running.host.tool(act, effects=("process",))
    running.host.tool(act, name="look", effects=("net",))
    await running.start()
    for user, word in (("u1", "owner"), ("m1", "member"), ("g1", "guest")):
        await platform.say("hi", user=user, chat=f"d{user}")
        await platform.until_said(f"for {word}")
    assert [[tool.name for tool in request.tools] for request in running.model.requests] == [
        ["act", "look"],
        ["look"],
        [],
    ]
    assert [request.messages[-1].provenance for request in running.model.requests] == ["owner", "member", "member"]


async def test_linked_accounts_go_on_with_one_conversation_where_the_settings_say_so(gateway, platform):
    running = await gateway("one", "two", gateway={"follow_person": True})
    await platform.say("/link")
    said = await platform.until_said("Write `/link")
    code = re.search(r"/link (\w{8})", said.text)[1]
    await platform.say(f"/link {code}", user="other", chat="d2")
    await platform.until_said("are one person from now on")
    await platform.say("first")
    await platform.until_said("one")
    await platform.say("second", user="other", chat="d2")
    answer = await platform.until_said("two")
    assert answer.address.chat == "d2"
    assert [m.text for m in running.model.requests[1].messages if m.role == "user"] == ["first", "second"]
