"""The service `Catalog`: the user's facts over the vendor's over the snapshot's over stated assumptions."""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hermes_catalog.facts import PricedFacts, over
from hermes_catalog.settings import ConfiguredModel, ModelSetting, Settings
from hermes_catalog.snapshot import Snapshot
from hermes_catalog.vendor import VendorCache
from hermes_host.errors import NotFound, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_host.host import Host
    from hermes_host.protocols import ModelInfo
    from hermes_host.specs import ServiceSpec

__all__ = ["ModelCatalog", "connect"]


async def connect(context: PluginContext, spec: ServiceSpec) -> ModelCatalog:
    """Make the service; `hermes_host.host` is asked for the configured model and for providers, where there is one."""
    from hermes_host.host import Host
    from hermes_host.services import Conversations

    conversations = await context.services.find(Conversations)
    return ModelCatalog(
        context.section(Settings, "catalog"),
        context.cache_directory,
        context_length=context.section(ConfiguredModel, "model").context_length,
        host=conversations if isinstance(conversations, Host) else None,
    )


class ModelCatalog:
    """Implements `hermes_host.services.Catalog`. All its facts are `PricedFacts`."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        *,
        context_length: int = 0,
        host: Host | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`directory` is where vendors' answers are kept; `context_length` belongs to the model the host is configured
        to use. Without a `host` there is none, and nothing is refreshed."""
        self.snapshot = Snapshot(clock=clock)
        self.vendors = VendorCache(directory, days=settings.vendor_days, clock=clock)
        self._settings = settings
        self._host = host
        self._context_length = context_length

    # ------------------------------------------------------------------------------------------------- looking up

    def facts(self, provider: str, model: str) -> PricedFacts:
        """What is known; see `Catalog.facts`."""
        facts = self.snapshot.facts(provider, model)
        facts = over(facts, "vendor", self._from_vendor(provider, model))
        facts = over(facts, "user", self._from_user(provider, model))
        configured = self._configured_context(provider, model)
        return over(facts, "user", {"context": configured} if configured else {})

    def models(self, provider: str = "") -> Sequence[PricedFacts]:
        """The models that the user, the vendor or the snapshot names, each once."""
        providers = [provider] if provider else self._providers()
        return [self.facts(each, name) for each in providers for name in self._names(each)]

    def _providers(self) -> Sequence[str]:
        users = [key.partition(":")[0] for key in self._settings.models]
        return list(dict.fromkeys([*self.snapshot.providers(), *self.vendors.providers(), *users]))

    def _names(self, provider: str) -> Sequence[str]:
        users = [name for each, _, name in (key.partition(":") for key in self._settings.models) if each == provider]
        offered = [info.id for info in self.vendors.models(provider)]
        # Where the vendor said what it has, the snapshot is not asked which models there are.
        return list(dict.fromkeys([*users, *(offered or self.snapshot.models(provider))]))

    def _from_vendor(self, provider: str, model: str) -> dict[str, Any]:
        info = self.vendors.model(provider, model)
        if info is None:
            return {}
        said = {"name": info.name, "context": info.context, "max_output": info.max_output}
        known = {name: value for name, value in said.items() if value}
        return known if info.context or info.max_output else {}

    def _from_user(self, provider: str, model: str) -> dict[str, Any]:
        setting = self._settings.models.get(f"{provider}:{model}")
        if setting is None:
            return {}
        said = {name: getattr(setting, name) for name in ModelSetting.__struct_fields__}
        known = {name: value for name, value in said.items() if value is not None}
        if "inputs" in known:
            known["inputs"] = frozenset(known["inputs"])
        return known

    @cached_property
    def _configured(self) -> tuple[str, str]:
        """Provider and model of the configuration; the model is empty when it is the provider's only one."""
        try:
            return _reference(self._host) if self._host is not None else ("", "")
        except NotFound:
            return "", ""

    def _configured_context(self, provider: str, model: str) -> int:
        if not self._context_length:
            return 0
        return (
            self._context_length if (provider, model) == self._configured or (provider, "") == self._configured else 0
        )

    # --------------------------------------------------------------------------------------------------- learning

    def learn(self, provider: str, infos: Sequence[ModelInfo]) -> None:
        """Keep what a provider said of its models. Raises `OSError` when the disk refuses."""
        self.vendors.store(provider, infos)

    async def refresh(self, provider: str, *, timeout: float = 30.0) -> int:
        """Ask a provider for its models and keep the answer; gives how many there are.

        `timeout` is in seconds. Raises `NotFound`, `ProviderError`, `TimeoutError`, or `Unsupported` where the
        provider cannot tell.
        """
        if self._host is None:
            raise Unsupported("Providers cannot be asked without a host.")
        async with asyncio.timeout(timeout):
            part = await self._host.model_calls.provider(provider)
            infos = await part.models()
        name = self._host.providers.get(provider).name
        await asyncio.to_thread(self.learn, name, tuple(infos))
        return len(infos)


def _reference(host: Host) -> tuple[str, str]:
    provider, model = host.resolve_model()
    return provider.name, model
