"""The store `keyring`: the system's own, through the library keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.specs import SecretStoreSpec

__all__ = ["SERVICE", "KeyringStore", "connect", "unusable"]

SERVICE = "hermes-host"
"""The name under which the keyring files all secrets."""

_REMEDY = "Unlock or install one (`keyring diagnose` tells more), or take it out of `secrets.stores`."


def connect(context: PluginContext, spec: SecretStoreSpec) -> KeyringStore:
    """The target of the spec. The library is imported at the first look."""
    return KeyringStore()


class KeyringStore:
    """Secrets in the keyring, each under `SERVICE` and its own name."""

    def get(self, name: str) -> str:
        """The value, empty where it has none. Raises `HermesError` for a keyring that is locked or missing."""
        return str(self._do("read from", "get_password", name) or "")

    def set(self, name: str, value: str) -> None:
        """Keep it."""
        self._do("kept in", "set_password", name, value)

    def unset(self, name: str) -> None:
        """Forget it."""
        if self.get(name):
            self._do("taken out of", "delete_password", name)

    def _do(self, done: str, method: str, name: str, *value: str) -> Any:
        import keyring
        from keyring.errors import KeyringError

        try:
            return getattr(keyring, method)(SERVICE, name, *value)
        # Backends let errors of D-Bus and of files through as they are.
        except (KeyringError, OSError, RuntimeError) as error:
            # No text of a backend's: it may hold what it was given.
            raise HermesError(
                f"{name} could not be {done} the keyring ({type(error).__name__}).", remedy=_REMEDY
            ) from None


def unusable() -> str:
    """Why there is no keyring to use; empty where there is one."""
    import keyring
    from keyring.backends.fail import Keyring as Fail
    from keyring.backends.null import Keyring as Null

    found = keyring.get_keyring()
    if isinstance(found, Fail):
        return "no keyring is running or installed"
    return "it is switched off (the backend `null`)" if isinstance(found, Null) else ""
