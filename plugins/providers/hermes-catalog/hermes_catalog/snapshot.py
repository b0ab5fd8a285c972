"""The bundled snapshot: what vendors said of their models on one day, read from `snapshot.json` at the first look.

A provider of the host is the endpoint of one vendor, a router to many, or a server on the user's machine; anything else
may be anything, and of it only assumptions are stated.
"""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_catalog.facts import NO_PRICES, PricedFacts
from hermes_catalog.names import canonical, family_of, shortened, split_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ASSUMED_CONTEXT", "Entry", "Snapshot", "Vendor"]

ASSUMED_CONTEXT = 128_000
"""The context in tokens of a model nobody knows anything about."""

FILE = Path(__file__).with_name("snapshot.json")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model, or assumed of a family. The fields are those of `PricedFacts`."""

    name: str = ""
    context: int = 0
    max_output: int = 0
    input_price: float | None = None
    output_price: float | None = None
    cached_price: float | None = None
    cache_write_price: float | None = None
    long_above: int = 0
    long_input_price: float | None = None
    long_output_price: float | None = None
    long_cached_price: float | None = None
    long_cache_write_price: float | None = None
    inputs: frozenset[str] = frozenset({"text"})
    reasoning: bool = False
    tools: bool = True
    prices_until: str = ""
    """The last day (`YYYY-MM-DD`, UTC) on which the prices hold; afterwards they count as unknown."""
    aliases: tuple[str, ...] = ()


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A maker of models."""

    source: str
    """Where the values were read."""
    note: str = ""
    prefixes: tuple[str, ...] = ()
    """What routers put before the names of this vendor's models."""
    routed_prices: bool = False
    """Whether routers charge the vendor's own prices; models with open weights cost what their many hosts ask."""
    models: dict[str, Entry] = {}
    families: dict[str, Entry] = {}
    """By the beginning of names."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of the host."""

    vendor: str = ""
    router: bool = False
    local: bool = False
    prices: bool = True
    """False where it is not known that the vendor's prices apply."""


_MOST_KEPT = 1000


class _Data(msgspec.Struct, frozen=True):
    date: str
    vendors: dict[str, Vendor]
    providers: dict[str, Provider]


class Snapshot:
    """Answers from the bundled data. Making one reads nothing."""

    def __init__(self, file: Path = FILE, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._indexes: dict[str, dict[str, Entry]] = {}
        self._facts: dict[tuple[str, str], PricedFacts] = {}
        """What was asked for already. Prices may change with the day."""
        self._day = ""

    @cached_property
    def _data(self) -> _Data:
        return msgspec.json.decode(self._file.read_bytes(), type=_Data)

    @property
    def date(self) -> str:
        """The day of the snapshot, `YYYY-MM-DD`."""
        return self._data.date

    @property
    def vendors(self) -> dict[str, Vendor]:
        """All vendors by name."""
        return self._data.vendors

    def providers(self) -> Iterator[str]:
        """The providers of which models can be listed."""
        return (name for name, provider in self._data.providers.items() if provider.vendor)

    def models(self, provider: str) -> Iterator[str]:
        """The names of a vendor's own models; none for routers and local servers, whose offers change daily."""
        known = self._data.providers.get(provider)
        if known is not None and known.vendor:
            yield from self._data.vendors[known.vendor].models

    def facts(self, provider: str, model: str) -> PricedFacts:
        """What the snapshot says; the source is `assumed` where it only knows the family, or nothing."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        if self._day != day or len(self._facts) > _MOST_KEPT:
            self._day, self._facts = day, {}
        facts = self._facts.get((provider, model))
        if facts is None:
            facts = self._facts[provider, model] = self._look_up(provider, model)
        return facts

    def _look_up(self, provider: str, model: str) -> PricedFacts:
        known = self._data.providers.get(provider, Provider(prices=False))
        if known.vendor:
            return self._of_vendor(provider, model, self._data.vendors[known.vendor], known.prices)
        prefix, name, variant = split_route(model)
        if known.router:
            return self._routed(provider, model, prefix, name, variant, prices=known.prices)
        facts = self._anywhere(provider, model, prefix, name)
        if known.local and "cloud" not in variant and not name.endswith("-cloud"):
            # A model on the user's own machine is not charged for.
            return msgspec.structs.replace(facts, **_FREE)
        return facts

    def _routed(self, provider: str, model: str, prefix: str, name: str, variant: str, *, prices: bool) -> PricedFacts:
        vendor = next((each for each in self.vendors.values() if prefix in each.prefixes), None)
        if vendor is None:
            facts = self._anywhere(provider, model, prefix, name, assumed=False)
        else:
            facts = self._of_vendor(provider, model, vendor, prices and vendor.routed_prices and not variant, name)
        if prices and variant == "free":
            return msgspec.structs.replace(facts, **{**_FREE, "price_source": f"snapshot {self.date}"})
        return facts

    def _anywhere(self, provider: str, model: str, prefix: str, name: str, *, assumed: bool = True) -> PricedFacts:
        """Of a place that may serve anybody's models: taken to be the vendor's where the name is the vendor's.

        That is an assumption where nobody says that the endpoint names its models as their vendors do.
        """
        vendors = sorted(self.vendors.values(), key=lambda each: prefix not in each.prefixes)
        found = [self._of_vendor(provider, model, vendor, False, name) for vendor in vendors]
        best = next((facts for facts in found if facts.source != "assumed"), None)
        best = best or next((facts for facts in found if facts.context != ASSUMED_CONTEXT), found[0])
        return msgspec.structs.replace(best, source="assumed") if assumed else best

    def _of_vendor(self, provider: str, model: str, vendor: Vendor, prices: bool, name: str = "") -> PricedFacts:
        wanted = canonical(name or model)
        entry = self._entry(vendor, wanted) or self._entry(vendor, wanted.rpartition("/")[2])
        if entry is not None:
            facts = _facts(provider, model, entry, f"snapshot {self.date}")
            return facts if prices and self._priced(entry) else msgspec.structs.replace(facts, **NO_PRICES)
        family = family_of(wanted, list(vendor.families))
        if family:
            return _facts(provider, model, vendor.families[family], "assumed")
        return PricedFacts(provider=provider, model=model, context=ASSUMED_CONTEXT, source="assumed")

    def _priced(self, entry: Entry) -> bool:
        today = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        return entry.input_price is not None and not (entry.prices_until and today > entry.prices_until)

    def _entry(self, vendor: Vendor, wanted: str) -> Entry | None:
        index = self._indexes.get(vendor.source)
        if index is None:
            index = self._indexes[vendor.source] = {
                canonical(name): entry for key, entry in vendor.models.items() for name in (key, *entry.aliases)
            }
        return next((index[name] for name in shortened(wanted) if name in index), None)


_FREE: dict[str, Any] = {
    **NO_PRICES,
    "input_price": 0.0,
    "output_price": 0.0,
    "cached_price": 0.0,
    "cache_write_price": 0.0,
    "price_source": "local",
}


def _facts(provider: str, model: str, entry: Entry, source: str) -> PricedFacts:
    fields = {name: getattr(entry, name) for name in Entry.__struct_fields__ if name not in ("prices_until", "aliases")}
    priced = entry.input_price is not None
    fields["context"] = entry.context or ASSUMED_CONTEXT
    return PricedFacts(provider=provider, model=model, source=source, price_source=source if priced else "", **fields)
