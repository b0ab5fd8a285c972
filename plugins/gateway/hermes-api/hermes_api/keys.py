"""Who may use the API: keys with scopes. Only their hashes are on disk."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from hermes_api.settings import ApiSettings
from hermes_host.config import is_dummy_key
from hermes_host.config.files import locked, write_private
from hermes_host.errors import BadRequest, ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext

__all__ = ["SCOPES", "Key", "Keys", "Scope", "fault", "main_key", "missing"]

log = logging.getLogger(__name__)

Scope = Literal["chat", "sessions", "approvals", "all"]
"""`chat`: completions and responses; `sessions`: the conversations made with the same key; `approvals`: being asked for
consent and giving it; `all`: everything, every conversation included."""

SCOPES: tuple[str, ...] = get_args(Scope)
SHORTEST = 16
_NO_KEYS = frozenset({"undefined", "null", "none", "false", "true", "[object object]"})


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without itself."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    """SHA-256 of the key, in hex: it has 256 bits of its own, so nothing slower is needed."""
    created: float

    def may(self, scope: str) -> bool:
        """Whether it has a scope."""
        return "all" in self.scopes or scope in self.scopes


def fault(key: str) -> str:
    """Why this cannot be a key; empty when it can."""
    if key.strip().lower() in _NO_KEYS or is_dummy_key(key):
        return "It is a placeholder, not a key."
    if len(key) < SHORTEST:
        return f"It has fewer than {SHORTEST} characters."
    if not key.isascii() or not key.isprintable() or " " in key:
        return "A key consists of printable ASCII characters without blanks."
    return ""


def main_key(context: PluginContext) -> str:
    """The key from the settings or the environment, empty where there is none. Raises `ConfigError`."""
    key = context.section(ApiSettings).key.reveal() or context.secret("API_SERVER_KEY")
    if key and (why := fault(key)):
        raise ConfigError(f"API_SERVER_KEY cannot be used: {why}", remedy="Make one: `openssl rand -hex 32`.")
    return key


def missing(context: PluginContext) -> str:
    """What the API lacks: without a key it does not start, wherever it listens."""
    if main_key(context) or Keys(context.state_directory).list():
        return ""
    return "The API has no key: `hermes api key create NAME`, or set API_SERVER_KEY."


class Keys:
    """The keys in a file; changes count at once in a running server."""

    def __init__(self, directory: Path, main: str = "") -> None:
        """`main` is the key of whoever may do everything."""
        self.file = directory / "keys.json"
        self._main = _key_of("main", "API_SERVER_KEY", ("all",), main) if main else None
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[Key] = []
        self._unreadable = ""

    def list(self) -> Sequence[Key]:
        """The named keys, oldest first."""
        self._refresh()
        return self._keys

    def find(self, presented: str) -> Key | None:
        """The key that was presented. Takes the same time whichever it is."""
        self._refresh()
        digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for key in (*self._keys, *((self._main,) if self._main else ())):
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def create(self, name: str, scopes: Sequence[str]) -> tuple[Key, str]:
        """A new key: its description, and itself, which is kept nowhere. Raises `BadRequest`."""
        if not name or len(name) > 64 or not name.isprintable():
            raise BadRequest(f"{name!r} cannot be the name of a key.", remedy="At most 64 printable characters.")
        wrong = [scope for scope in scopes if scope not in SCOPES]
        if wrong or not scopes:
            raise BadRequest(f"There is no scope {', '.join(wrong) or '(none)'}.", remedy=f"Of: {', '.join(SCOPES)}.")
        with locked(self.file):
            self._refresh()
            if any(key.name == name for key in self._keys):
                raise BadRequest(f"There is a key {name!r} already.", remedy=f"`hermes api key revoke {name}` first.")
            plain = f"hermes-{secrets.token_urlsafe(32)}"
            key = _key_of(secrets.token_hex(4), name, tuple(dict.fromkeys(scopes)), plain)
            self._write([*self._keys, key])
        return key, plain

    def revoke(self, reference: str) -> Key:
        """Remove the key of that name or id. Raises `NotFound`."""
        with locked(self.file):
            self._refresh()
            for key in self._keys:
                if reference in (key.name, key.id):
                    self._write([other for other in self._keys if other is not key])
                    return key
        raise NotFound(f"There is no key {reference!r}.", remedy="`hermes api key list` shows them.")

    def _refresh(self) -> None:
        try:
            facts = self.file.stat()
        except FileNotFoundError:
            self._keys, self._seen, self._unreadable = [], None, ""
            return
        seen = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if seen == self._seen:
            return
        try:
            self._keys, self._unreadable = msgspec.json.decode(self.file.read_bytes(), type=list[Key]), ""
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s cannot be read, so no named key is good: %s", self.file, error)
            self._keys, self._unreadable = [], str(error)
        self._seen = seen

    def _write(self, keys: Sequence[Key]) -> None:
        if self._unreadable:
            raise ConfigError(f"{self.file} cannot be read: {self._unreadable}", remedy="Mend it, or remove it.")
        write_private(self.file, msgspec.json.format(msgspec.json.encode(keys), indent=1).decode())
        self._seen = None
        self._refresh()


def _key_of(identity: str, name: str, scopes: tuple[str, ...], plain: str) -> Key:
    digest = hashlib.sha256(plain.encode()).hexdigest()
    return Key(id=identity, name=name, scopes=scopes, digest=digest, created=time.time())  # type: ignore[arg-type]
