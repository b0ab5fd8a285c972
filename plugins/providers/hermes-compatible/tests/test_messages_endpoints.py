"""Which endpoints speak messages, with which headers, errors and lists of models; and what each wire imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint, resolve
from hermes_compatible.plugin import hermes_providers
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider, connect

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConfigError,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    HermesError,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
    Unsupported,
)
from hermes_host.host import Host
from hermes_host.messages import user_message
from hermes_host.plugins import PluginRecord
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.registry import Contribution, Registry
from hermes_host.specs import ProviderSpec
from hermes_host.stream import MessageEnded
from hermes_host.testing import StandInHost, events_of, finished
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_messages import (
    events,
    failure,
    html_page,
    message_start,
    messages,
    models,
    text_block,
)

Make = Callable[..., CompatibleProvider]
KEY = "sk-ant-0123456789abcdef"
PRESETS = {spec.name: spec for spec in hermes_providers({})}


@pytest.fixture
def endpoint(tmp_path: Path) -> Callable[..., Endpoint]:
    """The endpoint of a provider with this configuration and environment."""

    def endpoint(name: str, config: str = "", **environ: str) -> Endpoint:
        (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
        made = Host(home=tmp_path, environ=environ, plugins=["compatible"])
        found = resolve(made.context("compatible"), made.providers.get(name).spec)
        assert not made.config.problems
        return found

    return endpoint


# ------------------------------------------------------------------------------------------------- who speaks what


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_say_what_they_speak(name: str) -> None:
    wire = PRESETS[name].options.get("wire", "chat")
    assert wire == ("messages" if name in ("anthropic", "minimax", "minimax-cn") else "chat")


@pytest.mark.parametrize(
    ("name", "variable", "address"),
    [
        ("minimax", "MINIMAX_API_KEY", "https://api.minimax.io/anthropic"),
        ("minimax-cn", "MINIMAX_CN_API_KEY", "https://api.minimaxi.com/anthropic"),
    ],
)
def test_minimax_takes_messages_with_a_bearer_key(endpoint: Any, name: str, variable: str, address: str) -> None:
    found = endpoint(name, **{variable: KEY})
    assert (found.wire, found.base_url, found.quirks.key_header) == ("messages", address, "bearer")


def test_anthropic_takes_its_key_in_a_header_of_its_own_and_a_token_as_bearer(endpoint: Any) -> None:
    assert endpoint("anthropic", ANTHROPIC_API_KEY=KEY).quirks.key_header == "x-api-key"
    found = endpoint("claude", ANTHROPIC_TOKEN="token-0123456789")
    assert (found.key, found.quirks.key_header) == ("token-0123456789", "bearer")


@pytest.mark.parametrize(
    ("address", "wire", "base"),
    [
        ("https://m.example/anthropic", "messages", "https://m.example/anthropic"),
        ("https://m.example/api/anthropic/", "messages", "https://m.example/api/anthropic"),
        ("https://m.example/anthropic/v1", "messages", "https://m.example/anthropic"),
        ("https://m.example/v1/messages", "messages", "https://m.example"),
        ("https://m.example/v1", "chat", "https://m.example/v1"),
        ("https://m.example/anthropic/chat/completions", "chat", "https://m.example/anthropic"),
        ("https://anthropic.example/v1", "chat", "https://anthropic.example/v1"),
        ("https://m.example/anthropics", "chat", "https://m.example/anthropics"),
    ],
)
@pytest.mark.parametrize("kind", ["custom", "named", "variable"])
def test_the_end_of_an_address_tells_what_is_spoken_there(
    endpoint: Any, kind: str, address: str, wire: str, base: str
) -> None:
    found = {
        "custom": lambda: endpoint("custom", f"compatible: {{custom: {{base_url: '{address}'}}}}"),
        "named": lambda: endpoint("mine", f"custom_providers: [{{name: mine, base_url: '{address}'}}]"),
        "variable": lambda: endpoint("custom", OPENAI_BASE_URL=address),
    }[kind]()
    assert (found.wire, found.base_url) == (wire, base)


@pytest.mark.parametrize(
    ("mode", "wire", "base"),
    [
        ("anthropic_messages", "messages", "http://127.0.0.1:9"),
        ("chat_completions", "chat", "http://127.0.0.1:9/v1"),
        ("''", "chat", "http://127.0.0.1:9/v1"),
    ],
)
@pytest.mark.parametrize("kind", ["model", "custom", "named"])
def test_a_setting_decides_over_the_address(endpoint: Any, kind: str, mode: str, wire: str, base: str) -> None:
    what = f"base_url: 'http://127.0.0.1:9/v1', api_mode: {mode}"
    found = {
        "model": lambda: endpoint("custom", f"model: {{{what}}}"),
        "custom": lambda: endpoint("custom", f"compatible: {{custom: {{{what}}}}}"),
        "named": lambda: endpoint("mine", f"custom_providers: [{{name: mine, {what}}}]"),
    }[kind]()
    assert (found.wire, found.base_url) == (wire, base)


def test_what_the_model_section_says_of_its_address_holds_for_no_other(endpoint: Any) -> None:
    config = """
