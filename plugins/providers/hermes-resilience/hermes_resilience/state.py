"""What is remembered from call to call in one process: pauses, pools of keys, and who answers in place of whom."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from hermes_host.protocols import TimeLimits
from hermes_resilience.candidates import Candidate, read_candidates
from hermes_resilience.cooldowns import Clock, Cooldowns
from hermes_resilience.credentials import Pools
from hermes_resilience.retries import Retries
from hermes_resilience.routing import is_trivial
from hermes_resilience.settings import Settings, SmartModelRouting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_host.protocols import ModelRequest

__all__ = ["State"]

_CONVERSATIONS = 1024
_Key = tuple[str, str]


class State:
    """The settings, decoded once, and what has happened."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        fallback_model: object = (),
        auxiliary_fallbacks: Mapping[str, Sequence[object]] | None = None,
        credential_pools: Mapping[str, Sequence[str]] | None = None,
        routing: SmartModelRouting | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """The arguments are the plugin's sections; `clock` measures the pauses of models and keys, in seconds."""
        self.settings = settings or Settings()
        self.retries = Retries(self.settings)
        self._limits = TimeLimits(
            connect=self.settings.connect_timeout or None,
            read=self.settings.read_timeout or None,
            write=self.settings.write_timeout or None,
        )
        self.cooldowns = Cooldowns(self.settings.cooldown, self.settings.cooldown_limit, clock)
        self.pools = Pools(credential_pools or {}, self.cooldowns)
        self._fallbacks = (
            *read_candidates(self.settings.fallback_models)[0],
            *read_candidates(fallback_model)[0],
        )
        self._auxiliary = {task: read_candidates(list(given))[0] for task, given in (auxiliary_fallbacks or {}).items()}
        self._routing = routing or SmartModelRouting()
        cheap = read_candidates(self._routing.cheap_model)[0]
        self._cheap = cheap[0] if cheap and self._routing.enabled else None
        self._answering: OrderedDict[_Key, tuple[_Key, _Key]] = OrderedDict()

    def limits(self, request: ModelRequest) -> TimeLimits:
        """How long the stages of each attempt may take. What a request says itself goes first."""
        said, ours = request.limits, self._limits
        if said == TimeLimits():
            return ours
        return TimeLimits(
            connect=ours.connect if said.connect is None else said.connect,
            read=ours.read if said.read is None else said.read,
            write=ours.write if said.write is None else said.write,
        )

    def fallbacks(self, request: ModelRequest) -> Sequence[Candidate]:
        """Who may be asked in place of the model of a request. A task without a list of its own has the general one."""
        found = self._fallbacks if request.purpose == "turn" else self._auxiliary.get(request.purpose, self._fallbacks)
        return [candidate.at(request.provider) for candidate in found]

    def route(self, request: ModelRequest) -> Candidate | None:
        """The cheaper model, where the request is trivial."""
        if self._cheap is None or request.credential or not is_trivial(request, self._routing):
            return None
        cheap = self._cheap.at(request.provider)
        return None if cheap.key == (request.provider, request.model) or self.cooldowns.left(cheap.key) else cheap

    def pause(self, candidate: Candidate, asked: float | None) -> None:
        """Leave a model alone after it failed."""
        self.cooldowns.pause(candidate.key, asked or 0.0)

    def answering(self, request: ModelRequest) -> _Key | None:
        """Who answered last in this conversation in place of the model of the request; None for that model itself."""
        meant, used = self._answering.get((request.session_id, request.purpose), (None, None))
        return used if meant == (request.provider, request.model) else None

    def answered(self, request: ModelRequest, candidate: Candidate) -> None:
        """Remember who answered, so that a change is told once and not with every request."""
        place, meant = (request.session_id, request.purpose), (request.provider, request.model)
        self._answering.pop(place, None)
        if candidate.key != meant:
            self._answering[place] = (meant, candidate.key)
            if len(self._answering) > _CONVERSATIONS:
                self._answering.popitem(last=False)
