"""What careless and hostile plugins do: it costs them, and nobody else."""

from __future__ import annotations

import asyncio
import time

import pytest

from hermes_host.errors import HermesError, PluginError, ToolError


async def still_works(user) -> None:
    assert await user("echo", "still works") == "still works"


@pytest.mark.parametrize(
    ("tool", "why"),
    [("exit_now", "exit code 3"), ("segfault", "SIGSEGV"), ("fork_and_leave", "exit code 0")],
)
async def test_a_plugin_that_ends_its_process_costs_one_call(user, tool, why):
    with pytest.raises(PluginError, match=f"ended during this call: .*{why}"):
        await user(tool)
    await still_works(user)


async def test_two_gigabytes_are_an_error_of_the_call(home, use_sample, start):
    home.settings["memory"] = 512
    use_sample()
    user = await start()
    with pytest.raises(PluginError, match="MemoryError"):
        await user("allocate")
    await still_works(user)


@pytest.mark.parametrize("tool", ["loop_async", "loop_thread", "spin", "late"])
async def test_a_call_without_end_is_ended_in_time(use_sample, start, tool):
    use_sample(tools={"timeout": 0.5})
    user = await start()
    await user("echo", "warm")
    with pytest.raises(PluginError, match=r"did not answer within 0\.5 s"):
        await user(tool)
    use_sample()
    await still_works(user)


async def test_processor_time_is_limited(home, use_sample, start):
    home.settings["cpu_seconds"] = 0.5
    use_sample()
    user = await start()
    with pytest.raises(PluginError, match=r"more than 0\.5 s of processor time"):
        await user("spin")
    await still_works(user)


async def test_a_cancelled_call_that_hangs_is_ended(user):
    await user("echo", "warm")
    call = asyncio.create_task(user("spin"))
    await asyncio.wait([call], timeout=0.2)
    call.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - started < 0.5
    await still_works(user)  # in a new process: the old one hung and was ended


async def test_leaked_threads_do_not_keep_the_process(home, use_sample, start):
    home.settings["idle_seconds"] = 0.3
    use_sample()
    user = await start()
    assert await user("leak_threads", "20") == "leaked"
    guest = user.resident("sample").guest
    async with asyncio.timeout(10):
        assert await guest.over == "it was idle"
    await still_works(user)


async def test_threads_are_limited(home, use_sample, start):
    home.settings["processes"] = 20
    use_sample()
    user = await start()
    with pytest.raises(PluginError, match="can't start new thread"):
        await user("leak_threads", "200")


async def test_what_is_printed_is_no_message_and_lands_in_the_log(home, use_sample, start):
    home.environ["SAMPLE_KEY"] = "sk-canary-123456789"
    use_sample(secrets=["SAMPLE_KEY"])
    user = await start()
    assert await user("print_noise") == "still fine"
    await still_works(user)
    await _end(user)
    log = (home.path / "plugins" / "isolated" / "logs" / "sample.log").read_text(encoding="utf-8")
    assert "from print" in log and "to standard error" in log and "a logged line" in log
    assert "sk-canary" not in log


async def test_a_million_lines_are_cut(home, user):
    assert await user("many_lines") == "written"
    await _end(user)
    folder = home.path / "plugins" / "isolated" / "logs"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_500_000
    assert "bytes left out" in (folder / "sample.log").read_text(encoding="utf-8")


async def _end(user) -> None:
    resident = user.resident("sample")
    guest = resident.guest
    resident.end("it was stopped")
    await guest.over


MALFORMED = [
    "not JSON",
    '{"jsonrpc":"2.0","id":999999,"result":"to nothing"}',
    '{"jsonrpc":"2.0","id":1,"result":"to what was answered"}',
    '{"jsonrpc":"2.0","method":"hermes/unknown","id":7}',
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"call":"x"}}',
    '{"jsonrpc":"2.0","method":"hermes/providers/event","params":{"call":5,"kind":"PartDelta","event":{}}}',
    '{"jsonrpc":"2.0","method":"hermes/ask","id":7,"params":{"call":99,"text":"give me the key"}}',
    '{"jsonrpc":"2.0","id":"a string"}',
    "[1, 2, 3]",
    "null",
]


async def test_a_malformed_message_hurts_nobody(user):
    for line in MALFORMED:
        assert await user("raw_line", line) == "beside it"
        await still_works(user)


WRONG = [
    ('{"jsonrpc":"2.0","id":$ID,"result":{"content":"no list"}}', "broke the contract"),
    (
        '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"media","kind":"image","mime":"image/png",'
        '"url":"file:///etc/passwd"}]}}',
        "a medium at 'file:///etc/passwd'",
    ),
    ('{"jsonrpc":"2.0","id":$ID}', "neither a result nor an error"),
    ('{"jsonrpc":"2.0","id":$ID,"result":', "broke the contract"),
    ('{"jsonrpc":"2.0","id":$ID,"error":{"message":"no","data":{"kind":"Denied"}}}', "no"),
    ('{"jsonrpc":"2.0","id":$ID,"error":{"message":"no","data":{"kind":"ToolError","remedy":"do"}}}', "no do"),
]


async def test_a_wrong_answer_fails_its_call_and_a_second_one_is_not_heard(user):
    for answer, error in WRONG:
        with pytest.raises(HermesError, match=error) as caught:
            await user("raw_answer", answer)
        assert type(caught.value) in (PluginError, ToolError)
        await still_works(user)


async def test_of_two_answers_the_first_counts(user):
    answer = '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"the first"}]}}'
    assert await user("raw_answer", answer) == "the first"
    await still_works(user)


async def test_deep_nesting_fails_its_call(user):
    with pytest.raises(PluginError, match="broke the contract"):
        await user("deep")
    await still_works(user)


async def test_an_answer_of_fifty_megabytes_fails_its_call(user):
    beside = asyncio.create_task(user("echo", "beside"))
    with pytest.raises(PluginError, match="bytes; at most 16777216 are taken"):
        await user("big")
    assert await beside == "beside"
    await still_works(user)


async def test_a_plugin_that_crashes_again_and_again_is_given_up_with_a_notice(home, use_sample, start):
    home.settings |= {"crashes": 3, "restart_seconds": 0.05}
    use_sample()
    user = await start()
    for _ in range(3):
        with pytest.raises(PluginError, match="ended during this call"):
            await user("exit_now")
    with pytest.raises(PluginError, match=r"crashed 3 times and was given up.*hermes plugins disable sample"):
        await user("echo")
    assert [notice.level for notice in user.notices] == ["error"]
    assert "hermes plugins disable sample" in user.notices[0].text


async def test_breaking_the_rules_without_end_ends_the_process(user):
    await user("echo", "warm")
    guest = user.resident("sample").guest
    await user("raw_line", "x\n" * 2000)
    async with asyncio.timeout(10):
        assert await guest.over == "it broke the contract again and again"
    await still_works(user)
