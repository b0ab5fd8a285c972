"""What is known about models, from whom, and which provider is meant, on a host with parts put in by hand."""

import asyncio

import pytest

from hermes_host.cli.picker_facts import ask, ask_all, find_catalog, known, offered_by_catalog, reason
from hermes_host.cli.picker_providers import near_provider
from hermes_host.errors import AuthFailed
from hermes_host.protocols import ModelInfo
from hermes_host.services import ModelFacts
from hermes_host.specs import ProviderSpec, ServiceSpec
from hermes_host.testing import StandInHost
from hermes_host.testing.providers import ScriptedProvider


class Catalog:
    """Knows three models; `mine` is what the user said."""

    sources = {"mine": "user", "large": "snapshot 2026-11-01", "half": "vendor"}

    def facts(self, provider, model):
        if model not in self.sources:
            return ModelFacts(provider=provider, model=model, context=128_000, source="assumed")
        prices = {"input_price": 0.1} if model == "half" else {"input_price": 3, "output_price": 15}
        return ModelFacts(
            provider=provider,
            model=model,
            name=model.title(),
            context=200_000,
            max_output=8_000,
            inputs=frozenset({"text", "image"}),
            source=self.sources[model],
            **prices,
        )

    def models(self, provider=""):
        return [self.facts("acme", model) for model in self.sources] if provider in ("", "acme") else []


class Provider(ScriptedProvider):
    """Answers `models` with what it was given, or raises it."""

    def __init__(self, *answers):
        super().__init__(())
        self.answers = answers

    async def models(self):
        for answer in self.answers:
            if isinstance(answer, asyncio.Barrier):
                await answer.wait()
            elif isinstance(answer, BaseException):
                raise answer
        return [answer for answer in self.answers if not isinstance(answer, asyncio.Barrier)]


@pytest.fixture
def host(tmp_path):
    return StandInHost(tmp_path / "home")


def with_catalog(host):
    spec = ServiceSpec(name="facts", summary="Facts", provides="hermes_host.services:Catalog", target="x:y")
    host.use_part("services", spec, Catalog())
    return host


def texts(catalog, name, **info):
    one = known(catalog, "acme", ModelInfo(id=name, **info))
    return one.context_text, one.price_text, one.origin


# ----------------------------------------------------------------------------------------------------------- facts


async def test_the_catalogue_is_found_by_what_it_does(host):
    assert await find_catalog(host) is None
    catalog = await find_catalog(with_catalog(host))
    assert [info.id for info in offered_by_catalog(catalog, "acme")] == ["mine", "large", "half"]
    assert list(offered_by_catalog(catalog, "globex")) == []
    assert list(offered_by_catalog(None, "acme")) == []


async def test_a_catalogue_that_cannot_be_made_is_as_good_as_none(tmp_path):
    class Shelf:
        @staticmethod
        def hermes_services():
            yield ServiceSpec(
                name="facts", summary="Facts", provides="hermes_host.services:Catalog", target="not_there:connect"
            )

    from hermes_host import hookimpl

    Shelf.hermes_services = staticmethod(hookimpl(Shelf.hermes_services))
    host = StandInHost(tmp_path / "home")
    host.add_plugin("shelf", Shelf)
    assert await find_catalog(host) is None


def test_the_users_word_wins_over_the_providers_and_that_over_the_catalogues():
    assert texts(Catalog(), "large") == ("200k", "$3 / $15", "snapshot 2026-11-01")
    assert texts(Catalog(), "large", context=64_000) == ("64k", "$3 / $15", "acme, snapshot 2026-11-01")
    assert texts(Catalog(), "mine", context=64_000) == ("200k", "$3 / $15", "user")
    assert texts(Catalog(), "new", context=64_000) == ("64k", "", "acme")
    assert texts(Catalog(), "new") == ("128k?", "", "assumed")
    assert texts(None, "large", context=1_048_576) == ("1.05M", "", "acme")
    assert texts(None, "large") == ("", "", "")


