"""Requests as chat completions: built by `hermes_compatible`, adapted to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
from hermes_compatible.body import BodyBuilder

from hermes_openai.body import cache_key

if TYPE_CHECKING:
    from hermes_host.protocols import ModelRequest
    from hermes_openai.endpoint import Access

__all__ = ["ChatBodies"]


class ChatBodies:
    """Builds chat completions bodies for one address."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._bodies = BodyBuilder(access.endpoint.provider, access.endpoint.quirks)

    def build(self, request: ModelRequest) -> bytes:
        """The body of a request."""
        body = self._bodies.build(self._adapted(request))
        extra = self._access.extra_body
        return body[:-1] + b"," + msgspec.json.encode(extra)[1:] if extra else body

    def path(self, model: str) -> str:
        """The path of a request: Azure's older one names the deployment."""
        if not self._access.azure_endpoint:
            return "/chat/completions"
        return f"/deployments/{quote(self._access.deployment(model), safe='')}/chat/completions"

    def _adapted(self, request: ModelRequest) -> ModelRequest:
        traits = self._access.traits(request.model)
        effort = traits.effort(request.settings.reasoning)
        changes: dict[str, object] = {"reasoning": effort}
        if traits.thinks and effort != "none":
            changes["temperature"] = None
        return msgspec.structs.replace(
            request,
            model=self._access.deployment(request.model),
            session_id=cache_key(request.session_id),
            settings=msgspec.structs.replace(request.settings, **changes),
        )
