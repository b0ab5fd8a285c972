"""Where requests go and which key goes along, through a real host with real settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_compatible.checks import keys
from hermes_compatible.endpoint import Endpoint, resolve
from hermes_compatible.plugin import hermes_providers
from hermes_compatible.provider import connect

from hermes_host.config import Secret, is_dummy_key
from hermes_host.config.sections import ModelSection
from hermes_host.context import PluginContext
from hermes_host.errors import AuthFailed, ConfigError
from hermes_host.host import Host

KEY = "sk-0123456789abcdef"

Resolve = Callable[..., Endpoint]

PRESETS = {spec.name: spec for spec in hermes_providers({}) if spec.name != "custom"}


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., Host]:
    def make(config: str = "", **environ: str) -> Host:
        (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
        return Host(home=tmp_path, environ=environ, plugins=["compatible"])

    return make


@pytest.fixture
def endpoint(host: Callable[..., Host]) -> Resolve:
    """The endpoint of a provider with this configuration and environment."""

    def endpoint(name: str, config: str = "", **environ: str) -> Endpoint:
        made = host(config, **environ)
        spec = made.providers.get(name).spec
        assert not made.config.problems
        return resolve(made.context("compatible"), spec)

    return endpoint


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_finds_its_key_and_its_address(name: str, endpoint: Resolve) -> None:
    preset = PRESETS[name]
    for variable in preset.secrets:
        found = endpoint(name, **{variable: KEY})
        assert (found.base_url, found.key, found.key_name) == (preset.options["base_url"], KEY, variable)
    if not preset.secrets:
        assert endpoint(name).key == ""
        assert endpoint(name).base_url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.secrets])
def test_a_missing_key_is_reported_with_variable_address_and_command(name: str, endpoint: Resolve) -> None:
    preset = PRESETS[name]
    with pytest.raises(AuthFailed) as failed:
        endpoint(name)
    text = str(failed.value)
    assert preset.secrets[0] in text and preset.url in text
    assert f"hermes config set {preset.secrets[0]}" in text


def test_the_first_variable_with_a_real_key_is_taken(endpoint: Resolve) -> None:
    assert endpoint("zai", GLM_API_KEY="***", ZAI_API_KEY=KEY).key_name == "ZAI_API_KEY"


@pytest.mark.parametrize(
    "value", ["", "***", "********", "changeme", "CHANGEME", "dummy", "abc", "  x  ", "your-api-key"]
)
def test_placeholders_count_as_no_key(value: str, endpoint: Resolve) -> None:
    assert is_dummy_key(value)
    with pytest.raises(AuthFailed):
        endpoint("groq", GROQ_API_KEY=value)


def test_aliases_name_the_same_provider(host: Callable[..., Host]) -> None:
    providers = host().providers
    for preset in PRESETS.values():
        for alias in preset.aliases:
            assert providers.get(alias).name == preset.name


def test_names_and_aliases_are_unique() -> None:
    names = [name for preset in hermes_providers({}) for name in (preset.name, *preset.aliases)]
    assert len(names) == len(set(names))


def test_a_kind_of_key_may_have_an_address_of_its_own(endpoint: Resolve) -> None:
    assert endpoint("kimi", KIMI_API_KEY="sk-kimi-0123").base_url == "https://api.kimi.com/coding/v1"


# ------------------------------------------------------------------------------------- keys stay with their vendors


def test_a_vendor_s_key_goes_to_the_vendor_s_other_hosts(endpoint: Resolve) -> None:
    found = endpoint("zai", GLM_API_KEY=KEY, GLM_BASE_URL="https://open.bigmodel.cn/api/paas/v4")
    assert (found.base_url, found.key) == ("https://open.bigmodel.cn/api/paas/v4", KEY)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "http://openrouter.ai/api/v1",
        "https://openrouter.ai.evil.example/v1",
        "https://openrouter.ai:8443/api/v1",
        "https://evil.example/openrouter.ai/v1",
        "https://openrouter.ai@evil.example/v1",
    ],
    ids=["another host", "without TLS", "a longer host", "another port", "in the path", "as a user name"],
)
def test_a_vendor_s_key_is_not_sent_to_another_address(address: str, endpoint: Resolve) -> None:
    with pytest.raises((AuthFailed, ConfigError)) as failed:
        endpoint("openrouter", OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL=address)
    assert KEY not in str(failed.value)
    with pytest.raises((AuthFailed, ConfigError)):
        endpoint(
            "openrouter",
            f"compatible: {{providers: {{openrouter: {{base_url: '{address}'}}}}}}",
            OPENROUTER_API_KEY=KEY,
        )


def test_a_key_set_without_an_address_does_not_follow_an_address_from_the_environment(endpoint: Resolve) -> None:
    config = f"compatible: {{providers: {{openrouter: {{api_key: {KEY}}}}}}}"
    assert endpoint("openrouter", config).key == KEY
    with pytest.raises(AuthFailed):
        endpoint("openrouter", config, OPENROUTER_BASE_URL="https://evil.example/v1")


def test_an_address_of_one_s_own_takes_the_key_beside_it(endpoint: Resolve) -> None:
    config = "compatible: {providers: {openrouter: {base_url: 'https://proxy.example/v1', api_key: '${PROXY_KEY}'}}}"
    found = endpoint("openrouter", config, OPENROUTER_API_KEY=KEY, PROXY_KEY="proxy-key-1234")
    assert (found.base_url, found.key) == ("https://proxy.example/v1", "proxy-key-1234")


def test_an_address_on_this_machine_needs_no_key_and_gets_none(endpoint: Resolve) -> None:
    found = endpoint("openrouter", OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL="http://127.0.0.1:4000/v1")
    assert (found.base_url, found.key) == ("http://127.0.0.1:4000/v1", "")


def test_a_local_server_elsewhere_gets_only_the_key_set_beside_its_address(endpoint: Resolve) -> None:
    there = {"OLLAMA_BASE_URL": "https://ollama.example/v1"}
    assert endpoint("ollama", **there).base_url == "https://ollama.example/v1"
    assert endpoint("ollama", f"compatible: {{providers: {{ollama: {{api_key: {KEY}}}}}}}", **there).key == ""
    config = f"compatible: {{providers: {{ollama: {{base_url: 'https://ollama.example/v1', api_key: {KEY}}}}}}}"
    assert endpoint("ollama", config).key == KEY


def test_openrouter_does_not_take_openai_s_key(endpoint: Resolve) -> None:
    with pytest.raises(AuthFailed):
        endpoint("openrouter", OPENAI_API_KEY=KEY)


def test_no_key_is_shown_by_repr(endpoint: Resolve, host: Callable[..., Host]) -> None:
    made = host("compatible: {headers: {x-key: header-secret-1}}", GROQ_API_KEY=KEY)
    provider = connect(made.context("compatible"), made.providers.get("groq").spec)
    shown = repr(provider) + repr(provider.endpoint) + str(provider.endpoint)
    assert KEY not in shown and "header-secret-1" not in shown


# --------------------------------------------------------------------------------------------------------- custom


def test_custom_takes_address_and_key_from_the_environment(endpoint: Resolve) -> None:
    found = endpoint("custom", OPENAI_BASE_URL="https://models.example/v1/", OPENAI_API_KEY=KEY)
    assert (found.base_url, found.key) == ("https://models.example/v1", KEY)


def test_custom_without_an_address_says_how_to_set_one(endpoint: Resolve) -> None:
    with pytest.raises(ConfigError, match="hermes config set model.base_url URL"):
        endpoint("custom", OPENAI_API_KEY=KEY)


def test_custom_s_own_address_takes_only_its_own_key(endpoint: Resolve) -> None:
    config = "compatible: {custom: {base_url: 'https://models.example/v1'%s}}"
    assert endpoint("custom", config % "", OPENAI_API_KEY=KEY).key == ""
    assert endpoint("custom", config % ", api_key: own-key-1234", OPENAI_API_KEY=KEY).key == "own-key-1234"


def test_the_official_host_takes_openai_s_key_wherever_the_address_is_set(endpoint: Resolve) -> None:
    config = "compatible: {custom: {base_url: 'https://api.openai.com/v1'}}"
    assert endpoint("custom", config, OPENAI_API_KEY=KEY).key == KEY


@pytest.mark.parametrize(
    ("section", "variable", "key"),
    [
        (
            ModelSection(base_url="https://models.example/v1", api_key=Secret("model-key-1")),
            "https://other.example/v1",
            "model-key-1",
        ),
        (ModelSection(base_url="https://models.example/v1"), "https://models.example/v1", KEY),
        (ModelSection(base_url="https://models.example/v1"), "https://other.example/v1", ""),
        (ModelSection(base_url="https://models.example/v1"), "", ""),
    ],
    ids=["its own key", "the environment's for the same host", "not another host's", "not the vendor's"],
)
def test_custom_takes_the_model_section_and_no_key_that_belongs_elsewhere(
    section: ModelSection, variable: str, key: str, tmp_path: Path
) -> None:
    from hermes_compatible.settings import Settings

    context = PluginContext(
        "compatible",
        home=tmp_path,
        section={"compatible": Settings(), "model": section},
        secret={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": variable}.__getitem__,
        declared_secrets=frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL"}),
    )
    (spec,) = [spec for spec in hermes_providers({}) if spec.name == "custom"]
    found = resolve(context, spec)
    assert (found.base_url, found.key) == ("https://models.example/v1", key)


@pytest.mark.parametrize(
    "address", ["models.example/v1", "ftp://models.example", "http://", "http://[", "https://u:p@h/v1"]
)
def test_an_address_that_cannot_be_used_is_refused(address: str, endpoint: Resolve) -> None:
    with pytest.raises(ConfigError) as failed:
        endpoint("custom", OPENAI_BASE_URL=address)
    assert "u:p" not in str(failed.value)


def test_the_whole_url_of_the_method_is_taken_as_well(endpoint: Resolve) -> None:
    found = endpoint("custom", OPENAI_BASE_URL="https://models.example/v1/chat/completions")
    assert found.base_url == "https://models.example/v1"


NAMED = """
custom_providers:
  - name: mine
    base_url: http://127.0.0.1:9/v1
    api_key: ${MINE}
    model: big
    models:
      big: {context_length: 8000}
      small: {}
    headers: {x-team: seven}
