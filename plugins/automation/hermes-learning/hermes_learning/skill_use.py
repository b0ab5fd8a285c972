"""What is known of the use of skills, from the plugin that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.host import Host

__all__ = ["last_used"]


def last_used(host: Host) -> Mapping[str, float]:
    """When each skill was last used, in seconds since the epoch, by name."""
    return {}
