"""Records as they lie in the database: one line each of the host's JSON-lines format."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hermes_host.sessions.lines import decode_record

if TYPE_CHECKING:
    from hermes_host.records import SessionRecord

__all__ = ["decoded"]

log = logging.getLogger(__name__)


def decoded(data: bytes) -> SessionRecord | None:
    """The record, or None, which is logged, for one that is damaged; it stays where it is."""
    try:
        return decode_record(data)
    except ValueError as error:
        log.warning("a record is damaged and left out: %s", error)
        return None
