"""What the catalog knows, through the service as other plugins get it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hermes_catalog.catalog import ModelCatalog
from hermes_catalog.facts import PricedFacts
from hermes_catalog.settings import ModelSetting, Settings
from hermes_catalog.snapshot import FILE, Snapshot

from hermes_host.errors import NotFound, Unsupported
from hermes_host.protocols import ModelInfo
from hermes_host.services import Catalog
from hermes_host.testing import PluginContract, ScriptedProvider, StandInHost

DAY = 86_400.0


class TestPlugin(PluginContract):
    plugin = "catalog"


@pytest.fixture
def catalog(tmp_path: Path) -> ModelCatalog:
    return ModelCatalog(Settings(), tmp_path)


async def in_host(tmp_path: Path, config: str, provider: str, model: str) -> PricedFacts:
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    async with StandInHost(tmp_path, plugins=["catalog"]) as host:
        host.script()
        found: Any = await host.services.get(Catalog)
        facts: PricedFacts = found.facts(provider, model)
        return facts


def test_every_price_list_of_the_snapshot_is_whole() -> None:
    snapshot = Snapshot()
    for vendor in snapshot.vendors.values():
        assert vendor.source.startswith("https://")
        for name, entry in vendor.models.items():
            assert (entry.input_price is None) == (entry.output_price is None), name
            assert (entry.long_above > 0) == (entry.long_input_price is not None), name
            if entry.cached_price is not None:
                assert entry.input_price is not None and entry.cached_price < entry.input_price, name
            assert entry.cache_write_price is None or entry.input_price is not None, name


def test_the_snapshot_is_small_and_names_its_day() -> None:
    assert FILE.stat().st_size < 100_000
    time.strptime(Snapshot().date, "%Y-%m-%d")


def test_the_service_is_imported_without_a_command_line_or_an_http_client() -> None:
    program = (
        "import hermes_catalog.catalog, sys; print([m for m in ('click', 'rich', 'httpcore2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8")
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("provider", "model", "name"),
    [
        ("anthropic", "claude-haiku-4-5", "Claude Haiku 4.5"),
        ("anthropic", "claude-haiku-4-5-20251001", "Claude Haiku 4.5"),
        ("anthropic", "claude-opus-4-0", "Claude Opus 4"),
        ("anthropic", "claude-opus-4-20250514", "Claude Opus 4"),
        ("openai", "gpt-5-2025-08-07", "GPT-5"),
        ("openai", "gpt-5.6", "GPT-5.6 Sol"),
        ("gemini", "models/gemini-2.5-pro-preview-06-05", "Gemini 2.5 Pro"),
        ("gemini", "gemini-3.1-pro", "Gemini 3.1 Pro Preview"),
        ("minimax", "MiniMax-M3", "MiniMax-M3"),
        ("groq", "openai/gpt-oss-120b", "GPT-OSS 120B"),
    ],
)
def test_dated_versions_and_aliases_are_the_model_itself(
    catalog: ModelCatalog, provider: str, model: str, name: str
) -> None:
    facts = catalog.facts(provider, model)
    assert (facts.provider, facts.model, facts.name) == (provider, model, name)
    assert facts.source == f"snapshot {catalog.snapshot.date}"


def test_a_routers_name_leads_to_the_vendors_model_under_the_routers_name(catalog: ModelCatalog) -> None:
    own = catalog.facts("anthropic", "claude-opus-4-5")
    for name in ("anthropic/claude-opus-4.5", "anthropic/claude-opus-4-5-20251101", "~anthropic/claude-opus-4.5"):
        routed = catalog.facts("openrouter", name)
        assert (routed.provider, routed.model) == ("openrouter", name)
        assert (routed.context, routed.input_price, routed.source) == (own.context, own.input_price, own.source)


def test_a_router_that_sets_its_own_prices_gets_none(catalog: ModelCatalog) -> None:
    for provider, model in (("nous", "anthropic/claude-opus-4.5"), ("openrouter", "z-ai/glm-5.3")):
        facts = catalog.facts(provider, model)
        assert facts.context > 0 and facts.input_price is None and facts.price_source == ""


def test_a_variant_of_a_router_has_no_price_unless_it_is_free(catalog: ModelCatalog) -> None:
    assert catalog.facts("openrouter", "openai/gpt-5:online").input_price is None
    assert catalog.facts("openrouter", "openai/gpt-5:free").input_price == 0


def test_an_unknown_member_of_a_family_is_assumed_to_be_like_it_and_has_no_price(catalog: ModelCatalog) -> None:
    facts = catalog.facts("anthropic", "claude-ballad-9")
    assert (facts.source, facts.context, facts.input_price) == ("assumed", 200_000, None)


def test_a_model_nobody_knows_has_stated_assumptions(catalog: ModelCatalog) -> None:
    facts = catalog.facts("somewhere", "something")
    assert facts == PricedFacts(provider="somewhere", model="something", context=128_000, source="assumed")


@pytest.mark.parametrize("name", ["", ":", "/", "a/b/c:d:e", "~", "ünïcode", "x" * 5000])
def test_no_name_makes_the_catalog_fail(catalog: ModelCatalog, name: str) -> None:
    for provider in ("anthropic", "openrouter", "ollama", "", name):
        assert catalog.facts(provider, name).context > 0


def test_a_vendors_model_on_an_endpoint_of_the_users_is_only_assumed_and_not_priced(catalog: ModelCatalog) -> None:
    facts = catalog.facts("office", "gpt-5")
    assert (facts.context, facts.source, facts.input_price) == (400_000, "assumed", None)


def test_models_on_this_machine_cost_nothing_but_those_in_a_cloud_may(catalog: ModelCatalog) -> None:
    assert catalog.facts("ollama", "llama3.2:3b").input_price == 0
    assert catalog.facts("ollama", "gpt-oss:120b-cloud").input_price is None


def test_a_price_for_a_limited_time_is_unknown_afterwards(tmp_path: Path) -> None:
    now = time.mktime((2026, 12, 30, 12, 0, 0, 0, 0, 0))
    early = ModelCatalog(Settings(), tmp_path, clock=lambda: now)
    late = ModelCatalog(Settings(), tmp_path, clock=lambda: now + 3 * DAY)
    assert early.facts("gemini", "gemini-3.8-flash").input_price == 0.75
    assert late.facts("gemini", "gemini-3.8-flash").input_price is None
    assert late.facts("gemini", "gemini-3.8-flash").context == 1_048_576


async def test_the_users_facts_win_and_the_rest_stays(tmp_path: Path) -> None:
    config = 'catalog: {models: {"anthropic:claude-opus-4-5": {context: 90000, tools: false}}}'
    facts = await in_host(tmp_path, config, "anthropic", "claude-opus-4-5")
    assert (facts.context, facts.source, facts.tools) == (90_000, "user", False)
    assert (facts.input_price, facts.price_source.partition(" ")[0]) == (5.0, "snapshot")


async def test_a_price_of_the_users_replaces_the_whole_price_list(tmp_path: Path) -> None:
    config = 'catalog: {models: {"openai:gpt-6-luna": {input_price: 0, output_price: 1.5}}}'
    facts = await in_host(tmp_path, config, "openai", "gpt-6-luna")
    assert (facts.input_price, facts.output_price, facts.cached_price) == (0, 1.5, None)
    assert (facts.long_above, facts.price_source) == (0, "user")


async def test_a_price_of_the_cache_completes_the_price_list(tmp_path: Path) -> None:
    config = 'catalog: {models: {"gemini:gemini-3.5-flash": {cached_price: 0.2}}}'
    facts = await in_host(tmp_path, config, "gemini", "gemini-3.5-flash")
    assert (facts.input_price, facts.cached_price, facts.price_source) == (1.5, 0.2, "user")


async def test_a_wrong_setting_is_reported_and_the_snapshot_used(tmp_path: Path) -> None:
    config = 'catalog: {models: {"openai:gpt-5": {context: many}}}'
    facts = await in_host(tmp_path, config, "openai", "gpt-5")
    assert facts.context == 400_000
    host = StandInHost(tmp_path, plugins=["catalog"])
    host.plugins  # noqa: B018 - declares the sections
    assert [problem.path for problem in host.config.problems] == ["catalog.models.openai:gpt-5.context"]


async def test_the_configured_context_length_belongs_to_the_configured_model(tmp_path: Path) -> None:
    config = "model: {provider: scripted, default: mine, context_length: 4321}"
    assert (await in_host(tmp_path, config, "scripted", "mine")).context == 4321
    assert (await in_host(tmp_path, config, "scripted", "mine")).source == "user"
    assert (await in_host(tmp_path, config, "scripted", "other")).context == 128_000
    assert (await in_host(tmp_path, config, "anthropic", "claude-opus-4-5")).context == 200_000


def test_what_a_vendor_says_wins_over_the_snapshot_for_a_week(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    catalog = ModelCatalog(Settings(), tmp_path, clock=lambda: now[0])
    catalog.learn("anthropic", [ModelInfo(id="claude-opus-4-5", context=150_000), ModelInfo(id="claude-next")])
    again = ModelCatalog(Settings(), tmp_path, clock=lambda: now[0])
    for each in (catalog, again):
        facts = each.facts("anthropic", "claude-opus-4-5")
        assert (facts.context, facts.source, facts.input_price) == (150_000, "vendor", 5.0)
        assert [model.model for model in each.models("anthropic")] == ["claude-opus-4-5", "claude-next"]
    now[0] += 8 * DAY
    assert again.facts("anthropic", "claude-opus-4-5").context == 200_000
    assert "claude-next" not in {model.model for model in again.models("anthropic")}


def test_the_user_wins_over_the_vendor(tmp_path: Path) -> None:
    settings = Settings(models={"acme:big": ModelSetting(max_output=10)})
    catalog = ModelCatalog(settings, tmp_path)
    catalog.learn("acme", [ModelInfo(id="big", context=5000, max_output=99)])
    facts = catalog.facts("acme", "big")
    assert (facts.context, facts.max_output, facts.source) == (5000, 10, "user")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"time": "x"}', b"\xff\xfe"])
def test_a_damaged_cache_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    ModelCatalog(Settings(), tmp_path).learn("acme", [ModelInfo(id="big", context=5000)])
    for file in tmp_path.iterdir():
        file.write_bytes(damage)
    assert ModelCatalog(Settings(), tmp_path).facts("acme", "big").source == "assumed"


def test_a_providers_name_cannot_leave_the_cache_directory(tmp_path: Path) -> None:
    inside = tmp_path / "cache"
    inside.mkdir()
    catalog = ModelCatalog(Settings(), inside)
    catalog.learn("../../evil", [ModelInfo(id="big", context=5000)])
    assert catalog.facts("../../evil", "big").context == 5000
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(list(inside.iterdir())) == 1


async def test_refreshing_asks_the_provider_and_remembers_across_processes(tmp_path: Path) -> None:
    async with StandInHost(tmp_path, plugins=["catalog"]) as host:
        host.use_provider(ScriptedProvider(models=("one", "two")))
        found: Any = await host.services.get(Catalog)
        assert await found.refresh("scripted") == 2
        with pytest.raises(NotFound):
            await found.refresh("nobody")
    async with StandInHost(tmp_path, plugins=["catalog"]) as host:
        found = await host.services.get(Catalog)
        assert [(each.model, each.context, each.source) for each in found.models("scripted")] == [
            ("one", 200_000, "vendor"),
            ("two", 200_000, "vendor"),
        ]


async def test_without_a_host_nothing_can_be_refreshed(catalog: ModelCatalog) -> None:
    with pytest.raises(Unsupported):
        await catalog.refresh("anthropic")


def test_all_models_are_listed_once_with_their_facts(catalog: ModelCatalog) -> None:
    listed = [(facts.provider, facts.model) for facts in catalog.models()]
    assert len(listed) == len(set(listed)) > 50
    assert all(catalog.facts(*each).source != "assumed" for each in listed)


def test_the_facts_are_model_facts_for_every_reader(catalog: ModelCatalog) -> None:
    from hermes_host.services import ModelFacts

    facts = catalog.facts("openai", "gpt-5")
    assert isinstance(facts, ModelFacts)
    read = msgspec.json.decode(msgspec.json.encode(facts), type=ModelFacts)
    assert (read.context, read.input_price) == (400_000, 1.25)
