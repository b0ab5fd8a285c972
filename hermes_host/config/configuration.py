"""`Config`: all layers of one home, read at the first look at a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hermes_host.config.layers import Layer, Origin, document_layer, lookup, named_layer
from hermes_host.config.original import FEATURES, REPLACED
from hermes_host.config.paths import join_path, split_path
from hermes_host.config.problems import Problem, nearest
from hermes_host.config.reading import Reading
from hermes_host.config.secrets import Secrets, looks_secret
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.config.migrations import Change
    from hermes_host.config.trust import ProjectFile
    from hermes_host.config.view import Decoded, View

__all__ = ["Config", "Declaration"]

T = TypeVar("T")

_HOST_MODULE = "hermes_host.config.sections"
_HOST_SECTIONS = {
    "model": "ModelSection",
    "agent": "AgentSection",
    "terminal": "TerminalSection",
    "approvals": "ApprovalsSection",
    "sessions": "SessionsSection",
    "secrets": "SecretsSection",
    "plugins": "PluginsSection",
    "display": "DisplaySection",
    "platform_toolsets": "PlatformToolsets",
    "auxiliary": "Auxiliary",
}
_HOST_VARIABLES = frozenset({"HERMES_HOME", "HERMES_PLUGINS", "HERMES_STRICT", "HERMES_TRACE_PLUGINS"})
"""Variables of the host itself that are no settings."""


class Declaration:
    """A section, who declared it, and its type, which is loaded at the first look."""

    def __init__(self, section: str, plugin: str, load: Callable[[], Any]) -> None:
        self.section = section
        self.plugin = plugin
        self.problem: Problem | None = None
        self._load = load

    @property
    def is_loaded(self) -> bool:
        """Whether the type has been loaded."""
        return "kind" in self.__dict__

    @cached_property
    def kind(self) -> Any:
        """The section's type, None when it cannot be loaded (`problem` then says why)."""
        try:
            return self._load()
        except HermesError as error:
            message = f"The settings of plugin {self.plugin!r} cannot be used: {error.message}"
            self.problem = Problem(self.section, message, error.remedy)
            return None


