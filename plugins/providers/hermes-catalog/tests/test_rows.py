"""Rows to choose from."""

from __future__ import annotations

import pytest
from hermes_catalog.rows import price_text, rows, tokens_text

from hermes_host.services import ModelFacts


def facts(model: str, name: str = "", provider: str = "acme", **more: object) -> ModelFacts:
    return ModelFacts(provider=provider, model=model, name=name, **more)  # type: ignore[arg-type]


MODELS = [
    facts("large-2", "Large 2"),
    facts("flash-3-lite", "Flash 3 Lite"),
    facts("flash-3", "Flash 3"),
    facts("tiny", "Tiny Flashlight"),
    facts("large-2", "Large 2", provider="router"),
]


def references(query: str) -> list[str]:
    return [row.reference for row in rows(MODELS, query)]


def test_without_a_query_all_stay_in_their_order() -> None:
    assert references("") == [f"{each.provider}:{each.model}" for each in MODELS]


def test_every_word_must_fit_and_whole_words_come_first() -> None:
    assert references("flash 3") == ["acme:flash-3", "acme:flash-3-lite"]
    assert references("router large") == ["router:large-2"]
    assert references("FLASH")[:2] == ["acme:flash-3", "acme:flash-3-lite"]


def test_letters_in_order_are_enough() -> None:
    assert set(references("fllt")) == {"acme:flash-3-lite", "acme:tiny"}
    assert references("zzz") == []


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (0, ""),
        (512, "512"),
        (8192, "8k"),
        (200_000, "200k"),
        (1_000_000, "1M"),
        (1_050_000, "1.05M"),
        (1_048_576, "1.05M"),
    ],
)
def test_contexts_are_short(tokens: int, text: str) -> None:
    assert tokens_text(tokens) == text


def test_prices_are_short_and_unknown_ones_empty() -> None:
    assert price_text(facts("m", input_price=3.0, output_price=15.0)) == "$3/$15"
    assert price_text(facts("m", input_price=0.05, output_price=0.4)) == "$0.05/$0.4"
    assert price_text(facts("m", input_price=0.0, output_price=0.0)) == "free"
    assert price_text(facts("m", input_price=1.0)) == ""


def test_an_assumed_context_is_not_shown_as_a_fact() -> None:
    (row,) = rows([facts("m", context=128_000, source="assumed")])
    assert row.context == ""
