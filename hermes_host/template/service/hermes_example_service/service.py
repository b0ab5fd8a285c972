"""The part behind the protocol: made when somebody first asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.specs import ServiceSpec

WORDS_A_SECOND = 2.5


def connect(context: PluginContext, spec: ServiceSpec) -> Reading:
    """The target of the spec."""
    return Reading()


class Reading:
    """Measures by counting words."""

    async def seconds(self, text: str) -> float:
        """How long it takes to read aloud."""
        return len(text.split()) / WORDS_A_SECOND
