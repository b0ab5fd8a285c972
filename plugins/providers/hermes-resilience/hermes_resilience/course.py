"""The course of one call: who is asked, with which key, how often, and what comes after a failure.

After a failure, in this order: another key, the same model again, another model, the error.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    HermesError,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
)
from hermes_resilience import notices
from hermes_resilience.candidates import Candidate
from hermes_resilience.retries import EmptyAnswer, Stalled, asked_wait, public
from hermes_resilience.stalls import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.protocols import ModelRequest
    from hermes_host.stream import ProviderNotice
    from hermes_resilience.state import State

__all__ = ["Course"]

_BELONGS_TO_THE_REQUEST = (BadRequest, ContextTooLong, ContentRefused)
"""Failures that say nothing about the health of the model that was asked."""


class Course:
    """Decides for one call. `request` is the one to send next; give up when `after` raises."""

    def __init__(self, state: State, request: ModelRequest) -> None:
        settings = state.settings
        self._state = state
        self._asked = request
        seconds = settings.total_timeout if request.timeout is None else min(settings.total_timeout, request.timeout)
        self._loop = asyncio.get_running_loop()
        self.limits = Limits(
            max(settings.first_event_timeout, settings.read_timeout),
            max(settings.stale_timeout, settings.read_timeout),
            self._loop.time() + seconds,
        )
        self._primary = Candidate.of(request)
        self._route = state.route(request)
        self._waiting, self._resting = self._order()
        self._candidate = self._waiting.pop(0)
        self._credential = self._key()
        self._keys = {self._credential}
        self._failed: dict[str, HermesError] = {}
        self._garbled = False
        self._tries = 1
        self._last_resort = False

    def _order(self) -> tuple[list[Candidate], int]:
        """Everybody who may be asked, best first, and how many at the end are those that are to be left alone."""
        wanted = [self._primary, *self._state.fallbacks(self._asked)]
        if self._route is not None:
            wanted.insert(0, self._route)
        by_key: dict[tuple[str, str], Candidate] = {}
        for candidate in wanted:
            by_key.setdefault(candidate.key, candidate)
        candidates = list(by_key.values())
        pauses = {candidate.key: self._state.cooldowns.left(candidate.key) for candidate in candidates}
        ready = [candidate for candidate in candidates if not pauses[candidate.key]]
        resting = [candidate for candidate in candidates if pauses[candidate.key]]
        resting.sort(key=lambda candidate: pauses[candidate.key])
        return ready + resting, len(resting) if ready else 0

    # ------------------------------------------------------------------------------------------------ asking

    @property
    def who(self) -> str:
        """The model that is asked, as `provider:model`."""
        return self._candidate.name

    def left(self) -> float:
        """Seconds left for the whole call."""
        return max(0.0, self.limits.deadline - self._loop.time())

    def request(self) -> ModelRequest:
        """The next request."""
        return msgspec.structs.replace(
            self._asked,
            provider=self._candidate.provider,
            model=self._candidate.model,
            credential=self._credential,
            timeout=self.left(),
            limits=self._state.limits(self._asked),
            stream=self._asked.stream and not self._garbled,
        )

    def _key(self) -> str:
        return self._candidate.credential or self._state.pools.choose(self._candidate.provider, self._asked.session_id)

    def opening(self) -> Sequence[ProviderNotice]:
        """What is to be said before the first request."""
        if self._candidate is self._route:
            return (notices.routed(self.who),)
        before = self._state.answering(self._asked)
        if self._candidate.key != self._primary.key and before != self._candidate.key:
            pause = self._state.cooldowns.left(self._primary.key)
            return (notices.resting(self._primary.name, pause, self.who),)
        if self._candidate.key == self._primary.key and before is not None:
            return (notices.returned(self.who),)
        return ()

    def succeeded(self) -> None:
        """The answer is complete."""
        self._state.cooldowns.succeeded(self._candidate.key)
        if self._credential:
            self._state.pools.succeeded(self._candidate.provider, self._credential)
        if self._candidate is not self._route:
            self._state.answered(self._asked, self._candidate)

    @property
    def takes_refusals(self) -> bool:
        """Whether an answer that ended as refused is to be asked of another model."""
        return self._state.settings.fallback_on_refusal and bool(self._waiting)

    # ----------------------------------------------------------------------------------------------- failures

    def after(self, error: HermesError) -> tuple[float, ProviderNotice]:
        """What comes after a failure: seconds to wait, and what to say. Raises the error when there is nothing."""
        if isinstance(error, BudgetExceeded):
            raise error
        self._failed[self.who] = error
        # Asked in the same way, a garbled stream mostly comes garbled again: from now on the answer comes in one piece.
        self._garbled = self._garbled or (isinstance(error, InvalidResponse) and not isinstance(error, EmptyAnswer))
        if self.left() <= 0:
            raise self._final("There is no time left to ask again.")
        rotated = self._rotate(error)
        if rotated is not None:
            return 0.0, rotated
        wait, obstacle = self._wait(error)
        if wait is not None:
            self._tries += 1
            self._credential = self._key()
            self._keys = {self._credential}
            attempts = self._state.retries.most(error) + 1
            return wait, notices.retrying(error, self.who, self._tries, max(attempts, self._tries), wait)
        switched = self._switch(error)
        if switched is not None:
            return 0.0, switched
        raise self._final(obstacle)

    def _rotate(self, error: HermesError) -> ProviderNotice | None:
        provider, old = self._candidate.provider, self._credential
        if not isinstance(error, RateLimited | AuthFailed) or not self._state.pools.pooled(provider, old):
            return None
        self._state.pools.failed(provider, old, asked_wait(error))
        new = self._state.pools.another(provider, self._asked.session_id, self._keys)
        if not new:
            return None
        self._keys.add(new)
        self._credential = new
        return notices.rotated(error, self.who, f"with the key {old}" if isinstance(error, RateLimited) else old, new)

    def _wait(self, error: HermesError) -> tuple[float | None, str]:
        """Seconds until the same model is asked again; None, and a sentence, when it is not to be."""
        retries, asked = self._state.retries, self._asked_wait(error)
        if not isinstance(error, ProviderError) or self._last_resort or retries.over(error, self._tries):
            return None, ""
        if self._candidate is self._route or (isinstance(error, RateLimited | Stalled) and self._others_are_ready):
            return None, ""
        if asked is not None and asked > self._state.settings.longest_wait:
            return None, f"It asks to wait {asked:.0f} s, and resilience.longest_wait is less."
        wait = retries.wait(self._tries, asked)
        if wait >= self.left():
            return None, f"The next request would have to wait {wait:.0f} s, and only {self.left():.0f} s are left."
        return wait, ""

    def _asked_wait(self, error: HermesError) -> float | None:
        pools, provider = self._state.pools, self._candidate.provider
        if isinstance(error, RateLimited) and pools.pooled(provider, self._credential):
            return pools.soonest(provider)
        return asked_wait(error)

    @property
    def _others_are_ready(self) -> bool:
        return len(self._waiting) > self._resting

    def _switch(self, error: HermesError) -> ProviderNotice | None:
        """Go on to the next model, where that can help."""
        if not self._may_switch(error):
            return None
        failed = self.who
        if isinstance(error, ProviderError) and not isinstance(error, _BELONGS_TO_THE_REQUEST):
            self._state.pause(self._candidate, asked_wait(error))
        if not self._waiting:
            return None
        primary = self._candidate.key == self._primary.key
        self._candidate = self._waiting.pop(0)
        self._last_resort = len(self._waiting) < self._resting
        self._credential = self._key()
        self._keys = {self._credential}
        self._tries = 1
        if isinstance(error, ProviderError) or primary:
            return notices.fell_back(error, failed, self.who)
        return notices.skipped(failed, str(error))

    def _may_switch(self, error: HermesError) -> bool:
        if self._candidate is self._route:
            return True
        if isinstance(error, ContentRefused):
            return self._state.settings.fallback_on_refusal
        if self._candidate.key != self._primary.key:
            return True
        return isinstance(error, ProviderError) and not isinstance(error, BadRequest | ContextTooLong)

    def _final(self, obstacle: str) -> HermesError:
        """The error of the model that was meant, with what else was tried."""
        name = self._primary.name if self._primary.name in self._failed else self.who
        error = public(self._failed[name])
        said = [error.remedy, obstacle]
        if name == self.who and self._tries > 1:
            said.append(f"It was asked {self._tries} times.")
        others = [other for other in self._failed if other != name]
        if others:
            said.append(f"Also tried: {', '.join(f'{other} ({_word(self._failed[other])})' for other in others)}.")
        error.remedy = " ".join(filter(None, said))
        return error


def _word(error: HermesError) -> str:
    words: dict[type[HermesError], str] = {
        RateLimited: "limits requests",
        Overloaded: "overloaded",
        AuthFailed: "key not accepted",
        ConnectionLost: "connection broke",
    }
    return words.get(type(error), type(error).__name__)
