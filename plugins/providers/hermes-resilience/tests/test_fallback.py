"""Other models are asked when one fails, and the first one again after its pause."""

from __future__ import annotations

import pytest

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConfigError,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    NotFound,
    Overloaded,
    RateLimited,
)
from hermes_host.messages import assistant_message
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing.providers import play

TWO = {"fallback_model": {"provider": "two", "model": "other"}}
REFUSED = MessageEnded(assistant_message("I"), "refused", Usage())


@pytest.mark.parametrize("error", [RateLimited("slow"), AuthFailed("no key")])
async def test_limits_and_refused_keys_go_to_the_next_model_at_once(calls, error):
    calls.configure(**TWO)
    one, two = calls.script("one", error), calls.script("two", "From two.")
    outcome = await calls.ask()
    assert await outcome.text() == "From two."
    assert outcome.codes == ["fallback"]
    assert "one:big" in outcome.notices[0].text and "two:other" in outcome.notices[0].text
    assert len(one.requests) == 1
    assert (two.requests[0].provider, two.requests[0].model) == ("two", "other")


async def test_a_model_that_stands_still_is_replaced_at_once(calls, broken):
    calls.configure(**TWO)
    one = calls.script("one", broken(None))
    calls.script("two", "From two.")
    outcome = await calls.ask()
    assert await outcome.text() == "From two."
    assert (len(one.requests), outcome.codes) == (1, ["fallback"])
    assert outcome.notices[0].text.startswith("The answer of one:big stood still")


@pytest.mark.parametrize(("error", "attempts"), [(Overloaded("busy"), 3), (ConnectionLost("x"), 3)])
async def test_trouble_that_may_pass_goes_to_the_next_model_after_the_retries(calls, error, attempts):
    calls.configure(**TWO)
    one = calls.script("one", *[error] * attempts)
    calls.script("two", "From two.")
    assert await (await calls.ask()).text() == "From two."
    assert len(one.requests) == attempts


async def test_answers_that_stay_garbled_send_the_request_to_the_next_model(calls):
    calls.configure(**TWO)
    calls.script("one", *[InvalidResponse("x")] * 3)
    calls.script("two", "From two.")
    assert await (await calls.ask()).text() == "From two."


@pytest.mark.parametrize(
    "error",
    [BadRequest("bad"), ContextTooLong("long"), ContentRefused("filtered"), NotFound("no"), BudgetExceeded("x")],
)
async def test_a_request_that_is_itself_at_fault_goes_to_no_other_model(calls, error):
    calls.configure(**TWO)
    calls.script("one", error)
    two = calls.script("two", "never")
    assert (await calls.ask()).error is error
    assert two.requests == []


@pytest.mark.parametrize("refusal", [ContentRefused("filtered"), REFUSED])
async def test_a_refusal_goes_to_the_next_model_where_that_is_wanted(calls, refusal):
    calls.configure(fallback_on_refusal=True, **TWO)
    calls.script("one", refusal)
    calls.script("two", "From two.")
    assert await (await calls.ask()).text() == "From two."
    calls.script("one", "From one.")
    assert await (await calls.ask()).text() == "From one.", "a refusal says nothing about the model's health"


async def test_the_last_model_may_refuse(calls):
    calls.configure(fallback_on_refusal=True)
    calls.script("one", REFUSED)
    assert (await (await calls.ask()).ended()).stop_reason == "refused"


async def test_models_are_asked_in_order_and_each_once(calls):
    calls.configure(
        retries=0, fallback_models=["two:a", "one:big", "small", {"provider": "two", "model": "a"}, "two:b:free"]
    )
    one = calls.script("one", Overloaded("1"), Overloaded("3"))
    two = calls.script("two", Overloaded("2"), Overloaded("4"))
    outcome = await calls.ask()
    asked = [(r.provider, r.model) for provider in (one, two) for r in provider.requests]
    assert asked == [("one", "big"), ("one", "small"), ("two", "a"), ("two", "b:free")]
    assert isinstance(outcome.error, Overloaded) and outcome.error.message == "1"
    assert "Also tried: two:a (overloaded), one:small (overloaded), two:b:free (overloaded)." in str(outcome.error)


async def test_a_fallback_that_cannot_be_used_is_passed_over_and_named(calls):
    calls.configure(fallback_models=["two:a", "three:b"])
    calls.script("one", RateLimited("slow"))
    calls.script("two", ConfigError("The provider 'two' has no address."))
    calls.script("three", "From three.")
    outcome = await calls.ask()
    assert await outcome.text() == "From three."
    assert outcome.codes == ["fallback", "fallback_skipped"]
    assert "no address" in outcome.notices[1].text


async def test_a_fallback_that_refuses_the_request_leaves_the_first_error(calls):
    calls.configure(retries=0, **TWO)
    calls.script("one", Overloaded("one is busy"))
    calls.script("two", ContextTooLong("too long for two"))
    outcome = await calls.ask()
    assert isinstance(outcome.error, Overloaded)
    assert "two:other (ContextTooLong)" in str(outcome.error)


