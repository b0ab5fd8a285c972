"""Whether there is a model for side work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.agent.session import Session

__all__ = ["has_model"]


def has_model(session: Session, task: str) -> bool:
    """Whether a real model would be asked: one is set for the task, or the conversation's own needs a set-up.

    A provider that works without any (a demonstration, an echo) says nothing worth keeping.
    """
    setting = session.host.config.section("auxiliary").get(task)
    if setting is not None and (setting.model or setting.provider not in ("", "auto", "main")):
        return True
    return bool(session.provider.spec.needs_setup)
