"""The providers as a person chooses among them: which can be used, and what a missing key takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.errors import NotFound
from hermes_host.models import has_key

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec, SecretSpec

__all__ = ["current_model", "key_address", "key_state", "missing_key", "near_provider", "sorted_providers"]

_STATES = ("set", "not needed", "missing")


def key_state(host: Host, item: Contribution[ProviderSpec]) -> str:
    """`set`, `missing`, or `not needed`."""
    if not item.spec.secrets:
        return "not needed"
    return "set" if has_key(host, item) else "missing"


def sorted_providers(host: Host) -> list[Contribution[ProviderSpec]]:
    """Those with a key first, then those that need none, then the others; each by name. Raises `NotFound` for none."""
    if not len(host.providers):
        raise NotFound("No provider is installed.", remedy="Try `pip install 'hermes-host[standard]'`.")
    return sorted(host.providers, key=lambda item: (_STATES.index(key_state(host, item)), item.name))


def current_model(host: Host) -> tuple[str, str]:
    """The names of the provider and the model that the next conversation uses; empty where there are none."""
    try:
        chosen, name = host.resolve_model()
    except NotFound:
        return "", ""
    return chosen.name, name


def key_address(item: Contribution[ProviderSpec]) -> str:
    """Where a person gets a key; empty where the plugin does not say."""
    declared: dict[str, SecretSpec] = {
        secret.name: secret for secret in (item.record.info.secrets if item.record.info else ())
    }
    name = item.spec.secrets[0]
    return item.spec.url or (declared[name].url if name in declared else "")


def missing_key(item: Contribution[ProviderSpec]) -> str:
    """What to do about the missing key of a provider: which variable, and where to get one."""
    url = key_address(item)
    where = f" Get one at {url}." if url else ""
    return f"Its key is missing.{where} Set it with `hermes config set {item.spec.secrets[0]}`, or in the environment."


def near_provider(host: Host, word: str) -> str:
    """The provider that `word` is a slip of the pen for; empty where it is more likely a model's name.

    The families of models bear names like those of vendors, with a digit (`llama3`) or a letter more or less
    (`mixtral`): so the first letter must be right, and there may be no digit that the provider's name has not.
    """
    from difflib import SequenceMatcher

    word = word.casefold()
    digits = {letter for letter in word if letter.isdecimal()}
    best, found = 0.87, ""
    for item in host.providers:
        for name in (item.name, *item.spec.aliases):
            likeness = SequenceMatcher(a=name.casefold(), b=word).ratio()
            if likeness > best and word[:1] == name[:1].casefold() and digits <= set(name):
                best, found = likeness, item.name
    return found
