"""The plugin's parts put together: settings, models and side work, for the middleware and for `/compress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compress.compaction import Compaction, Outcome
from hermes_compress.conversation import Conversation, model_of
from hermes_compress.models import Models
from hermes_compress.settings import Settings
from hermes_host.errors import HermesError
from hermes_host.services import Auxiliary, Catalog

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelRequest

__all__ = ["Compactor"]


class Compactor:
    """Compacts conversations under the user's settings."""

    def __init__(self, settings: Settings, models: Models, auxiliary: Auxiliary) -> None:
        self.settings = settings
        self._models = models
        self._auxiliary = auxiliary

    @classmethod
    async def connect(cls, context: PluginContext) -> Compactor:
        """With the services of the host and, where one is installed, the catalogue of models."""
        settings = context.section(Settings, "compression")
        try:
            catalog = await context.services.find(Catalog)
        except HermesError:
            catalog = None  # that plugin's fault is reported as its own; contexts are then assumed
        auxiliary = await context.services.get(Auxiliary)
        return cls(settings, Models(settings, catalog), auxiliary)

    def context(self, conversation: Conversation, request: ModelRequest) -> int:
        """The tokens that fit the model asked: what its vendor said in an error counts more than any catalogue."""
        known = self._models.context(request.provider, request.model)
        learnt = conversation.limit(request)
        return min(learnt, known) if learnt else known

    async def compact(
        self,
        conversation: Conversation,
        request: ModelRequest,
        *,
        summarise: bool = True,
        manual: bool = False,
        focus: str = "",
    ) -> Outcome:
        """Compact once; see `Compaction`."""
        context = self.context(conversation, request)
        writer = self._models.writer(conversation.session)
        if writer.name == model_of(request):
            writer = writer._replace(context=context)
        compaction = Compaction(
            conversation,
            request,
            self.settings,
            self._auxiliary,
            context=context,
            writer=writer,
            manual=manual,
            focus=focus,
        )
        # A turn with a deadline keeps at least half of its time for the answer.
        timeout = request.timeout / 2 if request.timeout is not None and request.timeout < 240 else None
        outcome = await compaction.run(summarise=summarise, timeout=timeout)
        conversation.tried(outcome.after, context * self.settings.threshold)
        return outcome
