"""The plugin as the host sees it: contributions, settings, the environment, and the check."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hermes_resilience.settings import Settings, read_settings

from hermes_host import hookimpl
from hermes_host.errors import RateLimited
from hermes_host.services import Catalog, ModelFacts
from hermes_host.specs import ProviderSpec
from hermes_host.testing import PluginContract, ScriptedProvider, StandInHost


class TestResilience(PluginContract):
    plugin = "resilience"


@pytest.fixture
def make_host(tmp_path: Path):
    def make(config: str = "", **environ: str) -> StandInHost:
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.yaml").write_text(config, encoding="utf-8")
        return StandInHost(home, plugins=["resilience"], environ={"PATH": "/usr/bin:/bin", **environ})

    return make


async def _check(host):
    contribution = host.checks.get("resilience.settings")
    check = host.target(contribution, contribution.spec.target)
    return {result.name: result for result in await check(host.context("resilience"))}


async def test_the_environment_wins_over_the_file(make_host):
    host = make_host(
        "resilience: {total_timeout: 5, retries: 9, backoff: 1.5}",
        HERMES_API_TIMEOUT="900",
        HERMES_STREAM_READ_TIMEOUT="30",
        HERMES_STREAM_RETRIES="4",
        HERMES_STREAM_STALE_TIMEOUT="240.5",
    )
    settings, faults = read_settings(host.context("resilience"))
    assert settings == Settings(total_timeout=900, read_timeout=30, retries=4, stale_timeout=240.5, backoff=1.5)
    assert faults == []


async def test_a_variable_that_cannot_be_used_is_named_and_changes_nothing(make_host, caplog):
    host = make_host("", HERMES_API_TIMEOUT="soon", HERMES_STREAM_RETRIES="-1", HERMES_STREAM_STALE_TIMEOUT="0")
    settings, faults = read_settings(host.context("resilience"))
    assert settings == Settings()
    assert [fault.partition(" ")[0] for fault in faults] == [
        "HERMES_API_TIMEOUT",
        "HERMES_STREAM_RETRIES",
        "HERMES_STREAM_STALE_TIMEOUT",
    ]
    with caplog.at_level(logging.WARNING):
        await host.middleware_parts("model")
    assert "HERMES_API_TIMEOUT is 'soon' and is not used" in caplog.text
    assert (await _check(host))["environment"].status == "warning"


@pytest.mark.parametrize(
    "written",
    [
        "{provider: two, model: m}",
        "[{provider: two, model: m}]",
        "['two:m']",
        "two:m",
        "\n  - two:m\n  - provider: three\n    model: n",
    ],
)
async def test_the_fallback_may_be_written_in_any_of_its_forms(make_host, written):
    async with make_host(f"fallback_model: {written}\nresilience: {{retries: 0}}") as host:
        host.script(RateLimited("slow"))
        two = ScriptedProvider(["From two."])
        spec = ProviderSpec(name="two", summary="Two", target="hermes_host.testing.providers:ScriptedProvider")
        host.use_part("providers", spec, two)
        session = await host.start()
        events = [event async for event in session.run("Hello")]
        assert events[-1].text == "From two."
        assert host.config.problems == []


async def test_it_stands_where_retries_and_routes_belong(make_host):
    assert make_host().middleware.get("resilience").spec.priority == 200


async def test_nothing_set_is_nothing_wrong(make_host):
    results = await _check(make_host())
    assert {name: (result.status, result.detail) for name, result in results.items()} == {
        "model fallbacks": ("ok", "no fallback is set")
    }


class _Catalog:
    def facts(self, provider, model):
        return ModelFacts(provider=provider, model=model)

    def models(self, provider=""):
        return [ModelFacts(provider="two", model="known")] if provider == "two" else []


class _Two:
    @hookimpl
    def hermes_providers(self):
        for name, secrets in (("two", ("TWO_KEY",)), ("keyless", ())):
            yield ProviderSpec(name=name, summary="A provider", target="a:b", secrets=secrets, aliases=(name[:2],))


async def test_the_check_names_what_is_set_in_vain(make_host):
    host = make_host(
        """
fallback_model:
  - nobody:m
  - two:known
  - two:unknown
  - {provider: two, model: m, base_url: "https://example.org"}
resilience:
  fallback_models: [{provider: two}, "two:", {provider: two, model: known, colour: red}]
auxiliary_fallbacks:
  title: [nobody:x]
smart_model_routing: {enabled: true, cheap_model: {provider: nobody, model: y}}
credential_pools: {two: [A, B], keyless: [A], ke: [A], nobody: [A]}
"""
    )
    host.add_plugin("two", _Two())
    host.services.provide(Catalog, _Catalog())
    check = host.target(host.checks.get("resilience.settings"), "hermes_resilience.checks:settings")
    results = await check(host.context("resilience"))
    found = [(result.name, result.detail) for result in results if result.status == "warning"]
    details = "\n".join(f"{name}: {detail}" for name, detail in found)
    for wanted in (
        "fallback_model: There is no provider 'nobody'.",
        "fallback_model: The catalogue knows no model 'unknown' at two.",
        "has a base_url; give the address a name in custom_providers",
        "resilience.fallback_models: {provider: two} names no model.",
        "'two:' names no model",
        "has unknown keys (colour)",
        "auxiliary_fallbacks.title: There is no provider 'nobody'.",
        "smart_model_routing.cheap_model: There is no provider 'nobody'.",
        "credential_pools.keyless: keyless takes no key from a variable",
        "credential_pools.ke: ke is another name of keyless",
        "credential_pools.nobody: There is no provider 'nobody'.",
    ):
        assert wanted in details
    assert len(found) == 11
