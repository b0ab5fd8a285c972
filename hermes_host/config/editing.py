"""Changes to config.yaml as a whole: in a person's editor, and by migrations."""

from __future__ import annotations

import difflib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.config import files, migrations
from hermes_host.config.document import read
from hermes_host.config.layers import document_layer
from hermes_host.config.secret import mask_line
from hermes_host.config.view import View
from hermes_host.config.writing import check_writable
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermes_host.config.configuration import Config
    from hermes_host.config.document import Document
    from hermes_host.config.problems import Problem

__all__ = ["Draft", "Migration", "migrate"]

_NEW = "# Settings of hermes. `hermes config schema` lists all of them.\n"


class Draft:
    """A copy of config.yaml to be edited; config.yaml itself changes only with `save`."""

    def __init__(self, config: Config) -> None:
        check_writable(config)
        self._config = config
        self._before = files.read_text(config.file)
        self._start = self._before if self._before is not None else _NEW
        # Beside config.yaml and not in /tmp: it may hold secrets. The suffix tells editors what it is.
        self.file: Path = config.home / f"config.edited-{os.urandom(4).hex()}.yaml"
        files.write_private(self.file, self._start)

    def problems(self) -> Sequence[Problem]:
        """What is wrong with the edited text that was not wrong before."""
        edited = read(str(self.file), files.read_text(self.file) or "")
        if edited.broken:
            return edited.problems
        before = {(each.path, each.message) for each in _check(self._config, self._document(self._start))}
        return [each for each in _check(self._config, edited) if (each.path, each.message) not in before]

    def save(self) -> bool:
        """Put the edited text in place; False where nothing was edited.

        Raises `ConfigError` when config.yaml has changed meanwhile; the edited text then stays in `file`.
        """
        text = files.read_text(self.file) or ""
        if text != self._start:
            with files.locked(self._config.file):
                if files.read_text(self._config.file) != self._before:
                    raise ConfigError(
                        f"{self._config.file} was changed by somebody else meanwhile.",
                        remedy=f"What you wrote is kept in {self.file}.",
                    )
                files.write_private(self._config.file, text)
            self._config.reload()
        self.file.unlink()
        return text != self._start

    def discard(self) -> None:
        """Delete the copy where nothing was written into it."""
        if files.read_text(self.file) == self._start:
            self.file.unlink()

    def _document(self, text: str) -> Document:
        return read(str(self._config.file), text)


def _check(config: Config, document: Document) -> Sequence[Problem]:
    found = list(document.problems)
    layer = document_layer("file", document, placeholders=True)
    for section in document.data:
        kinds = config.kinds(section)
        view = View(section, [layer], kinds, config.secrets)
        for kind in kinds:
            found += view.decode(kind, [each for each in kinds if each is not kind]).problems
    return found


class Migration(NamedTuple):
    """What a migration did, or would do."""

    summaries: Sequence[str]
    diff: str
    backup: str
    """Where the old file is kept; empty where nothing was written."""


def migrate(config: Config, *, dry_run: bool = False) -> Migration:
    """Bring config.yaml up to date. Raises `ConfigError`, and changes nothing, when it is broken or too entangled."""
    if not dry_run:
        check_writable(config)
    with files.locked(config.file):
        text = files.read_text(config.file) or ""
        document = read(str(config.file), text)
        if document.broken:
            raise ConfigError(document.problems[0].line(), remedy="Nothing was changed.")
        summaries = [change.summary for change in migrations.changes(document.data)]
        if not summaries:
            return Migration((), "", "")
        after = migrations.migrated(document)
        diff = difflib.unified_diff(
            text.splitlines(keepends=True), after.splitlines(keepends=True), config.file.name, config.file.name, n=1
        )
        backup = ""
        if not dry_run:
            kept = config.file.with_name(f"config.yaml.before-{migrations.VERSION}-{time.strftime('%Y%m%d-%H%M%S')}")
            files.write_private(kept, text)
            files.write_private(config.file, after)
            config.reload()
            backup = str(kept)
    return Migration(summaries, "".join(map(mask_line, diff)), backup)
