"""Reading the layers: the files, the environment and the command line. What is wrong with them becomes problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hermes_host.config import files
from hermes_host.config.layers import Layer, document_layer, environment_layers, override_layer
from hermes_host.config.placeholders import is_placeholder
from hermes_host.config.problems import Problem
from hermes_host.config.secret import is_secret_key
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.config.secrets import Secrets

__all__ = ["Reading"]


class Reading:
    """Collects the layers, weakest first. No method raises for what it finds."""

    def __init__(self, home: Path, environ: Mapping[str, str], secrets: Secrets) -> None:
        self.layers: list[Layer] = []
        self.problems: list[Problem] = []
        self.variables: Mapping[str, str] = environ
        """The environment, after `read_environment` with `.env` over it."""
        self._home = home
        self._environ = environ
        self._secrets = secrets

    def read_file(self, file: Path) -> None:
        """The user's own config.yaml."""
        try:
            text = files.read_text(file)
        except ConfigError as error:
            self.problems.append(Problem(file.name, error.message, error.remedy, where=str(file)))
            return
        if text is None or not text.strip():
            return
        from hermes_host.config.document import read

        document = read(str(file), text)
        self.problems += document.problems
        self._watch(document.data, "")
        self.layers.append(document_layer("file", document, placeholders=True))

    def read_project(self, project: Path, own_file: Path) -> None:
        """The project's file, where the user trusts it as it stands."""
        from hermes_host.config import trust

        name = str(project / ".hermes" / "config.yaml")
        try:
            file = trust.read_project(project)
        except ConfigError as error:
            self.problems.append(Problem(name, error.message, error.remedy, "warning"))
            return
        if file is None or file.path == own_file.resolve():
            return
        if not trust.is_trusted(self._home, file):
            message = "This project has settings of its own, which are not trusted as they stand and not used."
            self.problems.append(Problem(name, message, "See what they are: hermes config trust", "warning"))
            return
        from hermes_host.config.document import read

        document = read(name, file.text, aliases=False)
        self.problems += document.problems
        self.layers.append(document_layer("project", document, placeholders=False))

    def read_environment(self) -> None:
        """The process environment, with `.env` over it."""
        in_file = {name: value for name, value in self._secrets.variables.items() if value}
        self.variables = {**self._environ, **in_file}
        self.layers += environment_layers(self.variables)

    def read_overrides(self, overrides: Mapping[str, Any]) -> None:
        """The command line."""
        for path, value in overrides.items():
            try:
                self.layers.append(override_layer({path: value}))
            except ConfigError as error:
                self.problems.append(Problem(path, error.message, error.remedy, where="the command line"))

    def _watch(self, value: Any, key: str) -> None:
        """Have literal secrets redacted, also those in sections that nobody has declared."""
        if isinstance(value, Mapping):
            for name, item in value.items():
                self._watch(item, name)
        elif isinstance(value, list):
            for item in value:
                self._watch(item, key)
        elif isinstance(value, str) and is_secret_key(key) and not is_placeholder(value):
            self._secrets.watch(value)
