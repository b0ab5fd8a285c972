"""What is known about models: what their provider says, and what the catalogue adds where one is installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hermes_host.errors import ConnectionLost, HermesError, PluginError
from hermes_host.plugins import describe
from hermes_host.protocols import ModelInfo
from hermes_host.services import Catalog, ModelFacts
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec

__all__ = [
    "ANSWER_LIMIT",
    "Known",
    "Offered",
    "ask",
    "ask_all",
    "find_catalog",
    "known",
    "offered_by_catalog",
    "reason",
]

ANSWER_LIMIT = 10.0
"""Seconds a provider may take to say which models it has."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one model, and from where. Token counts are 0 and prices None where unknown."""

    provider: str
    model: str
    name: str = ""
    context: int = 0
    max_output: int = 0
    facts: ModelFacts | None = None
    """The catalogue's word; None without a catalogue."""
    said: bool = False
    """Whether the context is what the provider said itself."""

    @property
    def assumed(self) -> bool:
        """Whether nobody knows the model, so that its context is an assumption."""
        return self.facts is not None and self.facts.source == "assumed" and not self.said

    @property
    def origin(self) -> str:
        """Where this is from."""
        if self.said:
            also = f", {self.facts.source}" if self.facts and self.facts.source not in ("", "assumed") else ""
            return f"{self.provider}{also}"
        return self.facts.source if self.facts else ""

    @property
    def context_text(self) -> str:
        """`200k`, `1M`; with a question mark where it is assumed; empty where unknown."""
        return _tokens(self.context) + ("?" if self.assumed and self.context else "")

    @property
    def price_text(self) -> str:
        """US dollars per million tokens in and out: `$3 / $15`; `free`; empty where unknown."""
        facts = self.facts
        if facts is None or (facts.input_price is None and facts.output_price is None):
            return ""
        if facts.input_price == facts.output_price == 0:
            return "free"
        return f"{_dollars(facts.input_price)} / {_dollars(facts.output_price)}"

    @property
    def assumptions(self) -> str:
        """What is taken to be so of a model that nobody knows."""
        facts = self.facts
        if facts is None:
            return ""
        takes = " and ".join(sorted(facts.inputs, key=lambda kind: (kind != "text", kind)))
        tools = "can use tools" if facts.tools else "cannot use tools"
        return f"a context of {self.context:,} tokens, takes {takes}, {tools}, {self.price_text or 'price unknown'}"

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        told: dict[str, Any] = {
            "id": self.model,
            "name": self.name,
            "provider": self.provider,
            "context": self.context,
            "max_output": self.max_output,
            "source": self.origin,
        }
        if self.facts is not None:
            plain = ("input_price", "output_price", "cached_price", "cache_write_price", "reasoning", "tools")
            told.update({field: getattr(self.facts, field) for field in plain}, inputs=sorted(self.facts.inputs))
        return told


def known(catalog: Catalog | None, provider: str, info: ModelInfo) -> Known:
    """What is known about a model. The user's own word wins, then what the provider said, then the catalogue."""
    facts = catalog.facts(provider, info.id) if catalog is not None else None
    users = facts is not None and facts.source == "user"
    said = bool(info.context) and not users
    context = info.context if said or facts is None else facts.context
    outputs = (info.max_output, facts.max_output if facts else 0)
    name = info.name or (facts.name if facts else "")
    return Known(
        provider=provider,
        model=info.id,
        name=name,
        context=context,
        max_output=next(filter(None, reversed(outputs) if users else outputs), 0),
        facts=facts,
        said=said,
    )


def _tokens(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    if count >= 1000:
        return f"{round(count / 1000)}k"
    return str(count) if count else ""


def _dollars(price: float | None) -> str:
    if price is None:
        return "?"
    cents = f"{price:.6f}".rstrip("0").rstrip(".")
    return f"${price:.2f}" if cents != f"{price:.0f}" and float(f"{price:.2f}") == price else f"${cents}"


async def find_catalog(host: Host) -> Catalog | None:
    """The catalogue, or None where there is none or it cannot be used."""
    try:
        return await host.services.find(Catalog)
    except HermesError:
        return None  # the plugin's problem is told by `hermes plugins` and `hermes doctor`


def offered_by_catalog(catalog: Catalog | None, provider: str) -> Sequence[ModelInfo]:
    """The models of a provider that the catalogue knows."""
    return [ModelInfo(id=facts.model) for facts in (catalog.models(provider) if catalog is not None else ())]


class Offered(NamedTuple):
    """A provider's answer: its models, or why there is none."""

    provider: Contribution[ProviderSpec]
    models: Sequence[ModelInfo] = ()
    error: HermesError | None = None


def reason(host: Host, offered: Offered) -> str:
    """Why there is no answer, in one line without secrets; empty where there is an answer."""
    return one_line(host.secrets.redact(str(offered.error)), 200) if offered.error is not None else ""


async def ask(host: Host, provider: Contribution[ProviderSpec], limit: float | None = ANSWER_LIMIT) -> Offered:
    """Ask a provider for its models. What goes wrong is in the answer; only cancelling raises."""
    try:
        async with asyncio.timeout(limit):
            # Importing a vendor's SDK takes a second or two: meanwhile a spinner shall turn and other answers come.
            await asyncio.to_thread(host.target, provider, provider.spec.target)
            part = await host.part(provider)
            found = _distinct(await part.models())
    except TimeoutError:
        return Offered(provider=provider, error=ConnectionLost(f"no answer within {limit:g} s"))
    except HermesError as error:
        return Offered(provider=provider, error=error)
    except Exception as error:  # noqa: BLE001 - the boundary to foreign code: a bad plugin hurts only itself
        return Offered(provider=provider, error=PluginError(f"plugin {provider.plugin!r} failed: {describe(error)}"))
    return Offered(provider=provider, models=found)


async def ask_all(
    host: Host, providers: Iterable[Contribution[ProviderSpec]], limit: float | None = ANSWER_LIMIT
) -> Sequence[Offered]:
    """Ask several providers at the same time; the answers in the order of the providers."""
    return await asyncio.gather(*(ask(host, provider, limit) for provider in providers))


def _distinct(found: Iterable[object]) -> Sequence[ModelInfo]:
    """Each model once, and only what is one."""
    return list({info.id: info for info in found if isinstance(info, ModelInfo) and info.id}.values())
