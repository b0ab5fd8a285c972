"""Whether a model can be used, and how to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["authentication_methods", "fault_of", "model_in_use"]


def model_in_use(host: Host) -> str:
    """`provider:model` of the next conversation. Raises `HermesError`."""
    chosen, name = host.resolve_model()
    return f"{chosen.name}:{name}" if name else chosen.name


def fault_of(host: Host) -> str:
    """Why no model can be used, in a sentence; empty where nothing is known to be missing. No network."""
    try:
        chosen, _ = host.resolve_model()
    except HermesError as error:
        return str(error)
    names = chosen.spec.secrets
    if chosen.spec.needs_setup and names and not any(host.secrets.get(name) for name in names):
        return f"The provider {chosen.name!r} needs a key ({' or '.join(names)}), and there is none."
    return ""


def authentication_methods(host: Host, *, terminal: bool) -> list[dict[str, Any]]:
    """Ways to sign in: what is set up already, and setting it up in a terminal where the editor has one."""
    methods: list[dict[str, Any]] = []
    if not fault_of(host):
        used = model_in_use(host)
        methods.append({"id": "configured", "name": f"Use {used}", "description": "The provider that is set up."})
    if terminal:
        methods.append(
            {
                "type": "terminal",
                "id": "setup",
                "name": "Set up in a terminal",
                "description": "Choose a provider and a model; restart the agent afterwards.",
                "args": ["--setup"],
            }
        )
    return methods
