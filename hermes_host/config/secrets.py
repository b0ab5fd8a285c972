"""Secrets: `$HERMES_HOME/.env` over the process environment, and their removal from text."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from hermes_host.config import files
from hermes_host.config.problems import Problem
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hermes_host.config.redaction import Redaction, Redactor
    from hermes_host.protocols import SecretStore

__all__ = ["Secrets", "belongs_in_env_file", "looks_secret"]

_SECRET_NAME = re.compile(r"(?:[A-Z][A-Z0-9_]*_)?(?:API_KEY|ACCESS_KEY|SECRET_KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def looks_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret: upper case, ending in `_API_KEY`, `_TOKEN` or alike."""
    return re.fullmatch(_SECRET_NAME, name) is not None


def belongs_in_env_file(name: str) -> bool:
    """Whether `hermes config set` puts that name into `.env`, also where no plugin declares it."""
    return looks_secret(name) or re.fullmatch(r"TERMINAL_SSH[A-Z0-9_]*", name) is not None


class Secrets:
    """The secrets of one home. Nothing is read before the first look.

    A value in `.env` wins over the process environment, as Hermes Agent has it; an empty one (`NAME=`) counts as not
    set. A project's `.env` is never read.
    """

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self.file = home / ".env"
        self._environ = environ
        self._loaded: dict[str, str] | None = None
        self._problems: list[Problem] = []
        self._declared: set[str] = set()
        self._watched: dict[str, str] = {}
        self._redaction: Redaction | None = None
        self.stores: Callable[[], Sequence[tuple[str, SecretStore]] | None] = tuple
        """Gives the further stores, by name, when a secret is looked for that is set nowhere else; None for not now."""
        self._kept_elsewhere: dict[str, tuple[str, str]] = {}

    def __repr__(self) -> str:
        return f"Secrets({str(self.file)!r})"

    # ------------------------------------------------------------------------------------------------- values

    def get(self, name: str) -> str:
        """The value, empty where it is not set."""
        return self._values.get(name) or self._environ.get(name, "") or self._from_stores(name)[1]

    def _from_stores(self, name: str) -> tuple[str, str]:
        """The store that has it, and the value; each store is asked once for each name."""
        if not self.is_secret(name):
            return "", ""
        if name not in self._kept_elsewhere:
            stores = self.stores()
            if stores is None:
                return "", ""
            self._kept_elsewhere[name] = next(
                ((store_name, value) for store_name, store in stores if (value := store.get(name))), ("", "")
            )
            self.watch(self._kept_elsewhere[name][1], name)
        return self._kept_elsewhere[name]

    def known(self, name: str) -> bool:
        """Whether there is a value for it."""
        return bool(self.get(name))

    def origin(self, name: str) -> str:
        """Where the value comes from: `.env`, `environment`, the name of a store, or an empty string where it is not
        set."""
        if self._values.get(name):
            return ".env"
        return "environment" if self._environ.get(name) else self._from_stores(name)[0]

    def names(self) -> Sequence[str]:
        """The names of the secrets that are set, sorted."""
        candidates = {*self._values, *self._environ}
        return sorted(name for name in candidates if self.is_secret(name) and self.get(name))

    def is_secret(self, name: str) -> bool:
        """Whether the variable holds a secret: a plugin declared it, or its name says so."""
        return name in self._declared or looks_secret(name)

    def declare(self, *names: str) -> None:
        """Say that these variables hold secrets, whatever they are called."""
        if not self._declared.issuperset(names):
            self._declared.update(names)
            self._redaction = None

    @property
    def declared(self) -> frozenset[str]:
        """The names plugins declared."""
        return frozenset(self._declared)

    @property
    def variables(self) -> Mapping[str, str]:
        """Everything `.env` sets, settings included."""
        return self._values

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with `.env`."""
        self._values  # noqa: B018 - reads the file
        return tuple(self._problems)

    def set(self, name: str, value: str) -> None:
        """Write the secret into `.env`, mode 0600; other lines stay as they are. Raises `ConfigError`."""
        from hermes_host.config import dotenv

        self.check(name, value)
        with files.locked(self.file):
            text = files.read_text(self.file) or ""
            files.write_private(self.file, dotenv.with_value(text, name, value))
        self._forget()

    @staticmethod
    def check(name: str, value: str) -> None:
        """Raise `ConfigError` when `set` would refuse this name or value."""
        from hermes_host.config import dotenv

        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ConfigError(
                f"{name!r} is not the name of a variable.", remedy="Use letters, digits and _, such as EXAMPLE_API_KEY."
            )
        if reason := dotenv.check_value(value):
            raise ConfigError(f"The value for {name} cannot be kept: {reason}.", remedy="Nothing was changed.")

    def unset(self, name: str) -> None:
        """Take the secret out of `.env`; without effect where it is not there."""
        from hermes_host.config import dotenv

        with files.locked(self.file):
            text = files.read_text(self.file) or ""
            changed = dotenv.without(text, name)
            if changed != text:
                files.write_private(self.file, changed)
        self._forget()

    def reload(self) -> None:
        """Read `.env` anew at the next look, such as after another program changed it."""
        self._forget()

    # ---------------------------------------------------------------------------------------------- redaction

    def watch(self, value: str, name: str = "") -> None:
        """Redact this value too: a secret met elsewhere, such as literally in config.yaml."""
        if value and value not in self._watched:
            self._watched[value] = name
            self._redaction = None

    def redact(self, text: str) -> str:
        """The text with every known secret of 8 characters or more replaced by `[secret NAME]`."""
        return self._known.apply(text)

    def redactor(self) -> Redactor:
        """A redactor for one stream of text; it also knows the secrets that become known while it runs."""
        from hermes_host.config.redaction import Redactor

        return Redactor(lambda: self._known)

    @property
    def _known(self) -> Redaction:
        if self._redaction is None:
            from hermes_host.config.redaction import Redaction

            values = {self.get(name): name for name in reversed(self.names())}
            self._redaction = Redaction({**self._watched, **values})
        return self._redaction

    # ------------------------------------------------------------------------------------------------ loading

    @property
    def _values(self) -> dict[str, str]:
        if self._loaded is None:
            self._problems = []
            self._loaded = self._read()
        return self._loaded

    def _forget(self) -> None:
        # What was a secret a moment ago may still be on its way somewhere: it stays known.
        for name in self.names():
            self.watch(self.get(name), name)
        self._loaded = None
        self._kept_elsewhere.clear()
        self._redaction = None

    def _read(self) -> dict[str, str]:
        problem = partial(Problem, ".env", where=str(self.file))
        try:
            text = files.read_text(self.file)
        except ConfigError as error:
            self._problems.append(problem(error.message, remedy=error.remedy))
            return {}
        if text is None:
            return {}
        from hermes_host.config import dotenv

        if self.file.stat().st_mode & 0o077:
            self._problems.append(
                problem("Other users of this machine may read it.", f"Run: chmod 600 {self.file}", level="warning")
            )
        entries, bad_lines = dotenv.parse(text)
        for number in bad_lines:
            message = "This line is not NAME=value and was skipped."
            remedy = "Put values with spaces or quotes in single quotes."
            self._problems.append(Problem(".env", message, remedy, where=f"{self.file}, line {number}"))
        return {entry.name: entry.value for entry in entries}
