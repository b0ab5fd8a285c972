"""Which provider and which model are meant: by the user's words, else by the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.config.secret import is_dummy_key
from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec

__all__ = ["has_key", "resolve_model", "split_reference"]

AUTO = ("", "auto")


def split_reference(host: Host, reference: str) -> tuple[str, str]:
    """`provider:model` as two words. A prefix that names no provider belongs to the model's name (`llama3:8b`)."""
    prefix, colon, rest = reference.partition(":")
    if colon and prefix in host.providers:
        return prefix, rest
    return "", reference


def resolve_model(
    host: Host, model: str, provider: str, default_provider: str = ""
) -> tuple[Contribution[ProviderSpec], str]:
    """See `Host.resolve_model`."""
    named, model_name = split_reference(host, model)
    wanted = provider if provider not in AUTO else named
    if not wanted and model_name and default_provider:
        wanted = default_provider
    settings = host.config.section("model")
    if not wanted and not model_name:
        named, model_name = split_reference(host, settings.default)
        wanted = settings.provider if settings.provider not in AUTO else named
    elif not wanted:
        wanted = settings.provider if settings.provider not in AUTO else ""
    if wanted:
        return _named(host, wanted, model_name)
    if settings.base_url and "custom" in host.providers:
        return _named(host, "custom", model_name)
    return _automatic(host, model_name)


def _named(host: Host, wanted: str, model_name: str) -> tuple[Contribution[ProviderSpec], str]:
    try:
        chosen = host.providers.get(wanted)
    except NotFound as error:
        raise NotFound(
            error.message, remedy=f"{error.remedy} More come with plugins; see `hermes model list`."
        ) from None
    settings = host.config.section("model")
    if not model_name and settings.provider in (*AUTO, chosen.name, *chosen.spec.aliases):
        prefix, name = split_reference(host, settings.default)
        model_name = name if prefix in ("", chosen.name) and settings.default else ""
    return chosen, model_name or chosen.spec.default_model


def _automatic(host: Host, model_name: str) -> tuple[Contribution[ProviderSpec], str]:
    settings = host.config.section("model")
    if model_name or settings.provider == "auto":
        for candidate in host.providers:
            if candidate.spec.needs_setup and has_key(host, candidate):
                return candidate, model_name or candidate.spec.default_model
    if model_name:
        raise NotFound(
            f"No provider is set up for the model {model_name!r}.",
            remedy="Name one: `-m PROVIDER:MODEL`; `hermes model list` shows them and which keys are there.",
        )
    for candidate in host.providers:
        if not candidate.spec.needs_setup:
            return candidate, candidate.spec.default_model
    raise NotFound(
        "No model is configured, and no provider that needs no set-up is installed.",
        remedy="Choose one with `hermes model set PROVIDER:MODEL`, or `pip install hermes-offline`.",
    )


def has_key(host: Host, provider: Contribution[ProviderSpec]) -> bool:
    """Whether one of the secrets a provider needs is set. False for a provider that needs none."""
    return any(not is_dummy_key(host.secrets.get(name)) for name in provider.spec.secrets)
