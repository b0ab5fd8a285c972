"""Settings from raw values, field by field: a bad value costs only itself, and all of them are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_args, get_origin

import msgspec

from hermes_host.config.kinds import (
    bare,
    default_of,
    expected,
    fields_of,
    mentions_secret,
    normalise,
    struct_in,
    union_parts,
)
from hermes_host.config.paths import join_path
from hermes_host.config.placeholders import first_unset
from hermes_host.config.problems import Problem, nearest
from hermes_host.config.secret import Secret

__all__ = ["Candidate", "Decoder", "Source"]

Path = tuple[str, ...]

_YES = ("on", "yes", "true")
_NO = ("off", "no", "false")
_LISTS = (list, tuple, set, frozenset)
_MISSING: Any = object()


class Candidate(NamedTuple):
    """A value of one layer."""

    value: Any
    text: str | None
    """The scalar as it was written, None for lists, mappings and values that came from a program."""
    one_line: bool = False
    """Whether it stood where there is room for a single line, as in a variable: commas may part the items of a list."""


class Source(Protocol):
    """What the decoder asks about where values come from."""

    def candidates(self, path: Path) -> Iterator[Candidate]:
        """The values at a path, that of the strongest layer first."""
        ...

    def where(self, path: Path) -> str:
        """Where the strongest value stands."""
        ...

    def reveal(self, secret: Secret, path: Path) -> None:
        """Told of every secret that was read."""
        ...


class Decoder:
    """Decodes one section and collects everything that is wrong with it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.invalid: list[Problem] = []
        self.unset: list[Problem] = []
        self.unknown: list[Problem] = []
        self.passed_over: dict[Path, int] = {}
        """How many layers were passed over at a path because their value could not be used."""

    @property
    def problems(self) -> Sequence[Problem]:
        """All of it."""
        return (*self.invalid, *self.unset, *self.unknown)

    def section(self, kind: Any, value: Any, path: Path, *, also_known: Sequence[str] = ()) -> Any:
        """The section as `kind`, with defaults for what is missing or wrong."""
        struct = struct_in(kind)
        if struct is None:
            decoded = self._value(kind, value, path)
            return default_of(kind) if decoded is _MISSING else decoded
        if not isinstance(value, Mapping):
            self._reject(path, f"Expected a mapping of settings, found {_shown(value, None)}; the defaults are used.")
            value = {}
        decoded = self._struct(struct, value, path, also_known)
        return struct() if decoded is _MISSING else decoded

    def _struct(self, kind: Any, value: Mapping[str, Any], path: Path, also_known: Sequence[str] = ()) -> Any:
        fields = fields_of(kind)
        arguments: dict[str, Any] = {}
        for key, raw in value.items():
            if key not in fields:
                if key not in also_known:
                    self._report_unknown((*path, key), [*fields, *also_known])
            elif (decoded := self._value(fields[key].type, raw, (*path, key))) is not _MISSING:
                arguments[fields[key].attribute] = decoded
        for field in fields.values():
            if field.required and field.attribute not in arguments:
                if value.get(field.name) is None:
                    self._reject((*path, field.name), f"Expected {expected(field.type)}, found nothing.")
                return _MISSING
        try:
            return kind(**arguments)
        except (TypeError, ValueError) as error:
            # A Struct's own check (__post_init__) of how its settings go together.
            self._reject(path, f"These settings do not go together: {str(error).rstrip('.')}.")
            return _MISSING

    def _value(self, kind: Any, raw: Any, path: Path) -> Any:
        if raw is None and type(None) not in union_parts(kind):
            return _MISSING
        struct = struct_in(kind)
        if struct is not None and isinstance(raw, Mapping):
            return self._struct(struct, raw, path)
        plain = bare(kind)
        if isinstance(raw, Mapping) and get_origin(plain) is dict:
            item_kind = get_args(plain)[1]
            items = {key: self._value(item_kind, normalise(item, item_kind), (*path, key)) for key, item in raw.items()}
            return {key: item for key, item in items.items() if item is not _MISSING}
        if isinstance(raw, list) and get_origin(plain) is list and struct_in(get_args(plain)[0]) is not None:
            found = [self._value(get_args(plain)[0], item, (*path, str(index))) for index, item in enumerate(raw)]
            return [item for item in found if item is not _MISSING]
        # A mapping has already been merged from all layers; of anything else the strongest usable one counts.
        candidates = [Candidate(raw, None)] if isinstance(raw, Mapping) else list(self._source.candidates(path))
        return self._best(kind, candidates or [Candidate(raw, None)], path)

    def _best(self, kind: Any, candidates: Sequence[Candidate], path: Path) -> Any:
        complaint = ""
        for number, candidate in enumerate(candidates):
            if (unset := first_unset(candidate.value)) is not None:
                result, reason = _MISSING, f"The variable {unset.name} is not set"
            else:
                result, reason = self._converted(kind, candidate, path)
            complaint = complaint or reason
            if result is not _MISSING:
                self.passed_over[path] = number
                break
        else:
            self.passed_over[path] = len(candidates)
        if self.passed_over[path]:
            used = "the default is used" if result is _MISSING else "the layer below is used"
            unset = first_unset(candidates[0].value)
            remedy = f"Set it: hermes config set {unset.name} -" if unset else ""
            problem = Problem(join_path(path), f"{complaint}; {used}.", remedy, "error", self._source.where(path))
            (self.unset if unset else self.invalid).append(problem)
        return result

    def _converted(self, kind: Any, candidate: Candidate, path: Path) -> tuple[Any, str]:
        """The value, or `_MISSING` and what is wrong with it."""

        def hook(wanted: Any, given: Any) -> Any:
            if wanted is Secret and isinstance(given, str):
                secret = Secret(given)
                self._source.reveal(secret, path)
                return secret
            if isinstance(given, wanted):
                return given
            raise ValueError(f"Expected `{wanted.__name__}`")

        reason = ""
        for reading in _readings(kind, candidate):
            for strict in (True, False):
                try:
                    return msgspec.convert(reading, kind, strict=strict, dec_hook=hook, str_keys=True), ""
                except msgspec.ValidationError as error:
                    reason = reason or str(error)
        if mentions_secret(kind):
            return _MISSING, f"Expected {expected(kind)}, found another type of value"
        place = re.search(r" - at `\$(.+)`$", reason)
        detail = f" (at {path[-1]}{place[1]}: {reason[: place.start()]})" if place else ""
        return _MISSING, f"Expected {expected(kind)}, found {_shown(candidate.value, candidate.text)}{detail}"

    def _report_unknown(self, path: Path, known: Sequence[str]) -> None:
        near = nearest(path[-1], known)
        remedy = f"Did you mean {join_path((*path[:-1], near))}?" if near else f"Known: {', '.join(sorted(known))}."
        problem = Problem(join_path(path), "There is no such setting.", remedy, "warning", self._source.where(path))
        self.unknown.append(problem)

    def _reject(self, path: Path, message: str) -> None:
        self.invalid.append(Problem(join_path(path), message, "", "error", self._source.where(path)))


