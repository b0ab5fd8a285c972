"""The one place where models are called: every request, of a turn or of side work, passes the same middleware."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from hermes_host.dispatch import chain_model
from hermes_host.errors import ConnectionLost, NotFound
from hermes_host.protocols import ModelRequest, ModelSettings, Provider
from hermes_host.stream import MessageEnded, ProviderEvent, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.host import Host
    from hermes_host.messages import Message
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec

__all__ = ["ModelCalls"]


class ModelCalls:
    """Calls models for one host; implements the service `Auxiliary`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pooled: dict[tuple[str, str], Provider] = {}
        self._ready: dict[tuple[str, str], Provider] = {}
        self._chain: Any = None

    def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """Answer a request; `request.provider` says whom to ask. Raises `ProviderError`, `NotFound`."""
        return self._chain(request) if self._chain is not None else self._first(request)

    # Every generator around a stream is paid for with each of its deltas. So the two below stand only around the first
    # answers of a process, until the middleware and the provider are made.

    async def _first(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        self._chain = chain_model(await self._host.middleware_parts("model"), self._ask_provider)
        async with aclosing(self._chain(request)) as events:
            async for event in events:
                yield event

    def _ask_provider(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        ready = self._ready.get((request.provider, request.credential))
        return ready.stream(request) if ready is not None else self._ask_new_provider(request)

    async def _ask_new_provider(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        provider = await self.provider(request.provider, request.credential)
        self._ready[request.provider, request.credential] = provider
        async with aclosing(provider.stream(request)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def provider(self, name: str, credential: str = "") -> Provider:
        """The live provider; with `credential`, one of its own that uses that secret as its key."""
        contribution: Contribution[ProviderSpec] = self._host.providers.get(name)
        if not credential:
            part: Provider = await self._host.part(contribution)
            return part
        key = (contribution.name, credential)
        if key not in self._pooled:
            make = self._host.target(contribution, contribution.spec.target)
            made = make(self._with_credential(contribution, credential), contribution.spec)
            self._pooled[key] = await made if hasattr(made, "__await__") else made
        return self._pooled[key]

    def _with_credential(self, contribution: Contribution[ProviderSpec], credential: str) -> PluginContext:
        """The plugin's context, in which the provider's own key has the value of another secret."""
        own = frozenset(contribution.spec.secrets)
        context = self._host.context(contribution.plugin)

        def secret(name: str) -> str:
            return self._host.secrets.get(credential if name in own else name)

        return context.with_secrets(secret)

    async def ask(
        self,
        task: str,
        messages: Sequence[Message],
        *,
        system: str = "",
        session_id: str = "",
        settings: ModelSettings | None = None,
        timeout: float | None = None,
    ) -> MessageEnded:
        """See `hermes_host.services.Auxiliary`."""
        setting = self._host.config.section("auxiliary").get(task)
        provider, model = self._model_for(setting, session_id)
        seconds = timeout if timeout is not None else (setting.timeout if setting else 120.0)
        request = ModelRequest(
            provider=provider,
            model=model,
            messages=tuple(messages),
            system=system,
            settings=settings or ModelSettings(),
            session_id=session_id,
            purpose=task,
            timeout=seconds,
        )
        try:
            async with asyncio.timeout(seconds):
                return await fold(self.stream(request))
        except TimeoutError:
            raise ConnectionLost(f"The model for {task} did not answer within {seconds:g} s.") from None

    def _model_for(self, setting: Any, session_id: str) -> tuple[str, str]:
        session = self._host.session(session_id)
        named = setting.provider if setting and setting.provider not in ("auto", "main") else ""
        if setting and (setting.model or named):
            own = session.provider.name if session is not None else ""
            chosen, model = self._host.resolve_model(setting.model, named, default_provider=own)
            return chosen.name, model
        if session is not None:
            return session.provider.name, session.model_name
        chosen, model = self._host.resolve_model()
        if not model:
            raise NotFound("No model is chosen for side work.", remedy="Set `auxiliary.TASK.model`.")
        return chosen.name, model

    async def aclose(self) -> None:
        """Close the providers made for other keys."""
        for provider in self._pooled.values():
            await provider.aclose()
        self._pooled.clear()
        self._ready.clear()
