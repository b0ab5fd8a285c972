"""How Anthropic's Messages API is spoken, in the terms of `hermes_compatible`, which knows the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compatible.endpoint import Endpoint as WireEndpoint
from hermes_compatible.messages.generation import BINDING_BETA
from hermes_compatible.messages.limits import limits_of
from hermes_compatible.preset import Quirks

from hermes_anthropic.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_anthropic.endpoint import Endpoint

__all__ = ["betas_of", "quirks_of", "wire_endpoint"]

_MAX_OUTPUT = 32_000


def wire_endpoint(endpoint: Endpoint) -> WireEndpoint:
    """The endpoint as the wire's code takes it."""
    settings = endpoint.settings
    return WireEndpoint(
        provider="anthropic",
        base_url=endpoint.base_url,
        wire="messages",
        key=endpoint.secret,
        key_name=endpoint.key_name,
        quirks=quirks_of(settings, bind=endpoint.is_vendor),
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        write_timeout=settings.write_timeout,
        address_name="anthropic.base_url",
        section="anthropic",
    )


def quirks_of(settings: Settings | None = None, *, bind: bool = False) -> Quirks:
    """How the vendor speaks the wire, and the gateways that stand in for it; `bind` as in `betas_of`."""
    settings = settings or Settings()
    return Quirks(
        cache_marks=settings.cache != "off",
        cache_lifetime="1h" if settings.cache == "1h" else "5m",
        marks_two_ends=True,
        thinking_display=settings.thinking_display,
        drops_unbound_thinking=bind,
        disables_budgets=False,
        translates=True,
        says_auto=True,
        max_output=_MAX_OUTPUT,
        strict_events=True,
    )


def betas_of(model: str, betas: Iterable[str], *, bind: bool) -> list[str]:
    """The betas a request to `model` names, with those the user set.

    `bind` says whether thoughts that no longer fit may be dropped: only the vendor itself is sure to know that beta;
    gateways refuse what they do not know.
    """
    return [*betas, BINDING_BETA] if bind and limits_of(model, translated=True).bound_thinking else [*betas]