"""


async def test_named_endpoints_are_providers_of_that_name(host: Callable[..., Host], endpoint: Resolve) -> None:
    found = endpoint("mine", NAMED, MINE="mine-key-1234")
    assert (found.base_url, found.key, dict(found.headers)) == (
        "http://127.0.0.1:9/v1",
        "mine-key-1234",
        {"x-team": "seven"},
    )
    made = host(NAMED)
    spec = made.providers.get("mine").spec
    assert spec.default_model == "big"
    models = await connect(made.context("compatible"), spec).models()
    assert [(model.id, model.context) for model in models] == [("big", 8000), ("small", 0)]


def test_a_named_endpoint_may_say_how_it_differs(endpoint: Resolve) -> None:
    config = "custom_providers: [{name: mine, base_url: 'http://127.0.0.1:9/v1', quirks: {echo: reasoning_content}}]"
    assert endpoint("mine", config).quirks.echo == "reasoning_content"


@pytest.mark.parametrize("entries", ["text", "[1, {}, {name: 3}, {name: ''}]", "{name: x}", "[]"])
def test_malformed_named_endpoints_do_no_harm_to_the_others(entries: str, host: Callable[..., Host]) -> None:
    providers = host(f"custom_providers: {entries}").providers
    assert {spec.name for spec in providers} == {*PRESETS, "custom"}


# ------------------------------------------------------------------------------------------------ settings, doctor


def test_timeouts_and_headers_come_from_the_section(endpoint: Resolve) -> None:
    config = "compatible: {read_timeout: 7, connect_timeout: 2, write_timeout: 3, headers: {x-a: b}}"
    found = endpoint("groq", config, GROQ_API_KEY=KEY)
    assert (found.connect_timeout, found.read_timeout, found.write_timeout) == (2, 7, 3)
    assert found.headers == {"x-a": "b"}
    plain = endpoint("groq", GROQ_API_KEY=KEY)
    assert (plain.connect_timeout, plain.read_timeout, plain.write_timeout) == (10, 60, 60)
    assert endpoint("ollama").read_timeout == 600


async def test_the_check_names_who_has_a_key_and_shows_none(host: Callable[..., Host]) -> None:
    made = host("compatible: {providers: {xai: {api_key: sk-settings-1}}}", GROQ_API_KEY=KEY, DEEPSEEK_API_KEY="***")
    results: Any = list(await keys(made.context("compatible")))
    text = " ".join(str(result) for result in results)
    assert "groq" in results[0].detail and "xai" in results[0].detail
    assert results[1].status == "warning" and "DEEPSEEK_API_KEY" in results[1].remedy
    assert KEY not in text and "sk-settings-1" not in text
