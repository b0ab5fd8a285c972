"""The provider: turns requests of the host into the vendor's, and its answers into events."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_host.messages import Text, assistant_message
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, ProviderEvent, Usage

from hermes_example_provider.backend import Backend, Echo, VendorError, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.specs import ProviderSpec


def connect(context: PluginContext, spec: ProviderSpec) -> VendorProvider:
    """The target of the spec. Nothing is connected before the first request."""
    return VendorProvider(Echo(context.secret("EXAMPLE_PROVIDER_API_KEY")))


class VendorProvider:
    """Made once in a process, used by many conversations at once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer, in the grammar of `hermes_host.stream`: a part begins, grows, ends; the message ends last."""
        pieces: list[str] = []
        yield PartStarted(0, "text")
        try:
            # `aclosing`: a conversation that is interrupted must not leave the vendor generating.
            async with aclosing(self._backend.answer(request)) as answer:
                async for piece in answer:
                    pieces.append(piece)
                    yield PartDelta(0, piece)
        except VendorError as error:
            raise translated(error) from error
        part = Text(text="".join(pieces))
        yield PartEnded(0, part)
        # Give the vendor's own counts where it has them.
        yield MessageEnded(assistant_message(part), "end", Usage())

    async def models(self) -> Sequence[ModelInfo]:
        """What can be asked for. Token counts are 0 where unknown."""
        return [ModelInfo(id="echo", name="Echo", context=8_000)]

    async def aclose(self) -> None:
        """Release connections. May be called twice."""
