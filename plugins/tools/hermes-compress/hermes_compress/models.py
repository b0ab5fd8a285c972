"""What fits the models that are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hermes_compress.settings import ASSUMED_CONTEXT
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_compress.settings import Settings
    from hermes_host.agent.session import Session
    from hermes_host.services import Catalog, ModelFacts

__all__ = ["Models", "Writer"]

_ROOM_TO_THINK = 8_000
"""Tokens that a reasoning model may use before it writes; vendors count them as output."""


class Writer(NamedTuple):
    """The model that writes a summary; sizes in tokens, `max_output` 0 where unknown."""

    name: str
    """`provider:model`."""
    context: int
    max_output: int
    reasoning: bool

    def room(self, tokens: int) -> int:
        """The output to allow for a summary of so many tokens: twice that, and what it takes to think."""
        wanted = 2 * tokens + (_ROOM_TO_THINK if self.reasoning else 0)
        return min(wanted, self.max_output) if self.max_output else wanted


class Models:
    """What is known of models: from the catalogue where it knows, from the settings, else assumed."""

    def __init__(self, settings: Settings, catalog: Catalog | None) -> None:
        self._settings = settings
        self._catalog = catalog

    def context(self, provider: str, model: str) -> int:
        """The context of a model in tokens."""
        facts = self._facts(provider, model)
        if facts is not None and facts.context and facts.source != "assumed":
            return facts.context
        return self._settings.context or (facts.context if facts is not None else 0) or ASSUMED_CONTEXT

    def writer(self, session: Session) -> Writer:
        """The model that `auxiliary.compression` names, else that of the conversation."""
        provider, model = session.provider.name, session.model_name
        setting = session.host.config.section("auxiliary").get("compression")
        if setting is not None and (setting.model or setting.provider not in ("", "auto", "main")):
            try:
                chosen, model = session.host.resolve_model(setting.model, setting.provider)
                provider = chosen.name
            except HermesError:
                pass  # asking will fail of it, and say so
        facts = self._facts(provider, model)
        known = facts is not None and facts.source != "assumed"
        return Writer(
            f"{provider}:{model}",
            self.context(provider, model),
            facts.max_output if facts is not None and known else 0,
            facts.reasoning if facts is not None else False,
        )

    def _facts(self, provider: str, model: str) -> ModelFacts | None:
        return self._catalog.facts(provider, model) if self._catalog is not None else None
