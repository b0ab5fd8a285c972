"""What is wrong with the configuration, as values: loading never raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Problem", "nearest"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Everything that is not named by a problem is in force."""

    path: str
    """The dotted YAML path, such as `terminal.timeout`; the file's name where the file as a whole is meant."""
    message: str
    """What is wrong and what is used instead: one or more whole sentences, never a secret's value."""
    remedy: str = ""
    """What to do about it."""
    level: Literal["warning", "error"] = "error"
    """`error`: what the user asked for is not in force. `warning`: it is ignored, or does nothing."""
    where: str = ""
    """The file and line, or the variable, where the value was found."""

    def line(self) -> str:
        """The problem in one line for a person (broken YAML quotes the offending line on lines of its own)."""
        place = f" ({self.where})" if self.where else ""
        return f"{self.path}{place}: {self.message} {self.remedy}".rstrip()


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant, or an empty string."""
    import difflib

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else ""