def test_half_a_price_is_no_whole_one():
    assert texts(Catalog(), "half")[1] == "$0.10 / ?"


def test_what_is_known_is_one_object_for_programs():
    told = known(Catalog(), "acme", ModelInfo(id="large", max_output=4_000)).as_object()
    assert {name: told[name] for name in ("id", "provider", "context", "max_output", "input_price", "inputs")} == {
        "id": "large",
        "provider": "acme",
        "context": 200_000,
        "max_output": 4_000,
        "input_price": 3,
        "inputs": ["image", "text"],
    }
    assert set(known(None, "acme", ModelInfo(id="x")).as_object()) == {
        "id",
        "name",
        "provider",
        "context",
        "max_output",
        "source",
    }


# ---------------------------------------------------------------------------------------------------------- asking


async def test_providers_are_asked_at_the_same_time(host):
    together = asyncio.Barrier(3)
    for name in ("one", "two", "three"):
        host.use_provider(Provider(together, ModelInfo(id=f"{name}-model")), name)
    answers = await ask_all(host, list(host.providers), limit=10)
    assert {info.id for offered in answers for info in offered.models} == {"one-model", "two-model", "three-model"}


async def test_a_failure_is_part_of_the_answer_and_hurts_no_other(host):
    host.secrets.watch("sk-12345678", "ACME_API_KEY")
    host.use_provider(Provider(AuthFailed("The key sk-12345678 is wrong.")), "refused")
    host.use_provider(Provider(RuntimeError("a bad plugin")), "broken")
    host.use_provider(Provider(asyncio.Barrier(2)), "silent")
    host.use_provider(Provider(ModelInfo(id="a"), ModelInfo(id="a"), "junk", ModelInfo(id="")), "sound")
    answers = {offered.provider.name: offered for offered in await ask_all(host, list(host.providers), limit=0.2)}
    assert [info.id for info in answers["sound"].models] == ["a"]
    assert reason(host, answers["sound"]) == ""
    assert reason(host, answers["refused"]) == "The key [secret ACME_API_KEY] is wrong."
    assert "a bad plugin" in reason(host, answers["broken"])
    assert reason(host, answers["silent"]) == "no answer within 0.2 s"


async def test_being_cancelled_is_no_answer(host):
    begun = asyncio.Barrier(2)
    host.use_provider(Provider(begun, asyncio.Barrier(2)), "silent")
    task = asyncio.create_task(ask(host, host.providers.get("silent")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# ------------------------------------------------------------------------------------------------------- near names


@pytest.fixture
def vendors(host):
    """A host whose providers are called like some that exist."""
    aliases = {"alibaba": ("qwen",), "zai": ("glm",), "xai": ("grok",)}
    names = ("openrouter", "openai", "anthropic", "mistral", "ollama", "deepseek", "gemini", "kimi-coding")
    for name in (*names, *aliases):
        spec = ProviderSpec(name=name, summary="", target="x:y", aliases=aliases.get(name, ()))
        host.use_part("providers", spec, Provider())
    return host


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("opnrouter", "openrouter"),
        ("openeouter", "openrouter"),
        ("OpenRouter", "openrouter"),
        ("opnai", "openai"),
        ("antropic", "anthropic"),
        ("anthropoc", "anthropic"),
        ("mistal", "mistral"),
        ("gemni", "gemini"),
        ("deepsek", "deepseek"),
        ("olama", "ollama"),
    ],
)
def test_a_slip_of_the_pen_finds_the_provider(vendors, word, meant):
    assert near_provider(vendors, word) == meant


@pytest.mark.parametrize(
    "word",
    ["llama3", "llama3.1", "llama", "mixtral", "qwen3", "qwen2.5-coder", "glm4", "deepseek-r1", "grok4", "gemma"]
    + ["gemma3", "codellama", "mistral-nemo", "phi4", "meta-llama/llama-3", "gpt-oss", "gpt-5", "x", ""],
)
def test_the_name_of_a_model_is_no_slip(vendors, word):
    assert near_provider(vendors, word) == ""
