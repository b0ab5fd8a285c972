"""Changes to config.yaml: checked before they are written, one writer at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hermes_host.config import edit, files
from hermes_host.config.document import Document, read
from hermes_host.config.kinds import fields_of, kind_at, struct_in
from hermes_host.config.layers import document_layer, lookup
from hermes_host.config.original import FEATURES, REPLACED
from hermes_host.config.paths import join_path, split_path
from hermes_host.config.problems import nearest
from hermes_host.config.view import View
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_host.config.configuration import Config

__all__ = ["Writer", "check_writable"]

Path = tuple[str, ...]
_UNCHANGED = "Nothing was changed."


def check_writable(config: Config) -> None:
    """Raise `ConfigError` where another program makes the configuration (`.managed` in the home, `HERMES_MANAGED`)."""
    if config.environ.get("HERMES_MANAGED") or (config.home / ".managed").exists():
        raise ConfigError(f"{config.file} is managed by another program.", remedy="Change it there, such as in Nix.")


class Writer:
    """Sets and unsets for one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def set(self, path: str, value: Any, *, force: bool = False) -> None:
        """See `Config.set`."""
        parts = split_path(path)
        if not force:
            self._check_known(parts)
        check_writable(self._config)
        with files.locked(self._config.file):
            document = self._document()
            target, written = self._place(document, parts, value)
            text = edit.with_value(document, target, written)
            self._check_value(document, text, target)
            if text != document.text:
                files.write_private(self._config.file, text)

    def unset(self, path: str) -> None:
        """See `Config.unset`."""
        parts = split_path(path)
        check_writable(self._config)
        with files.locked(self._config.file):
            document = self._document()
            target = self._existing(document, parts)
            section = document.data.get(parts[0])
            if len(parts) == 2 and target[1] == self._shorthand(parts[0]) and _is_plain(section):
                target = parts[:1]
            files.write_private(self._config.file, edit.without(document, target))

    def _document(self) -> Document:
        document = read(str(self._config.file), files.read_text(self._config.file) or "")
        if document.broken:
            raise ConfigError(document.problems[0].line(), remedy=_UNCHANGED)
        return document

    def _check_known(self, parts: Path) -> None:
        config = self._config
        kinds = config.kinds(parts[0])
        if any(kind_at(kind, parts[1:]) is not None for kind in kinds):
            return
        if {parts[0], join_path(parts[:2])} & {*FEATURES, *REPLACED}:
            return
        if not kinds:
            known = [declaration.section for declaration in config.declarations]
            near = nearest(parts[0], [*known, *FEATURES])
            message = f"There is no section {parts[0]!r}."
        else:
            known = [name for kind in kinds if struct_in(kind) for name in fields_of(struct_in(kind))]
            near = join_path((parts[0], found)) if len(parts) > 1 and (found := nearest(parts[1], known)) else ""
            message = f"There is no setting {join_path(parts)!r}."
        raise ConfigError(message, remedy=f"Did you mean {near}?" if near else "Use --force to write it all the same.")

    def _place(self, document: Document, parts: Path, value: Any) -> tuple[Path, Any]:
        """Where the value goes in this file, and what is written there: shorthands and older names are respected."""
        parts = self._existing(document, parts)
        section = document.data.get(parts[0])
        short = self._shorthand(parts[0])
        if short and len(parts) == 1 and _is_plain(value) and isinstance(section, Mapping):
            return (parts[0], short), value
        if short and len(parts) == 2 and _is_plain(section):
            return (parts[:1], value) if parts[1] == short else (parts[:1], {short: section, parts[1]: value})
        return parts, value

    def _shorthand(self, section: str) -> str:
        """The setting that a plain value in place of the section means; empty where there is none."""
        structs = [struct for kind in self._config.kinds(section) if (struct := struct_in(kind)) is not None]
        names = [field.name for struct in structs for field in fields_of(struct).values() if field.shorthand]
        return names[0] if names else ""

    def _existing(self, document: Document, parts: Path) -> Path:
        """The path with a key's older name where the file has that one, and today's name otherwise."""
        for kind in self._config.kinds(parts[0]):
            struct = struct_in(kind)
            if struct is None or len(parts) < 2:
                continue
            for field in fields_of(struct).values():
                if parts[1] == field.name or parts[1] in field.aliases:
                    present = lookup(document.data, parts[:1])
                    names = [field.name, *field.aliases]
                    used = next(
                        (name for name in names if isinstance(present, Mapping) and name in present), field.name
                    )
                    return (parts[0], used, *parts[2:])
        return parts

    def _check_value(self, before: Document, text: str, parts: Path) -> None:
        old, new = self._invalid(before, parts[0]), self._invalid(read(before.name, text), parts[0])
        for line in new:
            if line not in old:
                raise ConfigError(f"{join_path(parts)}: {new[line]}", remedy=_UNCHANGED)

    def _invalid(self, document: Document, section: str) -> dict[tuple[str, str], str]:
        kinds = self._config.kinds(section)
        view = View(section, [document_layer("file", document, placeholders=True)], kinds, self._config.secrets)
        found = {}
        for kind in kinds:
            for problem in view.decode(kind, [each for each in kinds if each is not kind]).invalid:
                found[problem.path, problem.message] = problem.message.removesuffix("; the default is used.") + "."
        return found


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, (Mapping, list))
