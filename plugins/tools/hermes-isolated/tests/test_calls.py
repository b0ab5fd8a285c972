"""Tools of isolated plugins, as conversations use them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host.errors import NotFound, PluginError
from hermes_host.events import ToolFinished
from hermes_host.messages import ToolCall, assistant_message, text_of
from hermes_host.testing import ScriptedApprover, ScriptedQuestioner, events_of, finished


async def test_a_tool_is_called_in_a_process_of_its_own(user):
    assert await user("echo", "Grüße 🙂") == "Grüße 🙂"


async def test_nothing_is_started_before_the_first_call(user, home):
    assert "sample_echo" in {tool.name for tool in user.host.tools}
    assert not (home.path / "plugins" / "sample").exists()
    assert list((home.path / "cache").glob("isolated/running/*.json")) == []


async def test_the_call_knows_its_conversation_and_has_no_terminal(user, home):
    found = json.loads(await user("context"))
    assert found == {
        "session": "session-1",
        "directory": user.session.directory,
        "call": "call-1",
        "tool": "sample_context",
        "source": "cli",
        "origin": "owner",
        "can_ask": False,
        "state": str(home.path / "plugins" / "sample"),
        "terminal": False,
    }


async def test_a_conversation_uses_it_like_any_tool_and_its_words_are_from_outside(user):
    call = ToolCall(id="1", name="sample_echo", arguments={"text": "from the plugin"})
    user.host.script(assistant_message(call), "done")
    session = await user.host.start()
    found = await events_of(session.run("go"))
    (result,) = [event.result for event in found if isinstance(event, ToolFinished)]
    assert text_of(result.content) == "from the plugin"
    assert (result.is_error, result.provenance) == (False, "external")
    assert finished(found).outcome == "completed"


async def test_effects_that_were_agreed_to_still_ask_a_person(home, use_sample, start):
    use_sample(tools={"effects": ["read", "write"]})
    user = await start()
    call = ToolCall(id="1", name="sample_echo", arguments={"text": "x"})
    user.host.script(assistant_message(call), "done")
    approver = ScriptedApprover("deny")
    session = await user.host.start(approver=approver)
    found = await events_of(session.run("go"))
    (result,) = [event.result for event in found if isinstance(event, ToolFinished)]
    assert result.is_error
    assert [request.call.name for request in approver.requests] == ["sample_echo"]
    assert not (home.path / "plugins" / "sample").exists()


async def test_the_plugin_gets_its_own_section_of_the_settings(home, use_sample, start):
    home.sections["sample"] = {"unit": "F"}
    use_sample()
    assert await (await start())("setting") == "F"


async def test_only_agreed_secrets_are_given(home, use_sample, start):
    home.environ |= {"SAMPLE_KEY": "sk-agreed-1234567", "OTHER_KEY": "sk-other-12345678", "THIRD_KEY": "x"}
    use_sample(secrets=["SAMPLE_KEY"])
    user = await start()
    assert await user("secret_of", "SAMPLE_KEY") == "sk-agreed-1234567"
    assert await user("secret_of", "OTHER_KEY") == "(none)"
    with pytest.raises(PluginError, match="does not declare"):
        await user("secret_of", "THIRD_KEY")


async def test_secrets_are_in_neither_arguments_nor_environment(home, use_sample, start):
    home.environ["SAMPLE_KEY"] = "sk-agreed-1234567"
    use_sample(secrets=["SAMPLE_KEY"])
    user = await start()
    environment = await user("environment")
    assert set(json.loads(environment)) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PWD"}
    assert b"sk-agreed-1234567" not in _arguments_and_environments()


def _arguments_and_environments() -> bytes:
    found = b""
    for path in [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]:
        try:
            found += path.read_bytes()
        except OSError:
            continue  # it ended meanwhile
    return found


async def test_a_call_shows_progress_but_not_without_end(user):
    assert await user("progress") == "done"
    assert user.shown[0] == "step 0\n"
    assert len(user.shown) < 100


async def test_the_plugin_can_ask_the_user_and_is_named(user):
    user.questioner = ScriptedQuestioner("b")
    assert await user("ask") == "b"
    assert user.questioner.questions[0].text == "The plugin sample asks: Which?"
    assert user.questioner.questions[0].choices == ("a", "b")


async def test_what_the_plugin_announces_bears_its_name(user):
    await user("announce")
    assert [(notice.text, notice.level) for notice in user.notices] == [("sample: all is well", "warning")]


async def test_what_the_plugin_records_outlives_its_process(user, start):
    assert await user("remember") == "0"
    assert user.records == {"isolated.sample": {"sample.count": {"count": 1}}}
    with pytest.raises(PluginError):
        await user("exit_now")
    assert await user("remember") == "1"


async def test_a_kept_file_lies_in_the_plugins_own_cache(user, home):
    path = Path(await user("keep"))
    assert path.is_relative_to(home.path / "cache" / "sample")
    assert path.read_bytes() == b"kept"  # noqa: ASYNC240 - a test may wait for its disk


async def test_a_tool_the_plugin_does_not_have_is_an_error_of_that_call(home, sample, start, use_sample):
    use_sample()
    home.plugins["sample"]["description"]["tools"].append(
        {"name": "sample_gone", "summary": "x", "parameters": {"type": "object"}, "effects": ["read"]}
    )
    user = await start()
    with pytest.raises(NotFound, match="sample_gone"):
        await user("gone")
    assert await user("echo", "still") == "still"


async def test_many_calls_run_beside_each_other(user):
    await user("echo", "warm")
    assert await asyncio.gather(*(user("echo", str(number)) for number in range(50))) == [str(n) for n in range(50)]


async def test_a_cancelled_call_ends_there_too_and_others_go_on(user):
    await user("echo", "warm")
    hanging = asyncio.create_task(user("late"))
    beside = asyncio.create_task(user("loop_thread"))
    assert await user("echo", "beside") == "beside"
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await user("echo", "after") == "after"
    beside.cancel()
    await asyncio.wait([beside])


async def test_changed_code_is_not_run(home, sample, use_sample, start):
    use_sample()
    home.plugins["sample"]["files"] = {**sample.files, "sample_tools.py": "sha256=" + "0" * 64}
    user = await start()
    with pytest.raises(PluginError, match=r"not what was installed: sample_tools\.py"):
        await user("echo")


async def test_a_plugin_with_more_effects_than_agreed_is_not_used(home, use_sample, start):
    use_sample(tools={"effects": []})
    user = await start()
    with pytest.raises(PluginError, match="nobody agreed to"):
        await user("echo")


async def test_a_disabled_plugin_offers_nothing(home, use_sample, start):
    home.sections["plugins"] = {"disabled": ["sample"]}
    use_sample()
    user = await start()
    assert "sample_echo" not in {tool.name for tool in user.host.tools}


def test_without_isolated_plugins_nothing_of_the_package_is_imported(home):
    program = (
        "import sys; from pathlib import Path; from hermes_host.host import Host\n"
        "host = Host(plugins=['isolated']); list(host.providers); list(host.tools); host.registry('tool_sources')\n"
        "print(sorted(name for name in sys.modules if name.startswith(('hermes_isolated', 'hermes_installer'))))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "['hermes_isolated', 'hermes_isolated.plugin']"
