"""Which address is asked, and which key goes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hermes_openai import checks
from hermes_openai.endpoint import Access, resolve
from hermes_openai.settings import AzureSettings, Settings

from hermes_host.config import Secret
from hermes_host.context import PluginContext
from hermes_host.errors import AuthFailed, ConfigError

KEY = "sk-vendor-0123456789"
OWN = "sk-own-0123456789"
AZURE = "https://acme.openai.azure.com"
NAMES = frozenset({"OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT"})


def context(openai: Any = None, azure: Any = None, **secrets: str) -> PluginContext:
    sections = {"openai": Settings(**(openai or {})), "azure": AzureSettings(**(azure or {}))}
    return PluginContext(
        "openai",
        home=Path("/nowhere"),
        section=sections,
        secret=lambda name: secrets.get(name, ""),
        declared_secrets=NAMES,
    )


def openai(settings: Any = None, **secrets: str) -> Access:
    return resolve(context(settings, **secrets), "openai")


def azure(settings: Any = None, **secrets: str) -> Access:
    return resolve(context(None, settings, **secrets), "azure")


# ------------------------------------------------------------------------------------------------------------- OpenAI


def test_the_vendor_s_key_goes_to_the_vendor() -> None:
    access = openai(OPENAI_API_KEY=KEY)
    assert (access.endpoint.base_url, access.endpoint.key) == ("https://api.openai.com/v1", KEY)
    assert access.is_vendor and KEY not in repr(access)


@pytest.mark.parametrize("address", ["https://eu.api.openai.com/v1", "https://api.openai.com:443/v1/"])
def test_the_vendor_s_other_hosts_are_the_vendor_s(address: str) -> None:
    assert openai({"base_url": address}, OPENAI_API_KEY=KEY).endpoint.key == KEY


@pytest.mark.parametrize(
    "address",
    [
        *("https://proxy.example.org/v1", "http://api.openai.com/v1", "https://api.openai.com:8443/v1"),
        *("https://api.openai.com.example.org/v1", "https://evilapi.openai.com/v1", "https://openai.com/v1"),
    ],
)
def test_the_vendor_s_key_goes_nowhere_else(address: str) -> None:
    with pytest.raises(AuthFailed, match=r"openai\.api_key"):
        openai({"base_url": address}, OPENAI_API_KEY=KEY)
    access = openai({"base_url": address, "api_key": Secret(OWN)}, OPENAI_API_KEY=KEY)
    assert access.endpoint.key == OWN and not access.is_vendor


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "http://localhost:1234/v1", "http://[::1]:9/v1"])
def test_a_server_on_this_machine_needs_no_key_and_gets_none(address: str) -> None:
    assert openai({"base_url": address}, OPENAI_API_KEY=KEY).endpoint.key == ""


@pytest.mark.parametrize("value", ["", "***", "changeme", "sk"])
def test_a_missing_key_names_the_command_that_sets_it(value: str) -> None:
    with pytest.raises(AuthFailed, match="hermes config set OPENAI_API_KEY"):
        openai(OPENAI_API_KEY=value)


def test_a_key_of_the_settings_comes_first() -> None:
    assert openai({"api_key": Secret(OWN)}, OPENAI_API_KEY=KEY).endpoint.key == OWN


@pytest.mark.parametrize(
    "address", ["api.openai.com", "ftp://x/v1", "https://", "https://u:p@example.org/v1", "https://x:99999/v1"]
)
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"openai\.base_url"):
        openai({"base_url": address, "api_key": Secret(OWN)})


@pytest.mark.parametrize("end", ["", "/", "/responses", "/chat/completions"])
def test_the_end_of_an_address_may_be_there_or_not(end: str) -> None:
    access = openai({"base_url": f"https://example.org/v1{end}", "api_key": Secret(OWN)})
    assert access.endpoint.base_url == "https://example.org/v1" and access.origin == "https://example.org"


@pytest.mark.parametrize("field", ["model", "input", "messages", "stream", "tools"])
def test_what_a_request_brings_itself_cannot_be_set(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        openai({"extra_body": {field: 1, "service_tier": "flex"}}, OPENAI_API_KEY=KEY)


# -------------------------------------------------------------------------------------------------------------- Azure


@pytest.mark.parametrize(
    "given",
    [
        *(AZURE, f"{AZURE}/", f"{AZURE}/openai/v1/", f"{AZURE}/openai/v1/responses"),
        f"{AZURE}/openai/deployments/d/chat/completions?api-version=2024-10-21",
    ],
)
def test_azure_is_found_however_its_address_was_copied(given: str) -> None:
    access = azure({"endpoint": given}, AZURE_OPENAI_API_KEY=KEY)
    assert (access.endpoint.base_url, access.endpoint.key) == (f"{AZURE}/openai/v1", KEY)


def test_azure_s_address_may_come_from_the_environment() -> None:
    assert azure(AZURE_OPENAI_ENDPOINT=AZURE, AZURE_OPENAI_API_KEY=KEY).origin == AZURE
    with pytest.raises(ConfigError, match="hermes config set"):
        azure(AZURE_OPENAI_API_KEY=KEY)


@pytest.mark.parametrize(
    "host", ["a.openai.azure.com", "a.cognitiveservices.azure.com", "a.services.ai.azure.com", "a.openai.azure.us"]
)
def test_azure_s_key_goes_to_azure_s_hosts(host: str) -> None:
    assert azure({"endpoint": f"https://{host}"}, AZURE_OPENAI_API_KEY=KEY).endpoint.key == KEY


@pytest.mark.parametrize(
    "address", ["https://gateway.example.org", "http://acme.openai.azure.com", "https://openai.azure.com.example.org"]
)
def test_azure_s_key_goes_nowhere_else(address: str) -> None:
    with pytest.raises(AuthFailed, match=r"azure\.api_key"):
        azure({"endpoint": address}, AZURE_OPENAI_API_KEY=KEY, AZURE_OPENAI_AD_TOKEN=KEY)
    assert azure({"endpoint": address, "api_key": Secret(OWN)}).endpoint.key == OWN


def test_neither_vendor_gets_the_other_s_key() -> None:
    with pytest.raises(AuthFailed):
        azure({"endpoint": AZURE}, OPENAI_API_KEY=KEY)
    with pytest.raises(AuthFailed):
        openai(AZURE_OPENAI_API_KEY=KEY)
    with pytest.raises(AuthFailed):
        openai({"base_url": AZURE}, OPENAI_API_KEY=KEY, AZURE_OPENAI_API_KEY=KEY)


def test_a_deployment_is_found_by_its_name_and_by_its_model() -> None:
    access = azure({"endpoint": AZURE, "deployments": {"fast": "gpt-5.4-mini"}}, AZURE_OPENAI_API_KEY=KEY)
    assert [access.deployment(name) for name in ("fast", "gpt-5.4-mini", "other")] == ["fast", "fast", "other"]
    assert access.traits("fast").thinks and not access.traits("other").thinks


# ------------------------------------------------------------------------------------------------------------- doctor


@pytest.mark.parametrize(
    ("settings", "secrets", "status", "said"),
    [
        ({}, {}, "ok", "no key is set"),
        ({}, {"OPENAI_API_KEY": KEY}, "ok", "OPENAI_API_KEY is set"),
        ({}, {"OPENAI_API_KEY": "changeme"}, "warning", "placeholder"),
        ({"base_url": "https://example.org/v1"}, {"OPENAI_API_KEY": KEY}, "warning", "not sent there"),
        ({"base_url": "nowhere"}, {}, "error", "not a web address"),
        ({"base_url": "http://127.0.0.1:1/v1"}, {}, "ok", "no key is needed"),
    ],
)
async def test_doctor_says_what_is_set_and_never_the_key(settings: Any, secrets: Any, status: str, said: str) -> None:
    (result,) = await checks.keys(context(settings, **secrets))
    assert result.status == status and said in result.detail
    assert KEY not in f"{result}"


async def test_doctor_looks_at_azure_where_it_is_set_up() -> None:
    _, result = await checks.keys(context(None, {"endpoint": AZURE}, AZURE_OPENAI_API_KEY=KEY))
    assert (result.name, result.status) == ("azure key", "ok")