def _readings(kind: Any, candidate: Candidate) -> Iterator[Any]:
    """What the value may mean, best first: YAML's reading, then what the wanted type suggests."""
    value, text, one_line = candidate
    parts = union_parts(kind)
    yield value
    if one_line and text is not None and any(get_origin(part) in _LISTS for part in parts):
        items = [item.strip() for item in text.split(",") if item.strip()]
        if items and not items[0].startswith(("[", "{")):
            yield items
    if bool in parts and isinstance(value, str) and value.lower() in (*_YES, *_NO):
        yield value.lower() in _YES
    if isinstance(value, (bool, int, float)):
        # `mode: off` is a truth value in YAML and a word to the person who wrote it; `model: 4.10` is a name.
        if text is not None:
            yield text
        if isinstance(value, bool):
            yield from _YES if value else _NO
        else:
            yield str(value)
    if isinstance(value, list):
        item_kinds = [get_args(part)[0] for part in parts if get_args(part) and get_origin(part) is not Literal]
        if item_kinds and {str, Secret} & set(union_parts(item_kinds[0])):
            yield [str(item) if type(item) in (int, float) else item for item in value]


def _shown(value: Any, text: str | None) -> str:
    if isinstance(value, (Mapping, list)):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    if value is None:
        return "nothing"
    shown = repr(value if text is None else text) if isinstance(value, str) else text or str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
