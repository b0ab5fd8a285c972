"""Where secrets are kept."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["SecretStore"]


@runtime_checkable
class SecretStore(Protocol):
    """A place for secrets, such as the system's keyring or a password manager's command line.

    Calls are synchronous and may take as long as a person takes to unlock it; the host asks for each name once in a
    process. Values never appear in errors or logs.
    """

    def get(self, name: str) -> str:
        """The value of the secret with the name of a variable, empty where it has none. Raises `HermesError`."""
        ...

    def set(self, name: str, value: str) -> None:
        """Keep it. Raises `Unsupported` for a store that is only read, `HermesError` otherwise."""
        ...

    def unset(self, name: str) -> None:
        """Forget it; without effect where it is not there. Raises as `set`."""
        ...