async def test_money_that_is_spent_ends_the_call_at_a_fallback_too(calls):
    calls.configure(**TWO)
    calls.script("one", RateLimited("slow"))
    calls.script("two", BudgetExceeded("spent"))
    assert isinstance((await calls.ask()).error, BudgetExceeded)


async def test_what_a_failed_model_had_said_is_discarded_when_the_next_one_differs(calls, broken):
    calls.configure(retries=0, **TWO)
    calls.script("one", broken(ConnectionLost("cut"), *list(play("I am one."))[:3]))
    calls.script("two", "Here is two.")
    outcome = await calls.ask()
    assert await outcome.text() == "Here is two."
    assert len(outcome.discarded) == 1


async def test_a_failed_model_is_left_alone_and_asked_again_after_its_pause(calls, clock):
    calls.configure(retries=0, cooldown=300.0, **TWO)
    one = calls.script("one", RateLimited("slow"))
    calls.script("two", "2a", "2b", "2c")
    codes = [(await calls.ask()).codes for _ in range(3)]
    assert codes == [["fallback"], [], []], "a change is told once"
    assert len(one.requests) == 1
    clock.now += 301
    calls.script("one", "1a", "1b")
    first, second = await calls.ask(), await calls.ask()
    assert (await first.text(), first.codes) == ("1a", ["returned"])
    assert (await second.text(), second.codes) == ("1b", [])


async def test_another_conversation_is_told_too(calls):
    calls.configure(retries=0, **TWO)
    calls.script("one", RateLimited("slow"))
    calls.script("two", "2a", "2b")
    await calls.ask()
    outcome = await calls.ask(session_id="another")
    assert outcome.codes == ["fallback"]
    assert "left alone for 300 s" in outcome.notices[0].text


async def test_the_pause_doubles_until_it_succeeds(calls, clock):
    calls.configure(retries=0, cooldown=100.0, cooldown_limit=250.0, **TWO)
    one = calls.script("one")
    for pause in (100, 200, 250):
        one.steps.append(Overloaded("busy"))
        calls.script("two", "a", "b")
        await calls.ask()
        clock.now += pause - 1
        before = len(one.requests)
        await calls.ask()
        assert len(one.requests) == before
        clock.now += 2
    one.steps += ["fine", Overloaded("busy"), "fine"]
    calls.script("two", "a")
    await calls.ask()
    await calls.ask()
    clock.now += 101
    assert await (await calls.ask()).text() == "fine"


async def test_a_pause_is_never_shorter_than_the_vendor_asked(calls, clock):
    calls.configure(cooldown=10.0, cooldown_limit=20.0, **TWO)
    one = calls.script("one", RateLimited("slow", retry_after=500.0))
    calls.script("two", "a", "b")
    await calls.ask()
    clock.now += 499
    await calls.ask()
    assert len(one.requests) == 1


async def test_a_model_in_its_pause_is_the_last_resort_and_asked_once(calls):
    calls.configure(retries=1, **TWO)
    one = calls.script("one", RateLimited("slow"), Overloaded("still"))
    calls.script("two", "fine", Overloaded("x"), Overloaded("y"))
    await calls.ask()
    outcome = await calls.ask()
    assert isinstance(outcome.error, Overloaded)
    assert len(one.requests) == 2


async def test_side_work_has_a_list_of_its_own(calls):
    calls.configure(
        retries=0,
        fallback_models=["two:a"],
        sections={"auxiliary_fallbacks": {"compression": ["three:c"], "title": []}},
    )
    calls.script("one", RateLimited("1"), RateLimited("2", status=402), RateLimited("3"))
    calls.script("two", "From two.", "From two.")
    calls.script("three", "From three.")
    assert await (await calls.ask(purpose="compression")).text() == "From three."
    assert await (await calls.ask(purpose="vision", model="other")).text() == "From two."
    assert isinstance((await calls.ask(purpose="title", model="third")).error, RateLimited)


async def test_a_fallback_can_have_a_key_of_its_own(calls):
    calls.configure(fallback_model={"provider": "two", "model": "a", "api_key_env": "TWO_KEY"})
    calls.script("one", RateLimited("slow"))
    two = calls.script("two", "Hello.")
    await calls.ask(credential="ONE_KEY")
    assert two.requests[0].credential == "TWO_KEY"


async def test_a_fallback_with_an_address_is_never_asked_elsewhere(calls):
    calls.configure(retries=0, fallback_model={"provider": "two", "model": "a", "base_url": "https://example.org"})
    calls.script("one", RateLimited("slow"))
    two = calls.script("two", "never")
    assert isinstance((await calls.ask()).error, RateLimited)
    assert two.requests == []
