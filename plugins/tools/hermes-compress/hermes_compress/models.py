"""What fits the models that are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compress.settings import ASSUMED_CONTEXT
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_compress.settings import Settings
    from hermes_host.agent.session import Session
    from hermes_host.services import Catalog

__all__ = ["Models"]


class Models:
    """Contexts of models in tokens: from the catalogue where it knows, from the settings, else assumed."""

    def __init__(self, settings: Settings, catalog: Catalog | None) -> None:
        self._settings = settings
        self._catalog = catalog
        self._known: dict[tuple[str, str], int] = {}

    def context(self, provider: str, model: str) -> int:
        """The context of a model."""
        key = (provider, model)
        if key not in self._known:
            self._known[key] = self._find(provider, model)
        return self._known[key]

    def _find(self, provider: str, model: str) -> int:
        facts = self._catalog.facts(provider, model) if self._catalog is not None else None
        if facts is not None and facts.context and facts.source != "assumed":
            return facts.context
        return self._settings.context or (facts.context if facts is not None else 0) or ASSUMED_CONTEXT

    def summarising(self, session: Session) -> tuple[str, str]:
        """Provider and model that `auxiliary.compression` names, else those of the conversation."""
        setting = session.host.config.section("auxiliary").get("compression")
        if setting is not None and (setting.model or setting.provider not in ("", "auto", "main")):
            try:
                chosen, model = session.host.resolve_model(setting.model, setting.provider)
                return chosen.name, model
            except HermesError:
                pass  # the summary will fail of it, and say so
        return session.provider.name, session.model_name
