"""What happens to conversations: variables are passed again after a restart, and outcomes of uses are kept."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_skills import usage
from hermes_skills.read import USED

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.context import SessionContext

__all__ = ["turn_finished"]

log = logging.getLogger(__name__)


async def turn_finished(home: Path, session: SessionContext, outcome: str) -> None:
    """Keep how the turn ended for every skill that was used in it."""
    names: set[str] = session.memory.pop(USED, set())
    try:
        for name in sorted(names):
            await asyncio.to_thread(usage.record, home, name, "outcome", session=session.id, note=outcome)
    except HermesError as error:
        log.warning("%s", error)
