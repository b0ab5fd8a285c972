"""Conformance kits and fakes: the public test API for plugin authors (extra `hermes-host[testing]`).

Kits, one class for each contract; subclass it, give its fixtures, and pytest runs its tests:

- `PluginContract` for every plugin, `ProviderContract`, `TerminalContract`, `SessionStoreContract`, `MemoryContract`,
  `SkillSourceContract`, `AdapterContract`.

Fakes, each of which passes its own contract: `ScriptedProvider`, `FakeTerminalBackend`; `ScriptedApprover` and
`ScriptedQuestioner` stand in for people; `StandInHost` is a host with a home of its own and only the plugins it is
given; `ModelServer` is a model vendor over real HTTP, `Platform` a chat platform over a real socket.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermes_host.testing.adapters import AdapterContract
    from hermes_host.testing.contract import Contract
    from hermes_host.testing.hosts import ScriptedApprover, ScriptedQuestioner, StandInHost, events_of, finished
    from hermes_host.testing.memories import MemoryContract
    from hermes_host.testing.model_server import ModelServer
    from hermes_host.testing.platform import Platform, PlatformAdapter
    from hermes_host.testing.platform_driver import PlatformDriver, ScriptedInbox
    from hermes_host.testing.plugins import PluginContract
    from hermes_host.testing.providers import ProviderContract, ScriptedProvider
    from hermes_host.testing.session_stores import SessionStoreContract
    from hermes_host.testing.skills import SkillSourceContract
    from hermes_host.testing.terminals import FakeTerminalBackend, TerminalContract

__all__ = [
    "AdapterContract",
    "Contract",
    "FakeTerminalBackend",
    "MemoryContract",
    "ModelServer",
    "Platform",
    "PlatformAdapter",
    "PlatformDriver",
    "PluginContract",
    "ProviderContract",
    "ScriptedApprover",
    "ScriptedInbox",
    "ScriptedProvider",
    "ScriptedQuestioner",
    "SessionStoreContract",
    "SkillSourceContract",
    "StandInHost",
    "TerminalContract",
    "events_of",
    "finished",
]

_HOMES = {
    "AdapterContract": "adapters",
    "Contract": "contract",
    "FakeTerminalBackend": "terminals",
    "MemoryContract": "memories",
    "ModelServer": "model_server",
    "Platform": "platform",
    "PlatformAdapter": "platform",
    "PlatformDriver": "platform_driver",
    "PluginContract": "plugins",
    "ProviderContract": "providers",
    "ScriptedApprover": "hosts",
    "ScriptedInbox": "platform_driver",
    "ScriptedProvider": "providers",
    "ScriptedQuestioner": "hosts",
    "SessionStoreContract": "session_stores",
    "SkillSourceContract": "skills",
    "StandInHost": "hosts",
    "TerminalContract": "terminals",
    "events_of": "hosts",
    "finished": "hosts",
}


def __getattr__(name: str) -> Any:
    # Lazy, because some kits need packages of the extra `testing` that others do not.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
