"""What can be chosen for a conversation in the editor: its mode, its model, and how much the model thinks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from hermes_acp.modes import choose, mode_of, offered
from hermes_host.errors import HermesError, NotFound
from hermes_host.services import Catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_acp.settings import Settings
    from hermes_host.agent import Session
    from hermes_host.host import Host

__all__ = ["Options"]

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds a provider may take to say which models it has; the conversation does not wait for it."""

_LEVELS = ("default", "none", "minimal", "low", "medium", "high", "xhigh")


class Options:
    """The choices of one conversation."""

    def __init__(self, host: Host, session: Session, settings: Settings, *, allow_bypass: bool) -> None:
        self._host = host
        self._session = session
        self._settings = settings
        self._modes = offered(allow_bypass)
        self._models: Sequence[tuple[str, str]] = ()

    async def prepare(self) -> None:
        """Learn which models the catalogue knows. No network."""
        self._models = await self._catalogued()

    async def ask_provider(self) -> bool:
        """Where the catalogue knows nothing of the provider, ask it; gives whether there is more to choose from now."""
        own = f"{self._session.provider.name}:"
        if any(reference.startswith(own) for reference, _ in self._models):
            return False
        try:
            provider = await self._host.part(self._session.provider)
            async with asyncio.timeout(_PATIENCE):
                models = await provider.models()
        except (HermesError, TimeoutError) as error:
            log.info("the models of %s cannot be listed: %s", own, error)
            return False
        self._models = [*((f"{own}{model.id}", model.name or model.id) for model in models), *self._models]
        return bool(models)

    async def _catalogued(self) -> Sequence[tuple[str, str]]:
        catalog = await self._host.services.find(Catalog)
        if catalog is None:
            return ()
        present = self._session.provider.name
        usable = [item for item in self._host.providers if item.name == present or self._has_key(item.spec.secrets)]
        usable.sort(key=lambda item: item.name != present)
        return [
            (f"{item.name}:{facts.model}", facts.name or facts.model)
            for item in usable
            for facts in catalog.models(item.name)
            if facts.tools
        ]

    def _has_key(self, names: Sequence[str]) -> bool:
        return any(self._host.secrets.get(name) for name in names)

    # ------------------------------------------------------------------------------------------------- showing

    def state(self) -> dict[str, Any]:
        """For the answers that open a conversation: as configuration options, and in the older forms besides."""
        models = [{"modelId": value, "name": name} for value, name in self.models()]
        return {
            "configOptions": self.listed(),
            "modes": {"currentModeId": self.mode, "availableModes": [mode._asdict() for mode in self._modes]},
            "models": {"currentModelId": self._session.model, "availableModels": models},
        }

    def listed(self) -> list[dict[str, Any]]:
        """The configuration options with their present values."""
        modes = [{"value": mode.id, "name": mode.name, "description": mode.description} for mode in self._modes]
        models = [{"value": value, "name": name} for value, name in self.models()]
        levels = [{"value": level, "name": level.capitalize()} for level in _LEVELS]
        return [
            _select("mode", "Mode", "mode", self.mode, modes),
            _select("model", "Model", "model", self._session.model, models),
            _select(
                "thought_level", "Thinking", "thought_level", self._session.settings.reasoning or "default", levels
            ),
        ]

    def models(self) -> Sequence[tuple[str, str]]:
        """References and names of models, the present one among them."""
        known = dict(self._models)
        present = self._session.model
        first = {present: known.get(present, self._session.model_name or present)}
        return list({**first, **known}.items())[: self._settings.models]

    @property
    def mode(self) -> str:
        """The id of the present mode."""
        return mode_of(self._session.context)

    # ------------------------------------------------------------------------------------------------ choosing

    async def choose(self, option: str, value: str) -> None:
        """Choose. Raises `NotFound` or another `HermesError` and then changes nothing."""
        if option == "mode":
            self.choose_mode(value)
        elif option == "model":
            await self._session.use_model(value)
        elif option == "thought_level":
            if value not in _LEVELS:
                raise NotFound(f"There is no level {value!r}.", remedy=f"There are: {', '.join(_LEVELS)}.")
            self._session.set_reasoning("" if value == "default" else value)
        else:
            raise NotFound(f"There is no option {option!r}.", remedy="There are: mode, model, thought_level.")

    def choose_mode(self, value: str) -> None:
        """Go into a mode. Raises `NotFound`."""
        if value not in {mode.id for mode in self._modes}:
            names = ", ".join(mode.id for mode in self._modes)
            raise NotFound(f"There is no mode {value!r} here.", remedy=f"There are: {names}.")
        choose(self._session, value)


def _select(name: str, title: str, category: str, value: str, options: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "type": "select",
        "id": name,
        "name": title,
        "category": category,
        "currentValue": value,
        "options": options,
    }
