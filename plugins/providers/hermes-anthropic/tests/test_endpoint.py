"""Where requests go and which key goes along, through a real host with real settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hermes_anthropic.checks import key
from hermes_anthropic.endpoint import VENDOR_URL, Endpoint, resolve
from hermes_anthropic.provider import AnthropicProvider

from hermes_host.config import Secret
from hermes_host.errors import AuthFailed, ConfigError
from hermes_host.host import Host
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import fold
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_messages import messages

KEY = "sk-ant-0123456789abcdef"
OWN = "own-0123456789abcdef"

Make = Callable[..., Host]


@pytest.fixture
def host(tmp_path: Path) -> Make:
    def make(config: str = "", **environ: str) -> Host:
        (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
        return Host(home=tmp_path, environ=environ, plugins=["anthropic"])

    return make


def endpoint(host: Host) -> Endpoint:
    assert host.providers.get("claude").name == "anthropic"
    assert not host.config.problems
    return resolve(host.context("anthropic"))


def test_the_key_goes_to_the_vendor(host: Make) -> None:
    found = endpoint(host(ANTHROPIC_API_KEY=KEY))
    assert (found.base_url, found.key, found.token, found.key_name) == (VENDOR_URL, KEY, "", "ANTHROPIC_API_KEY")
    assert found.is_vendor and KEY not in repr(found)


def test_a_token_serves_where_there_is_no_key(host: Make) -> None:
    assert endpoint(host(ANTHROPIC_TOKEN=KEY)).token == KEY
    both = endpoint(host(ANTHROPIC_TOKEN=KEY, ANTHROPIC_API_KEY=OWN))
    assert (both.key, both.token) == (OWN, "")


@pytest.mark.parametrize("value", ["", "***", "changeme", "abc", "your-api-key"])
def test_a_missing_key_is_reported_with_what_to_do(host: Make, value: str) -> None:
    with pytest.raises(AuthFailed, match="hermes config set ANTHROPIC_API_KEY"):
        endpoint(host(ANTHROPIC_API_KEY=value))


def test_credentials_of_other_programs_are_not_used(host: Make, tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / ".credentials.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AuthFailed):
        endpoint(host(HOME=str(tmp_path), CLAUDE_CODE_OAUTH_TOKEN=KEY, ANTHROPIC_AUTH_TOKEN=KEY))


@pytest.mark.parametrize(
    "address",
    [
        "https://gateway.example.org",
        "http://api.anthropic.com",
        "https://api.anthropic.com:8443",
        "https://api.anthropic.com.example.org",
    ],
)
def test_the_vendors_key_goes_nowhere_else(host: Make, address: str) -> None:
    with pytest.raises(AuthFailed, match=r"anthropic\.api_key"):
        endpoint(host(f"anthropic: {{base_url: '{address}'}}", ANTHROPIC_API_KEY=KEY))
    own = endpoint(host(f"anthropic: {{base_url: '{address}', api_key: {OWN}}}", ANTHROPIC_API_KEY=KEY))
    assert (own.base_url, own.key, own.is_vendor) == (address, OWN, False)


def test_a_server_on_this_machine_gets_no_key_of_the_vendor(host: Make) -> None:
    found = endpoint(host("anthropic: {base_url: 'http://127.0.0.1:8080/v1/messages'}", ANTHROPIC_API_KEY=KEY))
    assert found.base_url == "http://127.0.0.1:8080" and KEY not in (found.key, found.token)


@pytest.mark.parametrize(
    "address", ["example.org", "ftp://example.org", "https://user:pw@example.org", "http://[::1", "https://a.example:b"]
)
def test_an_address_that_cannot_be_used_is_refused(host: Make, address: str) -> None:
    with pytest.raises(ConfigError):
        endpoint(host(f"anthropic: {{base_url: '{address}', api_key: {OWN}}}"))


async def test_what_is_sent_bears_this_key_and_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-gateway: of-the-environment\nauthorization: environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    request = ModelRequest(model="m", messages=[user_message("x")])
    async with ModelServer([messages("x"), messages("x")]) as server:
        for found in (Endpoint(base_url=server.origin, key=KEY), Endpoint(base_url=server.origin, token=OWN)):
            provider = AnthropicProvider(found)
            await fold(provider.stream(request))
            await provider.aclose()
        first, second = (received.headers for received in server.requests)
    assert KEY in str(first) and OWN in str(second)
    assert "environment" not in str([first, second])
    assert first["user-agent"].startswith("AsyncAnthropic/") and "anthropic-beta" not in first


async def test_betas_that_are_set_are_asked_for() -> None:
    from hermes_anthropic.settings import Settings

    async with ModelServer([messages("x")]) as server:
        settings = Settings(betas=["one-2026", "two-2026"], api_key=Secret(OWN))
        provider = AnthropicProvider(Endpoint(base_url=server.origin, key=OWN, settings=settings))
        await fold(provider.stream(ModelRequest(model="m", messages=[user_message("x")])))
        await provider.aclose()
        assert server.requests[0].headers["anthropic-beta"] == "one-2026,two-2026"


# ----------------------------------------------------------------------------------------------------------- doctor


@pytest.mark.parametrize(
    ("config", "environ", "status"),
    [
        ("", {}, "ok"),
        ("", {"ANTHROPIC_API_KEY": KEY}, "ok"),
        ("", {"ANTHROPIC_API_KEY": "changeme"}, "warning"),
        ("anthropic: {base_url: 'https://gateway.example.org'}", {"ANTHROPIC_API_KEY": KEY}, "warning"),
        ("anthropic: {base_url: nonsense}", {}, "error"),
    ],
)
async def test_the_check_tells_whether_there_is_a_key_and_not_which(
    host: Make, config: str, environ: dict[str, str], status: str
) -> None:
    made = host(config, **environ)
    assert made.providers.get("anthropic").spec.secrets
    (found,) = await key(made.context("anthropic"))
    assert found.status == status
    assert KEY not in str(found)
