"""Pools of keys: which secret's name goes with a request. Values are never seen here.

A conversation stays with its key until that key fails: vendors cache prompts by account, and a change of account pays
for the whole prompt again. A new conversation, and one whose key failed, gets the key that was used least recently.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hermes_resilience.cooldowns import Cooldowns

__all__ = ["Pools"]

_CONVERSATIONS = 1024


class Pools:
    """The pools of all providers."""

    def __init__(self, pools: Mapping[str, Sequence[str]], cooldowns: Cooldowns) -> None:
        self._pools = {provider: tuple(dict.fromkeys(names)) for provider, names in pools.items() if names}
        self._cooldowns = cooldowns
        self._used: dict[tuple[str, str], int] = {}
        self._uses = 0
        self._chosen: OrderedDict[tuple[str, str], str] = OrderedDict()

    def choose(self, provider: str, session_id: str) -> str:
        """The name of the key for a request; empty where the provider has no pool."""
        names = self._pools.get(provider)
        if names is None:
            return ""
        kept = self._chosen.get((session_id, provider), "") if session_id else ""
        if kept and not self._cooldowns.left(("key", provider, kept)):
            return self._use(provider, session_id, kept)
        return self._use(provider, session_id, min(names, key=lambda name: self._order(provider, name)))

    def another(self, provider: str, session_id: str, tried: Collection[str]) -> str:
        """A key that is neither tried nor paused; empty where there is none."""
        names = [
            name
            for name in self._pools.get(provider, ())
            if name not in tried and not self._cooldowns.left(("key", provider, name))
        ]
        if not names:
            return ""
        return self._use(provider, session_id, min(names, key=lambda name: self._order(provider, name)))

    def failed(self, provider: str, name: str, retry_after: float | None) -> None:
        """Leave a key alone: for as long as the vendor said, else for the usual pause."""
        key = ("key", provider, name)
        if retry_after is None:
            self._cooldowns.pause(key)
        else:
            self._cooldowns.pause_for(key, retry_after)

    def succeeded(self, provider: str, name: str) -> None:
        """Forget a key's failures."""
        self._cooldowns.succeeded(("key", provider, name))

    def soonest(self, provider: str) -> float:
        """Seconds until one of the provider's keys may be used again."""
        return min(self._cooldowns.left(("key", provider, name)) for name in self._pools[provider])

    def pooled(self, provider: str, name: str) -> bool:
        """Whether the name is one of the provider's pool."""
        return name in self._pools.get(provider, ())

    def _order(self, provider: str, name: str) -> tuple[float, int]:
        return self._cooldowns.left(("key", provider, name)), self._used.get((provider, name), 0)

    def _use(self, provider: str, session_id: str, name: str) -> str:
        self._uses += 1
        self._used[provider, name] = self._uses
        if session_id:
            self._chosen[session_id, provider] = name
            self._chosen.move_to_end((session_id, provider))
            if len(self._chosen) > _CONVERSATIONS:
                self._chosen.popitem(last=False)
        return name
