"""Tools, resources and prompts of an ordinary server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from hermes_host.messages import Media, text_of
from hermes_host.testing import ScriptedApprover

# One host and one server for all of them: a server on the SDK takes a second to start.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("friendly")


@pytest.fixture(scope="module")
def friendly(entry, folder):
    return entry("friendly", "stdio", env={"NOTES": str(folder / "notes")})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(make_bench, folder):
    async with AsyncExitStack() as stack:
        yield make_bench(folder / "home", stack)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def host(bench, friendly):
    return await bench.open(friendly=friendly)


async def test_a_conversation_has_the_tools_of_a_server_under_its_name(bench, host):
    session = await host.start()
    names = [tool.name for tool in session.tools()]
    assert "mcp_friendly_add" in names
    assert "mcp_friendly_read_resource" in names
    add = next(tool for tool in session.tools() if tool.name == "mcp_friendly_add")
    assert add.summary == "Add two numbers."
    assert set(add.parameters["properties"]) == {"a", "b"}
    assert add.effects == {"read", "net"}
    assert add.toolset == "mcp-friendly"


async def test_a_conversation_starts_no_server_whose_list_is_known(bench, host):
    session = await host.start()
    assert session.tools()
    assert [server.state for server in await bench.servers(host)] == ["stopped"]


async def test_structured_content_reaches_the_model_once(bench, host):
    result = await bench.call(host, "mcp_friendly_add", a=2, b=3)
    assert json.loads(text_of(result.content)) == {"total": 5}
    assert result.provenance == "external"
    assert not result.is_error


async def test_a_text_result_is_not_repeated_as_structured_content(bench, host):
    assert text_of((await bench.call(host, "mcp_friendly_echo", text="so")).content) == "so"


async def test_a_picture_arrives_as_a_picture(bench, host):
    (part,) = (await bench.call(host, "mcp_friendly_picture")).content
    assert isinstance(part, Media)
    assert (part.kind, part.mime, part.data[:4]) == ("image", "image/png", b"\x89PNG")


async def test_a_failure_of_the_tool_is_an_error_result_with_its_words(bench, host):
    result = await bench.call(host, "mcp_friendly_broken")
    assert result.is_error
    assert "the kettle is empty" in text_of(result.content)


async def test_wrong_arguments_are_refused_before_the_server_sees_them(bench, host):
    result = await bench.call(host, "mcp_friendly_add", a="two", b=3)
    assert result.is_error
    assert "The arguments do not fit" in text_of(result.content)


async def test_a_tool_that_does_not_only_read_needs_consent(bench, host, folder):
    denied = await bench.call(host, "mcp_friendly_note", text="tea")
    assert "nobody can be asked" in text_of(denied.content)
    assert not (folder / "notes").exists()
    approver = ScriptedApprover("once")
    allowed = await bench.call(host, "mcp_friendly_note", text="tea", more={"approver": approver})
    assert text_of(allowed.content) == "noted"
    assert (folder / "notes").read_text(encoding="utf-8") == "tea"
    assert "can have effects" in approver.requests[0].reason
    assert '"text": "tea"' in approver.requests[0].shown


async def test_resources_are_listed_and_read(bench, host):
    listing = json.loads(text_of((await bench.call(host, "mcp_friendly_list_resources")).content))
    assert listing["resources"][0]["uri"] == "notes://today"
    assert listing["templates"][0]["uri_template"] == "notes://{day}"
    result = await bench.call(host, "mcp_friendly_read_resource", uri="notes://today")
    assert "Buy tea." in text_of(result.content)
    unknown = await bench.call(host, "mcp_friendly_read_resource", uri="other://x")
    assert unknown.is_error


async def test_the_tools_of_resources_can_be_switched_off_and_tools_left_out(bench, friendly):
    host = await bench.open(friendly={**friendly, "tools": {"include": ["e*"], "resources": False}})
    session = await host.start()
    assert [tool.name for tool in session.tools()] == ["mcp_friendly_echo"]


async def test_a_server_that_is_switched_off_offers_nothing(bench, friendly):
    host = await bench.open(friendly={**friendly, "enabled": False})
    assert (await host.start()).tools() == []


async def test_http_servers_work_the_same(bench, web_server):
    host = await bench.open(web={"url": web_server("friendly", "http")})
    assert json.loads(text_of((await bench.call(host, "mcp_web_add", a=1, b=1)).content)) == {"total": 2}
    assert "Buy tea." in text_of((await bench.call(host, "mcp_web_read_resource", uri="notes://today")).content)


async def test_prompts_are_slash_commands(bench, host, tmp_path):
    from hermes_mcp.slash import run_prompt

    from hermes_host.frontends import SlashCall
    from hermes_host.services import SlashCommands

    session = await host.start()
    found = [each for part in await host.services.all(SlashCommands) for each in await part.commands(session.context)]
    assert [(command.name, command.usage) for command in found] == [("mcp_friendly_review", "topic=… [tone=…]")]
    sent = []
    call = SlashCall(
        name="mcp_friendly_review", arguments="the plan tone=strict", host=host, session=session, submit=sent.append
    )
    with pytest.raises(Exception, match="It does not take 'plan'"):
        await run_prompt(call)
    call.arguments = "'the plan' tone=strict"
    await run_prompt(call)
    assert sent[0].text == "Review the plan in a strict tone."
    assert sent[0].provenance == "external"


async def test_nothing_is_imported_from_the_sdk_before_a_server_is_used(bench, friendly):
    await bench.open(friendly=friendly)
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom hermes_host.testing.hosts import StandInHost\n"
        "async def main():\n  async with StandInHost(Path(sys.argv[1]), plugins=['mcp']) as host:\n"
        "    host.script('x')\n    session = await host.start()\n    print(len(session.tools()))\n"
        "asyncio.run(main())\nprint([name for name in ('mcp', 'httpx2', 'anyio', 'pydantic') if name in sys.modules])"
    )
    output = _output(code, str(bench.home)).split("\n")
    assert output[0] == "8"
    assert "mcp" not in output[1]


async def test_a_server_that_offers_more_is_asked_for_its_list_again(bench, friendly):
    host = await bench.open(friendly=friendly)
    server = (await bench.servers(host)).get("friendly")
    learned = asyncio.Event()
    tell = server._told
    server._told = lambda *args: (tell(*args), learned.set() if args[2].tool("grown") else None)
    assert not (await bench.call(host, "mcp_friendly_grow")).is_error
    async with asyncio.timeout(10):
        await learned.wait()
    assert "mcp_friendly_grown" in [tool.name for tool in (await host.start()).tools()]


def _output(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
