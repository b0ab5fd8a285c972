"""One section through all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_host.config.decode import Candidate, Decoder
from hermes_host.config.kinds import default_of, fields_of, normalise, project_part, struct_in
from hermes_host.config.layers import Layer, lookup, merge
from hermes_host.config.original import FEATURES, REPLACED
from hermes_host.config.paths import join_path
from hermes_host.config.placeholders import expand
from hermes_host.config.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.config.secret import Secret
    from hermes_host.config.secrets import Secrets

__all__ = ["Decoded", "View"]

Path = tuple[str, ...]


class Decoded(NamedTuple):
    """A section as one of its types, and what is wrong with it."""

    value: Any
    problems: Sequence[Problem]
    invalid: Sequence[Problem]
    passed_over: dict[Path, int]


class View:
    """The values of one section, strongest layer first, with shorthands written out and placeholders expanded."""

    def __init__(self, name: str, layers: Sequence[Layer], kinds: Sequence[Any], secrets: Secrets) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._secrets = secrets
        self.values = [(layer, value) for layer in layers if (value := self._value(layer, kinds)) is not None]
        self.merged = merge([value for _, value in self.values])

    def _value(self, layer: Layer, kinds: Sequence[Any]) -> Any:
        value = layer.data.get(self.name)
        if value is None:
            return None
        for kind in kinds:
            value = normalise(value, kind)
        if layer.origin == "project":
            value = self._project_value(layer, value, kinds)
        return expand(value, self._secrets.get) if layer.placeholders else value

    def _project_value(self, layer: Layer, value: Any, kinds: Sequence[Any]) -> Any:
        parts = [project_part(value, kind, (self.name,)) for kind in kinds]
        ignored = set.intersection(*(set(rest) for _, rest in parts)) if parts else {(self.name,)}
        for path in sorted(ignored):
            message = "A project may not set this; it is ignored."
            self.problems.append(Problem(join_path(path), message, "", "warning", layer.where(path)))
        return merge([part for part, _ in parts])

    def decode(self, kind: Any, others: Sequence[Any]) -> Decoded:
        """The section as `kind`; settings that belong to the `others` are not unknown."""
        if self.merged is None:
            return Decoded(kind() if struct_in(kind) is kind else default_of(kind), (), (), {})
        also_known = [name for other in others if struct_in(other) for name in fields_of(struct_in(other))]
        prefix = f"{self.name}."
        also_known += [path.removeprefix(prefix) for path in (*FEATURES, *REPLACED) if path.startswith(prefix)]
        decoder = Decoder(self)
        value = decoder.section(kind, self.merged, (self.name,), also_known=also_known)
        return Decoded(value, decoder.problems, decoder.invalid, decoder.passed_over)

    # The decoder's questions.

    def candidates(self, path: Path) -> Iterator[Candidate]:
        """The values at that path, strongest first."""
        for layer, value in self.values:
            found = lookup(value, path[1:])
            if found is not None:
                # After an expansion the text as written is the placeholder, which is not what is meant.
                expanded = layer.placeholders and isinstance(found, str)
                one_line = layer.origin in ("environment", "command line")
                yield Candidate(found, None if expanded else layer.text_of(path), one_line)
            if any(isinstance(lookup(value, path[1:length]), list) for length in range(1, len(path))):
                return  # lists are not merged: what lies below is an item of another list

    def where(self, path: Path) -> str:
        """Where the strongest value at that path stands."""
        for layer, value in self.values:
            if lookup(value, path[1:]) is not None:
                return layer.where(path)
        return self.values[0][0].where(path) if self.values else ""

    def reveal(self, secret: Secret, path: Path) -> None:
        """Have the secret redacted wherever it turns up."""
        self._secrets.watch(secret.reveal(), join_path(path))
