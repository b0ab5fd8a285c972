"""A check for `hermes doctor`: settings that name models, providers or keys in vain. No request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hermes_host.protocols import CheckResult
from hermes_host.services import Catalog, Conversations
from hermes_resilience.candidates import Candidate, read_candidates
from hermes_resilience.settings import Settings, SmartModelRouting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hermes_host.context import PluginContext

__all__ = ["settings"]


@runtime_checkable
class _KnowsProviders(Protocol):
    """The host, which is what offers `Conversations`."""

    @property
    def providers(self) -> Any:
        """The registry of providers."""
        ...


async def settings(context: PluginContext) -> Iterable[CheckResult]:
    """What of the fallback models, pools and routes cannot be used, and why."""
    own = context.section(Settings, "resilience")
    results: list[CheckResult] = []
    pools: Mapping[str, Sequence[str]] = context.section(dict, "credential_pools")
    written = dict(_written(context, own.fallback_models))
    host = await context.services.find(Conversations)
    catalog = await context.services.find(Catalog)
    providers = host.providers if isinstance(host, _KnowsProviders) else None
    count = 0
    for place, value in written.items():
        candidates, faults = read_candidates(value)
        count += len(candidates)
        results += [_warning(place, fault, f"See `hermes config show {place.partition('.')[0]}`.") for fault in faults]
        for candidate in candidates:
            results += _of_candidate(place, candidate, providers, catalog)
    results += _of_pools(pools, providers)
    detail = f"models to ask instead: {count}; pools of keys: {len(pools)}" if count or pools else "no fallback is set"
    return [CheckResult(name="model fallbacks", status="ok", detail=detail), *results]


def _written(context: PluginContext, fallback_models: object) -> Iterator[tuple[str, object]]:
    yield "resilience.fallback_models", fallback_models
    yield "fallback_model", context.section(object, "fallback_model")
    for task, value in context.section(dict, "auxiliary_fallbacks").items():
        yield f"auxiliary_fallbacks.{task}", value
    routing = context.section(SmartModelRouting, "smart_model_routing")
    if routing.enabled:
        yield "smart_model_routing.cheap_model", routing.cheap_model


def _of_candidate(place: str, candidate: Candidate, providers: Any, catalog: Catalog | None) -> Iterator[CheckResult]:
    if not candidate.provider:
        return
    if providers is not None and candidate.provider not in providers:
        names = ", ".join(providers.names())
        yield _warning(place, f"There is no provider {candidate.provider!r}.", f"There are: {names}.")
        return
    known = [facts.model for facts in catalog.models(candidate.provider)] if catalog is not None else []
    if known and candidate.model not in known:
        detail = f"The catalogue knows no model {candidate.model!r} at {candidate.provider}."
        yield _warning(place, detail, f"See `hermes model list {candidate.provider}`.")


def _of_pools(pools: Mapping[str, Sequence[str]], providers: Any) -> Iterator[CheckResult]:
    for name in pools:
        place = f"credential_pools.{name}"
        if providers is None:
            continue
        if name in providers and providers.get(name).name != name:
            detail = f"{name} is another name of {providers.get(name).name}, and pools go by the provider's own."
            yield _warning(place, detail, f"Write credential_pools.{providers.get(name).name}.")
        elif name not in providers:
            yield _warning(place, f"There is no provider {name!r}.", f"There are: {', '.join(providers.names())}.")
        elif not providers.get(name).spec.secrets:
            detail = f"{name} takes no key from a variable, so its pool has no effect."
            yield _warning(place, detail, "Remove the pool, or use a provider that names its secrets.")


def _warning(place: str, detail: str, remedy: str) -> CheckResult:
    return CheckResult(name=place, status="warning", detail=detail, remedy=remedy)
