"""Keys of a pool are used in turn; only their names are ever handled."""

from __future__ import annotations

from hermes_host.errors import AuthFailed, Overloaded, RateLimited

POOL = {"credential_pools": {"one": ["KEY_A", "KEY_B", "KEY_C"]}}


def _used(provider):
    return [request.credential for request in provider.requests]


async def test_a_key_that_is_limited_or_refused_is_replaced_by_the_next(calls):
    calls.configure(sections=POOL)
    one = calls.script("one", RateLimited("slow"), AuthFailed("no"), "Hello.")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."
    assert _used(one) == ["KEY_A", "KEY_B", "KEY_C"]
    assert outcome.codes == ["key_rotated", "key_rotated"]
    assert outcome.notices[0].text == "one:big limits requests with the key KEY_A; going on with KEY_B."


async def test_other_failures_keep_the_key(calls):
    calls.configure(sections=POOL)
    one = calls.script("one", Overloaded("busy"), "Hello.")
    await calls.ask()
    assert _used(one) == ["KEY_A", "KEY_A"]


async def test_a_conversation_keeps_its_key_and_a_new_one_gets_the_least_recently_used(calls):
    calls.configure(sections=POOL)
    one = calls.script("one", *["x"] * 6)
    for session in ("s", "s", "t", "s", "u", "v"):
        await calls.ask(session_id=session)
    assert _used(one) == ["KEY_A", "KEY_A", "KEY_B", "KEY_A", "KEY_C", "KEY_B"]


async def test_a_failed_key_is_left_alone_for_its_pause(calls, clock):
    calls.configure(sections=POOL, cooldown=300.0)
    one = calls.script("one", AuthFailed("no"), "x", *["x"] * 4)
    await calls.ask()
    for session in ("t", "u"):
        await calls.ask(session_id=session)
    assert _used(one) == ["KEY_A", "KEY_B", "KEY_C", "KEY_B"]
    clock.now += 301
    await calls.ask(session_id="v")
    assert _used(one)[-1] == "KEY_A"


async def test_a_limited_key_is_left_alone_as_long_as_the_vendor_said(calls, clock):
    calls.configure(sections=POOL)
    one = calls.script("one", RateLimited("slow", retry_after=5.0), "x", "x", "x")
    await calls.ask()
    clock.now += 6
    for session in ("t", "u"):
        await calls.ask(session_id=session)
    assert _used(one) == ["KEY_A", "KEY_B", "KEY_C", "KEY_A"]


async def test_when_all_keys_are_limited_the_one_that_is_free_first_is_waited_for(calls):
    calls.configure(sections={"credential_pools": {"one": ["KEY_A", "KEY_B"]}})
    one = calls.script("one", RateLimited("slow", retry_after=0.01), RateLimited("slow", retry_after=100.0), "Hello.")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."
    assert _used(one) == ["KEY_A", "KEY_B", "KEY_A"]
    assert outcome.codes == ["key_rotated", "retry"]


async def test_when_all_keys_fail_the_next_model_is_asked(calls):
    calls.configure(sections=POOL, fallback_models=["two:other"])
    calls.script("one", *[AuthFailed("no")] * 3)
    calls.script("two", "From two.")
    outcome = await calls.ask()
    assert await outcome.text() == "From two."
    assert outcome.codes == ["key_rotated", "key_rotated", "fallback"]


async def test_when_all_keys_fail_and_nobody_else_is_left_the_error_is_raised(calls):
    calls.configure(sections=POOL)
    one = calls.script("one", *[AuthFailed("no")] * 3)
    assert isinstance((await calls.ask()).error, AuthFailed)
    assert len(one.requests) == 3


async def test_a_key_the_request_names_is_not_replaced(calls):
    calls.configure(sections=POOL, retries=0)
    one = calls.script("one", RateLimited("slow"))
    assert isinstance((await calls.ask(credential="MINE")).error, RateLimited)
    assert _used(one) == ["MINE"]


async def test_a_provider_without_a_pool_uses_its_own_key(calls):
    calls.configure(sections=POOL)
    two = calls.script("two", "x")
    await calls.ask(provider="two")
    assert _used(two) == [""]