model: {base_url: "https://a.example/anthropic", api_mode: anthropic_messages}
compatible: {custom: {base_url: "https://b.example/v1"}}
"""
    assert endpoint("custom", config).wire == "chat"


def test_a_vendor_s_other_address_may_speak_the_other_wire(endpoint: Any) -> None:
    config = "compatible: {providers: {deepseek: {base_url: 'https://api.deepseek.com/anthropic'}}}"
    found = endpoint("deepseek", config, DEEPSEEK_API_KEY=KEY)
    assert (found.wire, found.key) == ("messages", KEY)
    config = "compatible: {providers: {minimax: {base_url: 'https://api.minimax.io/v1', api_mode: chat_completions}}}"
    found = endpoint("minimax", config, MINIMAX_API_KEY=KEY)
    assert (found.wire, found.base_url, found.quirks.think_tags) == ("chat", "https://api.minimax.io/v1", True)


def test_a_wire_of_another_plugin_is_named_with_what_to_do(endpoint: Any) -> None:
    with pytest.raises(ConfigError, match="codex_responses.*chat_completions or anthropic_messages"):
        endpoint("custom", "model: {base_url: 'https://a.example/v1', api_mode: codex_responses}")


def test_a_key_of_the_vendor_goes_to_no_other_host_in_this_wire_either(endpoint: Any) -> None:
    config = "compatible: {providers: {anthropic: {base_url: 'https://evil.example/anthropic'}}}"
    with pytest.raises(AuthFailed):
        endpoint("anthropic", config, ANTHROPIC_API_KEY=KEY)


def test_the_sdk_plugin_goes_before_and_this_one_serves_where_it_is_not() -> None:
    ours, theirs = PluginRecord("compatible", "x"), PluginRecord("anthropic", "y")
    own = Contribution("providers", PRESETS["anthropic"], ours)
    other = ProviderSpec(name="anthropic", summary="With the SDK", target="x:y", aliases=("claude",))
    both = Registry("providers", [own, Contribution("providers", other, theirs)])
    assert both.get("anthropic").plugin == both.get("claude").plugin == "anthropic"
    assert not ours.problems
    assert not theirs.problems
    assert Registry("providers", [own]).get("claude").plugin == "compatible"


def test_in_a_host_with_both_plugins_nothing_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("hermes_anthropic")
    host = Host(home=tmp_path, environ={"ANTHROPIC_API_KEY": KEY}, plugins=["compatible", "anthropic"])
    assert host.providers.get("anthropic").plugin == "anthropic"
    assert not [problem for record in host.plugins.records for problem in record.problems]


# --------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("quirks", "key", "sent"),
    [
        (Quirks(), KEY, {"x-api-key": KEY}),
        (Quirks(key_header="bearer"), KEY, {"authorization": f"Bearer {KEY}"}),
        (Quirks(), "", {}),
    ],
)
async def test_the_key_is_in_one_header_and_the_version_is_named(
    make_messages: Make, ask: Any, server: ModelServer, quirks: Quirks, key: str, sent: dict[str, str]
) -> None:
    await ask(make_messages(messages("x"), quirks=quirks, key=key))
    (request,) = server.requests
    assert request.path == "/v1/messages"
    assert {name: request.headers[name] for name in ("x-api-key", "authorization") if name in request.headers} == sent
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in request.headers


async def test_betas_of_the_user_and_the_preset_are_named_together(
    make_messages: Make, ask: Any, server: ModelServer
) -> None:
    quirks = Quirks(drops_unbound_thinking=True)
    await ask(make_messages(messages("x"), quirks=quirks, headers={"Anthropic-Beta": "mine-2026-01-01"}))
    named = server.requests[0].headers["anthropic-beta"].split(",")
    assert named == ["mine-2026-01-01", "thinking-binding-controls-2026-08-01"]


# ---------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(401, "invalid x-api-key"), AuthFailed),
        (failure(403, "no"), AuthFailed),
        (failure(402, "no"), RateLimited),
        (failure(400, "Your credit balance is too low to access the Anthropic API."), RateLimited),
        (failure(429, "no"), RateLimited),
        (failure(400, "messages: at least one message is required"), BadRequest),
        (failure(400, "prompt is too long: 208310 tokens > 200000 maximum"), ContextTooLong),
        (failure(400, "input length and `max_tokens` exceed context limit: 1 + 2 > 3"), ContextTooLong),
        (failure(413, "Request exceeds the maximum size"), ContextTooLong),
        (failure(400, "Output blocked by content filtering policy"), ContentRefused),
        (failure(404, "model: claude-x"), BadRequest),
        (failure(408, "no"), Overloaded),
        (failure(500, "no"), Overloaded),
        (failure(504, "no"), Overloaded),
        (failure(529, "Overloaded"), Overloaded),
        (html_page(502, "Bad gateway"), Overloaded),
    ],
)
async def test_a_status_is_raised_as_its_class(
    make_messages: Make, ask: Any, answer: Answer, kind: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(make_messages(answer))
    assert type(caught.value) is kind
    assert caught.value.status == answer.status


async def test_the_limit_of_the_model_is_read_from_the_words(make_messages: Make, ask: Any) -> None:
    with pytest.raises(ContextTooLong) as caught:
        await ask(make_messages(failure(400, "prompt is too long: 208310 tokens > 200000 maximum")))
    assert caught.value.limit == 200_000


@pytest.mark.parametrize("status", [429, 529])
async def test_the_time_to_wait_is_told(make_messages: Make, ask: Any, status: int) -> None:
    with pytest.raises((RateLimited, Overloaded)) as caught:
        await ask(make_messages(failure(status, "later", headers={"retry-after": "7"})))
    assert caught.value.retry_after == 7.0  # type: ignore[attr-defined]


async def test_a_key_that_the_vendor_repeats_does_not_show(make_messages: Make, ask: Any) -> None:
    with pytest.raises(AuthFailed) as caught:
        await ask(make_messages(failure(401, f"bad key {KEY}"), key=KEY))
    assert KEY not in str(caught.value)


async def test_a_refused_key_in_a_config_file_tells_of_the_other_header(make_messages: Make, ask: Any) -> None:
    with pytest.raises(AuthFailed, match="key_header: bearer"):
        await ask(make_messages(failure(401, "no"), key_name="api_key of mine in custom_providers"))


async def test_an_address_without_messages_is_told_from_an_unknown_model(make_messages: Make, ask: Any) -> None:
    with pytest.raises(BadRequest, match="no Messages API at .*without /v1"):
        await ask(make_messages(Answer(pieces=[b"Not Found"], status=404, framing="length")))
    with pytest.raises(BadRequest, match="has no model"):
        await ask(make_messages(failure(404, "model: claude-x")))


# ---------------------------------------------------------------------------------------------------------- models


async def listed(pages: list[Answer]) -> tuple[list[ModelInfo], ModelServer]:
    paths = ["/v1/models", *(f"/v1/models?after_id=m{number}" for number in range(1, len(pages)))]
    async with ModelServer(pages=dict(zip(paths, pages, strict=True))) as server:
        endpoint = Endpoint(provider="acme", base_url=server.origin, wire="messages", key=KEY)
        provider = CompatibleProvider(endpoint)
        try:
            return list(await provider.models()), server
        finally:
            await provider.aclose()


async def test_models_are_listed_with_their_names_and_limits() -> None:
    found, server = await listed([models("claude-opus-5-5")])
    assert found == [ModelInfo(id="claude-opus-5-5", name="Claude Opus 5 5", context=1_000_000, max_output=128_000)]
    assert server.lookups[0].headers["x-api-key"] == KEY
    assert server.lookups[0].headers["anthropic-version"] == "2023-06-01"


async def test_all_pages_of_the_list_are_read() -> None:
    found, server = await listed([models("b", "m1", more=True), models("a", "m2", more=True), models("c")])
    assert [model.id for model in found] == ["a", "b", "c", "m1", "m2"]
    assert len(server.lookups) == 3


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (failure(401, "no"), AuthFailed),
        (failure(404, "no"), Unsupported),
        (failure(400, "no"), BadRequest),
        (html_page(), InvalidResponse),
        (json_answer({"data": "none"}), InvalidResponse),
    ],
)
async def test_a_failed_list_is_an_error(page: Answer, kind: type[HermesError]) -> None:
    with pytest.raises(kind):
        await listed([page])


# ----------------------------------------------------------------------------------------------------- connections


async def test_fifty_requests_use_one_connection(make_messages: Make, ask: Any, server: ModelServer) -> None:
    provider = make_messages(*[messages("x") for _ in range(50)])
    for _ in range(50):
        await ask(provider)
    assert (len(server.requests), server.connections) == (50, 1)


async def test_a_consumer_that_stops_at_the_last_event_frees_the_connection(
    make_messages: Make, server: ModelServer
) -> None:
    provider = make_messages(*[messages("x") for _ in range(5)])
    for _ in range(5):
        async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
            if isinstance(event, MessageEnded):
                break
    assert server.connections == 1


async def test_a_silent_stream_is_given_up_after_the_read_timeout(
    make_messages: Make, ask: Any, server: ModelServer
) -> None:
    silent = events(message_start(), text_block(0, "half")[:-1], Pause.HOLD)
    with pytest.raises(ConnectionLost, match="silent") as lost:
        await ask(make_messages(silent, read_timeout=0.05))
    assert lost.value.partial
    await server.requests[0].gone.wait()


async def test_a_turn_with_a_tool_in_a_real_host(tmp_path: Path, server: ModelServer) -> None:
    from hermes_host.messages import Reasoning, ToolCall

    (tmp_path / "config.yaml").write_text(
        f"""
