"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl



@hookimpl
def hermes_session_started(session):
    session.memory["frozen.started"] = session.id


@hookimpl
async def hermes_turn_finished(session, outcome):
    seen = session.recorded("frozen.turns").get("outcomes", [])
    session.record("frozen.turns", {"outcomes": [*seen, outcome]})


@hookimpl
def hermes_session_ended(session, reason):
    session.record("frozen.ended", {"reason": reason, "started": session.memory.pop("frozen.started")})
