"""The type of a setting that must not be shown."""

from __future__ import annotations

import re

__all__ = ["Secret", "is_dummy_key", "is_secret_key", "mask_line"]

# Compiled at first use (`re` keeps them): most starts need none of these.
_WORDS = r"(?:(?:api|access|secret|private|auth|signing|encryption)[_-]?key|token|secret|password|passwd|authorization)"
_KEY = rf"(?i)(?:^|.*[_-]){_WORDS}"
_LINE = rf"(?i)(^.*?{_WORDS}[\"']?\s*[:=]).*"


def is_secret_key(key: str) -> bool:
    """Whether a key of a mapping names a secret, such as `api_key`; for settings whose type is not known."""
    return re.fullmatch(_KEY, key) is not None


def mask_line(line: str) -> str:
    """A line of YAML as it may be shown: what follows a key that names a secret is masked."""
    return re.sub(_LINE, r"\1 ***", line)


class Secret:
    """A setting that is never shown: `repr`, `str` and formatting are masked, and no encoder takes it.

    A field of a section's Struct is declared as `api_key: Secret = Secret()`; in config.yaml it is a plain string,
    best a placeholder such as `${EXAMPLE_API_KEY}`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, empty where it is not set."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret()"

    def __str__(self) -> str:
        return "***" if self._value else ""

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A Secret is not pickled: reveal() it where it is used.")


_PLACEHOLDERS = frozenset({"changeme", "change-me", "dummy", "placeholder", "your-api-key", "your_api_key"})


def is_dummy_key(value: str) -> bool:
    """Whether a value stands for no key: `***`, `changeme`, `dummy` and the like, or fewer than four characters."""
    text = value.strip()
    return len(text) < 4 or text.lower() in _PLACEHOLDERS or set(text) == {"*"}
