"""The type of a setting that must not be shown."""

from __future__ import annotations

__all__ = ["Secret"]


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
