"""Keeping adapters and daemons running: started, watched, tried again with growing pauses, or given up for a reason."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.errors import AuthFailed, BadRequest, ConfigError, HermesError, PluginUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Health", "keep_running"]

log = logging.getLogger(__name__)

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
"""Seconds before something that failed is tried again: doubled each time, up to the longest, without end."""

_FINAL = (AuthFailed, BadRequest, ConfigError, PluginUnavailable)
"""What trying again cannot mend."""

State = Literal["starting", "running", "waiting", "failed", "stopped"]


class Health(msgspec.Struct, omit_defaults=True):
    """How something that is kept running fares. Times are seconds since the epoch."""

    name: str
    kind: Literal["adapter", "daemon", "part"]
    state: State = "starting"
    since: float = msgspec.field(default_factory=time.time)
    detail: str = ""
    """What is wrong, or who it is connected as."""
    remedy: str = ""
    attempts: int = 0
    """Failures since it last ran."""
    heard: float = 0.0
    """When something last came from it."""

    def become(self, state: State, detail: str = "", remedy: str = "") -> None:
        """Note a change."""
        if state != self.state:
            self.since = time.time()
        self.state, self.detail, self.remedy = state, detail, remedy
        if state == "running":
            self.attempts = 0


async def keep_running(
    health: Health,
    work: Callable[[], Awaitable[None]],
    changed: Callable[[], None],
    *,
    first_pause: float = FIRST_PAUSE,
) -> None:
    """Run `work` again and again until cancelled, or until it fails in a way that trying again cannot mend."""
    while True:
        health.become("starting", health.detail if health.attempts else "")
        changed()
        try:
            await work()
            detail, remedy = "It ended by itself.", ""
        except _FINAL as error:
            health.become("failed", error.message, error.remedy)
            changed()
            log.error("%s %r is given up: %s", health.kind, health.name, error)
            return
        except HermesError as error:
            detail, remedy = error.message, error.remedy
        except asyncio.CancelledError:
            health.become("stopped")
            changed()
            raise
        except Exception as error:
            log.exception("%s %r failed", health.kind, health.name)
            detail, remedy = f"{type(error).__name__}: {error}", ""
        health.attempts += 1
        pause = min(first_pause * 2 ** (health.attempts - 1), LONGEST_PAUSE) * random.uniform(0.8, 1.2)
        health.become("waiting", f"{detail} Trying again in {pause:.0f} s.", remedy)
        changed()
        log.warning("%s %r: %s", health.kind, health.name, health.detail)
        await asyncio.sleep(pause)