model: {{provider: custom, default: m, base_url: "{server.url}", api_key: {KEY}, api_mode: anthropic_messages}}
""",
        encoding="utf-8",
    )
    assert server.script is not None
    server.script += [
        messages(Reasoning(text="2 + 3"), "Let me add.", ToolCall(id="c1", name="add", arguments={"a": 2, "b": 3})),
        messages("It is 5."),
    ]
    async with StandInHost(tmp_path, plugins=["compatible"]) as host:

        @host.tool(effects={"read"})
        def add(a: int, b: int) -> str:
            """Add two numbers."""
            return str(a + b)

        session = await host.start()
        ended = finished(await events_of(session.run("What is 2 + 3?")))
    assert (ended.outcome, ended.text) == ("completed", "It is 5.")
    second = server.requests[1].json["messages"]
    assert [block["type"] for block in second[1]["content"]] == ["thinking", "text", "tool_use"]
    assert second[2]["content"][0]["content"][0]["text"] == "5"
    assert server.connections == 1


# --------------------------------------------------------------------------------------------------------- imports


@pytest.mark.parametrize(
    ("wire", "foreign"),
    [
        ("chat", "hermes_compatible.messages"),
        (
            "messages",
            "hermes_compatible.assembly hermes_compatible.answer hermes_compatible.body hermes_compatible.calls "
            "hermes_compatible.parts hermes_compatible.thinking hermes_compatible.wire",
        ),
    ],
)
def test_nothing_of_a_wire_is_imported_for_the_other(wire: str, foreign: str) -> None:
    code = f"""
import asyncio, sys
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider
from hermes_host.errors import ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
provider = CompatibleProvider(Endpoint(provider="x", base_url="http://127.0.0.1:9", wire={wire!r}))
async def main():
    async for _ in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
        pass
try:
    asyncio.run(main())
except ConnectionLost:
    pass
foreign = {{*{foreign!r}.split(), "anthropic", "openai", "httpx2"}}
print(sorted(foreign & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_preset_that_speaks_messages_can_be_made(tmp_path: Path) -> None:
    environ = {"MINIMAX_API_KEY": KEY, "MINIMAX_CN_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    host = Host(home=tmp_path, environ=environ, plugins=["compatible"])
    for name in ("minimax", "minimax-cn", "anthropic"):
        assert connect(host.context("compatible"), host.providers.get(name).spec).endpoint.wire == "messages"
