"""The plugin as the host sees it: contributions, settings, the environment, and the check."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_resilience.settings import Settings

from hermes_host import hookimpl
from hermes_host.errors import Overloaded, RateLimited
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest, TimeLimits
from hermes_host.services import Catalog, ModelFacts
from hermes_host.specs import ProviderSpec
from hermes_host.testing import PluginContract, ScriptedProvider, StandInHost
from hermes_host.testing.providers import play


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


ENVIRONMENT = {
    "HERMES_API_TIMEOUT": "900",
    "HERMES_STREAM_READ_TIMEOUT": "30",
    "HERMES_STREAM_RETRIES": "4",
    "HERMES_STREAM_STALE_TIMEOUT": "240.5",
}


async def test_the_environment_wins_over_the_file(make_host):
    host = make_host("resilience: {total_timeout: 5, retries: 9, backoff: 1.5}", **ENVIRONMENT)
    settings = host.context("resilience").section(Settings)
    assert settings == Settings(total_timeout=900, read_timeout=30, retries=4, stale_timeout=240.5, backoff=1.5)
    assert host.config.problems == []
    assert host.config.origin("resilience.retries") == "environment"
    assert host.config.where("resilience.retries") == "$HERMES_STREAM_RETRIES"
    assert not host.secrets.is_secret("HERMES_API_TIMEOUT"), "a setting, and shown as one"


async def test_the_command_line_wins_over_the_environment(tmp_path):
    environ = {"PATH": "/usr/bin:/bin", **ENVIRONMENT}
    overrides = {"resilience": {"total_timeout": 7}}
    host = StandInHost(tmp_path, plugins=["resilience"], environ=environ, overrides=overrides)
    settings = host.context("resilience").section(Settings)
    assert (settings.total_timeout, settings.retries) == (7, 4)
    assert host.config.origin("resilience.total_timeout") == "command line"


async def test_a_variable_that_cannot_be_used_is_named_and_changes_nothing(make_host):
    host = make_host(
        "resilience: {retries: 5}",
        HERMES_API_TIMEOUT="soon",
        HERMES_STREAM_RETRIES="-1",
        HERMES_STREAM_STALE_TIMEOUT="0",
        HERMES_STREAM_READ_TIMEOUT="30",
    )
    assert host.context("resilience").section(Settings) == Settings(retries=5, read_timeout=30)
    lines = [problem.line() for problem in host.config.problems]
    assert len(lines) == 3
    soon = next(line for line in lines if line.startswith("resilience.total_timeout"))
    assert "$HERMES_API_TIMEOUT" in soon and "Expected a number, more than 0, found 'soon'" in soon
    assert await host.middleware_parts("model"), "everything else works"


@pytest.mark.parametrize(
    ("config", "given", "wanted"),
    [
        ("", TimeLimits(), TimeLimits()),
        (
            "resilience: {connect_timeout: 3, read_timeout: 60, write_timeout: 9}",
            TimeLimits(),
            TimeLimits(connect=3, read=60, write=9),
        ),
        ("resilience: {connect_timeout: 3, read_timeout: 0}", TimeLimits(read=5), TimeLimits(connect=3, read=5)),
        ("resilience: {connect_timeout: 3, write_timeout: 4}", TimeLimits(connect=1), TimeLimits(connect=1, write=4)),
    ],
)
async def test_each_attempt_bears_the_limits_of_the_settings(make_host, config, given, wanted):
    seen = []

    async def refuse_once(request):
        seen.append(request)
        if len(seen) == 1:
            raise Overloaded("Busy.")
        for event in play("Hello."):
            yield event

    host = make_host(config, HERMES__RESILIENCE__BACKOFF="0", HERMES_API_TIMEOUT="50")
    (middleware,) = await host.middleware_parts("model")
    request = ModelRequest(model="m", messages=(user_message("hi"),), limits=given, timeout=20.0)
    async for _ in middleware(request, refuse_once):
        pass
    assert [each.limits for each in seen] == [wanted, wanted]
    assert all(0 < each.timeout <= 20 for each in seen), "never later than the turn's own end"
    assert seen[1].timeout < seen[0].timeout


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
