"""`hermes model` on a terminal: first the provider, then its key where that is missing, then the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hermes_host.cli.picker import BACK, Choices, Column, pick
from hermes_host.cli.picker_endpoint import Endpoint, ask_endpoint, probed
from hermes_host.cli.picker_facts import (
    ANSWER_LIMIT,
    Known,
    Offered,
    ask,
    find_catalog,
    known,
    offered_by_catalog,
    reason,
)
from hermes_host.cli.picker_prompts import NotWaited, WentBack, ask_line, waited
from hermes_host.cli.picker_providers import current_model, key_address, key_state, sorted_providers
from hermes_host.cli.picker_terminal import PickerTerminal, Row
from hermes_host.config.secret import is_dummy_key
from hermes_host.errors import AuthFailed, ConfigError, ConnectionLost, Unsupported
from hermes_host.protocols import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.services import Catalog
    from hermes_host.specs import ProviderSpec

__all__ = ["Selection", "choose_model"]


class Selection(NamedTuple):
    """What the user chose."""

    provider: Contribution[ProviderSpec]
    model: str
    unlisted: Known | None = None
    """What is assumed of a model that neither the provider nor the catalogue names."""
    endpoint: Endpoint | None = None
    """The address to save, for the provider `custom`."""


async def choose_model(host: Host) -> Selection | None:
    """Let the user choose; None when they go back without. Raises `Left` on Ctrl+C. Only keys are stored here."""
    providers = sorted_providers(host)
    async with PickerTerminal() as terminal:
        return await _Flow(host, terminal, providers).run()


class _Flow:
    def __init__(self, host: Host, terminal: PickerTerminal, providers: Sequence[Contribution[ProviderSpec]]) -> None:
        self._host = host
        self._terminal = terminal
        self._providers = providers
        self._current = current_model(host)
        self._catalog: Catalog | None = None

    async def run(self) -> Selection | None:
        names = [item.name for item in self._providers]
        place = names.index(self._current[0]) if self._current[0] in names else 0
        while True:
            result = await pick(self._terminal, self._provider_choices(place))
            if result is BACK:
                return None
            place = result.index
            self._catalog = await find_catalog(self._host)
            try:
                return await self._of_provider(self._providers[place])
            except WentBack:
                continue

    async def _of_provider(self, provider: Contribution[ProviderSpec]) -> Selection:
        """Ask for a model, and before that for what is missing. Raises `WentBack`."""
        if provider.name == "custom":
            return await self._of_endpoint(provider)
        typed_key = key_state(self._host, provider) == "missing" and await self._ask_key(provider)
        offered = await self._ask(self._host, provider)
        while typed_key and isinstance(offered.error, AuthFailed):
            typed_key = await self._ask_key(provider, f"The key was refused: {reason(self._host, offered)}")
            if typed_key:
                offered = await self._ask(self._host, provider)
        return await self._ask_model(offered)

    async def _of_endpoint(self, provider: Contribution[ProviderSpec]) -> Selection:
        endpoint = None
        while True:
            endpoint = await ask_endpoint(self._host, self._terminal, endpoint)
            try:
                async with probed(self._host, endpoint) as host:
                    offered = await self._ask(host, host.providers.get(provider.name))
                selection = await self._ask_model(offered, at=endpoint.url)
            except WentBack:
                continue
            return selection._replace(provider=provider, endpoint=endpoint)

    # ------------------------------------------------------------------------------------------------- providers

    def _provider_choices(self, start: int) -> Choices:
        names = [item.name for item in self._providers]
        states = [key_state(self._host, item) for item in self._providers]

        def cells(index: int) -> Sequence[str]:
            return names[index], states[index], self._providers[index].spec.summary

        widest = max(len("provider"), *map(len, names))
        return Choices(
            label="Provider",
            columns=[Column("provider", min(24, widest)), Column("key", 10), Column("")],
            names=names,
            cells=cells,
            start=start,
            current=names.index(self._current[0]) if self._current[0] in names else -1,
        )

    # ------------------------------------------------------------------------------------------------------ keys

    async def _ask_key(self, provider: Contribution[ProviderSpec], fault: str = "") -> bool:
        """Ask for the key and store it; False when the user goes on without."""
        names = provider.spec.secrets
        others = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
        place = key_address(provider)
        notes = [
            *([fault] if fault else []),
            f"{provider.name} needs the key {names[0]}{others}{'' if fault else ', which is not set'}."
            + (f" Get one at {place}." if place else ""),
            "Nothing is shown while you type or paste. Enter alone skips, Esc goes back, Ctrl+C leaves.",
        ]

        def refusal(answer: str) -> str:
            if answer and is_dummy_key(answer):
                return "That is no key."
            try:
                self._host.secrets.check(names[0], answer)
            except ConfigError as error:
                return str(error)
            return ""

        key = await ask_line(self._terminal, names[0], notes, hidden=True, refusal=refusal)
        if not key:
            return False
        self._host.secrets.set(names[0], key)
        await self._host.aclose()  # what was built with another key, or without one
        self._terminal.say(f"Stored {names[0]} in {self._host.secrets.file}.")
        return True

    # ---------------------------------------------------------------------------------------------------- models

    async def _ask(self, host: Host, provider: Contribution[ProviderSpec]) -> Offered:
        try:
            work = ask(host, provider, None)
            return await waited(self._terminal, f"Asking {provider.name} for its models…", work, ANSWER_LIMIT)
        except NotWaited:
            return Offered(provider=provider, error=ConnectionLost("you did not wait"))
        except TimeoutError:
            return Offered(provider=provider, error=ConnectionLost(f"no answer within {ANSWER_LIMIT:g} s"))

    async def _ask_model(self, offered: Offered, at: str = "") -> Selection:
        provider = offered.provider
        listed = offered.models or self._from_catalog(provider)
        result = await pick(self._terminal, self._model_choices(offered, listed, at))
        if result is BACK:
            raise WentBack
        if result.index >= 0:
            return Selection(provider, listed[result.index].id)
        return Selection(provider, result.text, known(self._catalog, provider.name, ModelInfo(id=result.text)))

    def _from_catalog(self, provider: Contribution[ProviderSpec]) -> Sequence[ModelInfo]:
        listed = list(offered_by_catalog(self._catalog, provider.name))
        default = provider.spec.default_model
        if default and all(info.id != default for info in listed):
            listed.insert(0, ModelInfo(id=default))
        return listed

    def _model_choices(self, offered: Offered, listed: Sequence[ModelInfo], at: str) -> Choices:
        provider = offered.provider
        names = [info.id for info in listed]
        now = self._current[1] if self._current[0] == provider.name else ""
        start = next((names.index(name) for name in (now, provider.spec.default_model) if name in names), 0)

        def cells(index: int) -> Sequence[str]:
            one = known(self._catalog, provider.name, listed[index])
            return names[index], one.context_text, one.price_text

        def other(text: str) -> Sequence[str]:
            one = known(self._catalog, provider.name, ModelInfo(id=text))
            return f"use {text!r} as it is", one.context_text, one.price_text

        return Choices(
            label=f"Model of {provider.name}",
            columns=[Column("model"), Column("context", 7, right=True), Column("in / out per M", 17, right=True)],
            names=names,
            cells=cells,
            start=start,
            current=names.index(now) if now in names else -1,
            other=other,
            notes=self._model_notes(offered, listed, at),
        )

    def _model_notes(self, offered: Offered, listed: Sequence[ModelInfo], at: str) -> tuple[Row, ...]:
        if offered.models:
            return ()
        name = at or offered.provider.name
        if offered.error is None or isinstance(offered.error, Unsupported):
            why = Row(f"{name} does not say which models it has.", "dim")
        elif isinstance(offered.error, AuthFailed) and key_state(self._host, offered.provider) == "missing":
            why = Row(f"{name} was not asked: {offered.provider.spec.secrets[0]} is not set.", "warning")
        else:
            why = Row(f"{name} could not be asked: {reason(self._host, offered)}", "warning")
        what = "These are known; any other name can be typed." if listed else "Type the model's name and press Enter."
        return why, Row(what, "dim")
