"""How the SDK is used: imported beside the event loop, one connection for a conversation, nothing of its own accord."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from hermes_host.errors import ConfigError, ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import PartDelta
from hermes_host.testing.model_server import ModelServer, Pause
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_responses import events, failure, message_item, responses
from hermes_host.testing.model_server_responses_events import item_added, text_delta

Make = Callable[..., Any]


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_a_conversation_takes_one_connection(make: Make, ask: Any, server: ModelServer, api: str) -> None:
    build = chat if api == "chat" else responses
    provider = await make(*(build(f"answer {n}") for n in range(50)), api=api)
    for _ in range(50):
        await ask(provider, session_id="s")
    assert server.connections == 1


async def test_a_failure_keeps_the_connection(make: Make, ask: Any, server: ModelServer) -> None:
    provider = await make(failure(429), responses("x"))
    with pytest.raises(Exception, match="429"):
        await ask(provider)
    await ask(provider)
    assert server.connections == 1


async def test_many_sessions_ask_at_once(make: Make, ask: Any, server: ModelServer) -> None:
    held = [events(item_added(message_item()), text_delta("x"), Pause.HOLD, *_end("x")) for _ in range(20)]
    provider = await make(*held)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(provider, session_id=str(n))) for n in range(20)]
        await server.holds(20)
        server.release()
    assert {task.result().message.text for task in tasks} == {"x"}


async def test_the_key_goes_out_once_and_as_the_vendor_wants_it(make: Make, ask: Any, server: ModelServer) -> None:
    await ask(await make(responses("x"), headers={"x-team": "a"}))
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    assert headers["content-type"] == "application/json" and headers["accept"] == "text/event-stream"
    assert headers["x-team"] == "a"


async def test_the_environment_adds_nothing_to_a_request(
    make: Make, ask: Any, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads variables of its own, whatever address it is made for."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-leak")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-leak")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-leak")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/leak")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: leak\nX-Other: leak")
    await ask(await make(responses("x")))
    assert "leak" not in str(server.requests[0].headers)
    await ask(await make(responses("x"), organization="org-a", project="proj-b"))
    assert server.requests[1].headers["openai-organization"] == "org-a"
    assert server.requests[1].headers["openai-project"] == "proj-b"


async def test_a_redirect_is_not_followed(make: Make, ask: Any, server: ModelServer) -> None:
    from hermes_host.testing.model_server import Answer

    async with ModelServer([responses("stolen")]) as other:
        answer = Answer(status=307, headers={"location": f"{other.url}/responses"}, framing="length")
        with pytest.raises(Exception, match="redirects"):
            await ask(await make(answer))
        assert other.requests == []


async def test_the_time_for_the_whole_answer_is_kept(make: Make) -> None:
    provider = await make(events(item_added(message_item()), text_delta("a"), text_delta("b"), Pause.HOLD))
    request = ModelRequest(model="m", messages=[user_message("hi")], timeout=0.05)
    with pytest.raises(ConnectionLost) as lost:
        async with asyncio.timeout(5):
            async for event in provider.stream(request):
                if isinstance(event, PartDelta) and event.text == "a":
                    await asyncio.sleep(0.06)
    assert lost.value.partial


# ------------------------------------------------------------------------------------------------------------- Azure


@pytest.mark.parametrize(
    ("api", "version", "path"),
    [
        ("", "", "/openai/v1/responses"),
        ("chat", "", "/openai/v1/chat/completions"),
        ("", "2025-04-01-preview", "/openai/responses?api-version=2025-04-01-preview"),
        ("chat", "2024-10-21", "/openai/deployments/my%20fast/chat/completions?api-version=2024-10-21"),
    ],
)
async def test_azure_is_asked_at_its_own_paths(make: Make, ask: Any, api: str, version: str, path: str) -> None:
    answer = chat("ok") if api == "chat" else responses("ok")
    async with ModelServer([answer, answer]) as azure:
        for token in (False, True):
            provider = await make(
                provider="azure",
                base_url=f"{azure.origin}/openai" if version else f"{azure.origin}/openai/v1",
                azure_endpoint=azure.origin if version else "",
                api_version=version,
                token=token,
                api=api,
                is_vendor=True,
                deployments={"my fast": "gpt-5.4-mini"},
            )
            await ask(provider, model="gpt-5.4-mini")
        by_key, by_token = azure.requests
    assert by_key.path == path and by_key.json["model"] == "my fast"
    assert ("api-key" in by_key.headers) == bool(version)
    assert by_token.headers["authorization"] == "Bearer sk-test-0123456789abcdef"


# ------------------------------------------------------------------------------------------------------------ import


def test_the_sdk_is_imported_when_it_is_first_used_and_beside_the_event_loop() -> None:
    program = """
        import asyncio, sys, time
        from pathlib import Path
        from hermes_host.context import PluginContext
        from hermes_host.errors import ConnectionLost
        from hermes_openai.plugin import hermes_providers
        from hermes_openai.provider import connect
        from hermes_openai.settings import AzureSettings, Settings

        assert "openai" not in sys.modules and "httpx2" not in sys.modules, "imported too early"

        async def main():
            sections = {"openai": Settings(base_url="http://127.0.0.1:9/v1"), "azure": AzureSettings()}
            context = PluginContext("openai", home=Path("."), section=sections)
            spec = next(iter(hermes_providers()))
            begun = time.perf_counter()
            provider = connect(context, spec)
            assert time.perf_counter() - begun < 0.1, "it waited for the import"
            asking = asyncio.create_task(provider.models())
            turns = 0
            while not asking.done():
                turns += 1
                await asyncio.sleep(0)
            print(turns)
            assert isinstance(asking.exception(), ConnectionLost), asking.exception()
            await provider.aclose()

        asyncio.run(main())
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20, "the event loop stood still"


def test_a_process_ends_without_waiting_for_the_import() -> None:
    program = """
        import sys, threading
        from pathlib import Path
        from hermes_host.context import PluginContext
        from hermes_openai.plugin import hermes_providers
        from hermes_openai.provider import connect
        from hermes_openai.settings import AzureSettings, Settings

        sections = {"openai": Settings(base_url="http://127.0.0.1:9/v1"), "azure": AzureSettings()}
        connect(PluginContext("openai", home=Path("."), section=sections), next(iter(hermes_providers())))
        assert [thread.daemon for thread in threading.enumerate() if "openai" in thread.name] in ([True], [])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


async def test_a_file_of_certificates_that_is_not_there_is_named(make: Make, ask: Any) -> None:
    provider = await make(ca_bundle="/does/not/exist.pem")
    for _ in range(2):
        with pytest.raises(ConfigError, match="ca_bundle"):
            await ask(provider)


def _end(text: str) -> tuple[dict[str, Any], ...]:
    from hermes_host.testing.model_server_responses import response

    return ({"type": "response.completed", "response": response(message_item(text))},)