class Config:
    """The configuration of one home. Reading never raises for what a file holds: see `problems`.

    Layers, the later wins: declared defaults, `config.yaml`, the project's `.hermes/config.yaml` where the user trusts
    it, the environment (with `.env` over it), the command line.
    """

    def __init__(
        self,
        home: Path,
        *,
        environ: Mapping[str, str],
        overrides: Mapping[str, Any] | None = None,
        project: Path | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.home = home
        self.file = home / "config.yaml"
        self.project = project
        self.environ = environ
        self.secrets = secrets if secrets is not None else Secrets(home, environ)
        self._overrides = dict(overrides or {})
        self._declarations: dict[str, list[Declaration]] = {}
        self._forget()
        for section, attribute in _HOST_SECTIONS.items():
            self.declare(section, f"{_HOST_MODULE}:{attribute}", "hermes-host")

    @classmethod
    def load(
        cls,
        home: Path,
        *,
        environ: Mapping[str, str],
        overrides: Mapping[str, Any] | None = None,
        project: Path | None = None,
        secrets: Secrets | None = None,
    ) -> Config:
        """The configuration of that home; nothing is read yet. `project` is the project's directory.

        Pass the host's `secrets`, so that what is found in config.yaml is redacted too.
        """
        return cls(home, environ=environ, overrides=overrides, project=project, secrets=secrets)

    def _forget(self) -> None:
        self._layers: list[Layer] | None = None
        self._variables: Mapping[str, str] = {}
        self._found: list[Problem] = []
        self._views: dict[str, View] = {}
        self._decoded: dict[tuple[str, int], tuple[Any, Decoded]] = {}

    def reload(self) -> None:
        """Read everything anew at the next look."""
        self._forget()

    # ---------------------------------------------------------------------------------------------- declare

    def declare(self, section: str, kind: Any, plugin: str = "") -> None:
        """Say who owns a section and what its type is: the type, or its target `"module:attribute"`, imported on use.

        Several plugins may share a section; each sees its own settings.
        """
        load = _importer(kind) if isinstance(kind, str) else lambda: kind
        self._declarations.setdefault(section, []).append(Declaration(section, plugin, load))
        self._views.pop(section, None)
        self._decoded = {key: value for key, value in self._decoded.items() if key[0] != section}

    @property
    def declarations(self) -> Sequence[Declaration]:
        """All declared sections, sorted by name."""
        return [each for section in sorted(self._declarations) for each in self._declarations[section]]

    def kinds(self, section: str) -> Sequence[Any]:
        """The types declared for a section."""
        return [each.kind for each in self._declarations.get(section, ()) if each.kind is not None]

    # ------------------------------------------------------------------------------------------------- read

    @overload
    def section(self, name: str, kind: type[T], *, plugin: str = "") -> T: ...
    @overload
    def section(self, name: str, kind: None = None, *, plugin: str = "") -> Any: ...
    def section(self, name: str, kind: Any = None, *, plugin: str = "") -> Any:
        """The section's settings with defaults filled in; what is wrong is in `problems` and replaced by its default.

        Without `kind`: as `plugin` declared it, or as its first declaration says. Raises `NotFound` for a section
        nobody declared.
        """
        if kind is None:
            declared = self._declarations.get(name, [])
            chosen = [each for each in declared if each.plugin == plugin] or declared
            kind = next((each.kind for each in chosen if each.kind is not None), None)
        if kind is None:
            near = nearest(name, self._declarations)
            raise NotFound(f"There is no section {name!r}.", remedy=f"Did you mean {near!r}?" if near else "")
        return self._decode(name, kind).value

    def raw(self, name: str) -> Any:
        """The section as all layers have it, with `${VAR}` expanded but not validated; None where it is absent."""
        from hermes_host.config.placeholders import written_out

        return written_out(self._view(name).merged)

    def get(self, path: str) -> Any:
        """The setting in force at a dotted path. Raises `NotFound`, naming the nearest one, where there is none."""
        from hermes_host.config.kinds import fields_of, struct_in

        section, *rest = split_path(path)
        if section not in self._declarations:
            if self._view(section).merged is None:
                near = nearest(section, self._declarations)
                raise NotFound(f"There is no section {section!r}.", remedy=f"Did you mean {near!r}?" if near else "")
            value = self.raw(section)
        else:
            kinds = self.kinds(section)
            kind = next((each for each in kinds if rest and struct_in(each) and rest[0] in fields_of(each)), None)
            value = self.section(section, kind or (kinds[0] if kinds else None))
        for position, part in enumerate(rest):
            names = _names_in(value)
            if part not in names:
                near = nearest(part, names)
                remedy = f"Did you mean {join_path((section, *rest[:position], near))!r}?" if near else ""
                raise NotFound(f"There is no setting {path!r}.", remedy=remedy)
            value = names[part]
        return value

    def origin(self, path: str) -> Origin:
        """Where the setting in force comes from."""
        parts = split_path(path)
        layer = self._origin_layer(parts)
        return layer.origin if layer is not None else "default"

    def where(self, path: str) -> str:
        """The file and line, or the variable, the setting in force was read from; empty for a default."""
        parts = split_path(path)
        layer = self._origin_layer(parts)
        return layer.where(parts) if layer is not None else ""

    def _origin_layer(self, parts: tuple[str, ...]) -> Layer | None:
        view = self._view(parts[0])
        passed = 0
        for kind in self.kinds(parts[0]):
            if view.merged is not None:
                passed = max(passed, self._decode(parts[0], kind).passed_over.get(parts, 0))
        layers = [layer for layer, value in view.values if lookup(value, parts[1:]) is not None]
        return layers[passed] if passed < len(layers) else None

    def path_of_variable(self, name: str) -> str:
        """The dotted path of the setting an environment variable stands for; empty where there is none."""
        from hermes_host.config.kinds import variables_of

        for declaration in self.declarations:
            for path, names in variables_of(declaration.kind).items():
                if name in names:
                    return join_path((declaration.section, *path))
        return ""

    # --------------------------------------------------------------------------------------------- problems

    @property
    def problems(self) -> Sequence[Problem]:
        """Everything that is wrong with the files, the environment and the command line, all at once."""
        return self._problems_of(self._declarations)

    def faults(self, section: str) -> Sequence[Problem]:
        """What of one section is not in force as it was asked for: errors, not warnings."""
        found = [*self._view(section).problems]
        for declaration in self._declarations.get(section, ()):
            if declaration.kind is not None:
                found += self._decode(section, declaration.kind).problems
        paths = (section, f"{section}.", f"{section}[")
        return [item for item in dict.fromkeys(found) if item.level == "error" and item.path.startswith(paths)]

    @property
    def problems_at_hand(self) -> Sequence[Problem]:
        """The same without the sections that nobody has set or looked at, whose types would have to be loaded.

        Where a variable that begins with `HERMES_` may belong to one of them, they are loaded.
        """
        kinds = [each.kind for each in self.declarations if each.is_loaded and each.kind is not None]
        if self._has_unknown_variables(kinds):
            return self.problems
        return self._problems_of({each.section for each in self.declarations if each.is_loaded})

    def _has_unknown_variables(self, kinds: Sequence[Any]) -> bool:
        self.layers  # noqa: B018 - reads the environment
        names = {name for name in self._variables if name.startswith("HERMES_") and name not in _HOST_VARIABLES}
        names = {name for name in names if not name.startswith("HERMES__")}
        if not names:
            return False
        from hermes_host.config.kinds import variables_of

        return not names <= {name for kind in kinds for found in variables_of(kind).values() for name in found}

    def _problems_of(self, sections: Iterable[str]) -> Sequence[Problem]:
        problems = [*self.secrets.problems]
        layers = self.layers
        problems += self._found
        named = (name for name in sections if self._view(name).merged is not None)
        names = list(dict.fromkeys((*(name for layer in layers for name in layer.data), *named)))
        for name in names:
            problems += self._view(name).problems
            if name not in self._declarations:
                problems += self._unknown_section(name)
            for declaration in self._declarations.get(name, ()):
                if declaration.kind is not None:
                    problems += self._decode(name, declaration.kind).problems
                elif declaration.problem is not None:
                    problems.append(declaration.problem)
        return list(dict.fromkeys(problems))

    @property
    def unclaimed(self) -> Sequence[Problem]:
        """Settings of Hermes Agent that do nothing here, mostly because no installed plugin brings their feature."""
        from hermes_host.config.kinds import kind_at

        found = []
        for path in (*FEATURES, *REPLACED):
            section, *rest = path.split(".")
            claimed = any(kind_at(kind, tuple(rest)) is not None for kind in self.kinds(section))
            holders = [layer for layer in self.layers if lookup(layer.data, (section, *rest)) is not None]
            if holders and not claimed and path != "_config_version":
                message = f"This belongs to {FEATURES.get(path)}, which no installed plugin brings."
                where = holders[0].where((section, *rest))
                found.append(Problem(path, REPLACED.get(path, message), "It is kept.", "warning", where))
        return found

    @property
    def older_names(self) -> Sequence[Change]:
        """What `hermes config migrate` would do, apart from noting the version: the file works as it is."""
        from hermes_host.config.migrations import changes

        data = next((layer.data for layer in self.layers if layer.origin == "file"), {})
        return [change for change in changes(data) if change.new_name]

    def _unknown_section(self, name: str) -> Iterator[Problem]:
        layer = next(layer for layer in self.layers if name in layer.data)
        where = layer.where((name,))
        if name in FEATURES or name in REPLACED:
            return
        if name.isupper() or looks_secret(name):
            remedy = f"Move it into {self.secrets.file}: hermes config set {name} -"
            yield Problem(name, "Variables do not belong in config.yaml.", remedy, "warning", where)
            return
        near = nearest(name, [*self._declarations, *FEATURES])
        remedy = (
            f"Did you mean {near!r}?" if near else "Is the plugin it belongs to installed? See `hermes plugins list`."
        )
        yield Problem(name, "There is no section of this name.", remedy, "warning", where)

    # ----------------------------------------------------------------------------------------------- layers

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, strongest first; without the defaults and the variables that sections name themselves."""
        if self._layers is None:
            reading = Reading(self.home, self.environ, self.secrets)
            reading.read_file(self.file)
            if self.project is not None:
                reading.read_project(self.project, self.file)
            reading.read_environment()
            reading.read_overrides(self._overrides)
            self._layers, self._found, self._variables = reading.layers[::-1], reading.problems, reading.variables
        return self._layers

    def _view(self, name: str) -> View:
        if name not in self._views:
            from hermes_host.config.view import View

            kinds = self.kinds(name)
            self._views[name] = View(name, self._layers_of(name, kinds), kinds, self.secrets)
        return self._views[name]

    def _layers_of(self, name: str, kinds: Sequence[Any]) -> Sequence[Layer]:
        """All layers for one section: its type says which variables belong to it."""
        layers = self.layers
        named = named_layer(name, kinds, self._variables) if kinds else None
        if named is None:
            return layers
        above = sum(layer.origin in ("environment", "command line") for layer in layers)
        return [*layers[:above], named, *layers[above:]]

    def _decode(self, name: str, kind: Any) -> Decoded:
        key = (name, id(kind))
        if key not in self._decoded:
            others = [each for each in self.kinds(name) if each is not kind]
            # The type is kept beside the result, so that its id stays its own.
            self._decoded[key] = kind, self._view(name).decode(kind, others)
        return self._decoded[key][1]

    def preview(self, file: ProjectFile) -> tuple[Sequence[tuple[str, Any]], Sequence[Problem]]:
        """What a project file would set, by path, and what is wrong with it or would be ignored."""
        from hermes_host.config.document import read
        from hermes_host.config.listing import leaves
        from hermes_host.config.view import View

        document = read(str(file.path), file.text, aliases=False)
        layer = document_layer("project", document, placeholders=False)
        wanted: list[tuple[str, Any]] = []
        problems = list(document.problems)
        for section in document.data:
            kinds = self.kinds(section)
            view = View(section, [layer], kinds, self.secrets)
            problems += view.problems
            for kind in kinds:
                problems += view.decode(kind, [each for each in kinds if each is not kind]).invalid
            if view.merged is not None:
                wanted += [(join_path(path), value) for path, value in leaves(view.merged, (section,))]
        return wanted, list(dict.fromkeys(problems))

    # ------------------------------------------------------------------------------------------------ write

    def set(self, path: str, value: Any, *, force: bool = False) -> None:
        """Write one setting into config.yaml; every other line stays as it is.

        Raises `ConfigError`, and changes nothing, when the value does not fit, the file is broken or cannot be written,
        or (unless `force`) no such setting is known.
        """
        from hermes_host.config.writing import Writer

        Writer(self).set(path, value, force=force)
        self.reload()

    def unset(self, path: str) -> None:
        """Take one setting out of config.yaml. Raises `ConfigError` where it is not there or cannot be taken out."""
        from hermes_host.config.writing import Writer

        Writer(self).unset(path)
        self.reload()


def _importer(target: str) -> Callable[[], Any]:
    def load() -> Any:
        module, _, attribute = target.partition(":")
        if module == _HOST_MODULE:
            from hermes_host.config import sections

            return getattr(sections, attribute)
        from hermes_host.plugins import import_foreign

        return import_foreign(target)

    return load


def _names_in(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    from hermes_host.config.kinds import fields_of, struct_in

    kind = struct_in(type(value))
    if kind is not None:
        return {field.name: getattr(value, field.attribute) for field in fields_of(kind).values()}
    return {}
