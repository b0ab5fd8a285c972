"""The text of a turn as one growing text, and answers that must have a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.errors import refused
from hermes_host.events import AnswerRestarted, SegmentFinished, TextDelta

if TYPE_CHECKING:
    from hermes_host.events import Event

__all__ = ["Form", "Segments", "form_of"]

_SEPARATOR = "\n\n"


class Segments:
    """Joins the segments of a turn's text. A finished segment is not the end: tools and more text may follow.

    When an answer begins anew because a connection broke, what was sent cannot be taken back: where the new one begins
    with the same words it goes on from there, else it follows as a paragraph of its own.
    """

    def __init__(self) -> None:
        self.finished: list[str] = []
        self._sent: list[str] = []
        self._again: list[str] | None = None

    @property
    def text(self) -> str:
        """All finished segments."""
        return _SEPARATOR.join(self.finished)

    def feed(self, event: Event) -> str:
        """What is to be sent because of an event."""
        if type(event) is TextDelta:
            if self._again is None:
                return self._add(event.text)
            self._again.append(event.text)
            if sum(map(len, self._again)) < sum(map(len, self._sent)):
                return ""
            again, self._again = "".join(self._again), None
            return self._continue(again)
        if isinstance(event, AnswerRestarted):
            if self._sent:
                self._again = []
        elif isinstance(event, SegmentFinished):
            self._again = None
            piece = self._continue(event.text)
            self.finished.append(event.text)
            self._sent = []
            return piece
        return ""

    def _add(self, text: str) -> str:
        lead = _SEPARATOR if self.finished and not self._sent else ""
        self._sent.append(text)
        return lead + text

    def _continue(self, text: str) -> str:
        sent = "".join(self._sent)
        if text.startswith(sent):
            rest = text[len(sent) :]
            return self._add(rest) if rest else ""
        self._sent = [text]
        return _SEPARATOR + text


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The form an answer must have."""

    schema: dict[str, Any] | None
    """None for any JSON object."""

    @property
    def instruction(self) -> str:
        """What the model is told."""
        if self.schema is None:
            return "Answer with one JSON object and nothing else: no Markdown, no words around it."
        schema = msgspec.json.encode(self.schema).decode()
        return f"Answer with one JSON value that follows this schema, and nothing else:\n{schema}"

    def check(self, text: str) -> tuple[str, str]:
        """The answer without a fence around it, and what is wrong with it; that is empty for a good one."""
        text = text.strip()
        if text.startswith("```") and text.endswith("```") and "\n" in text:
            text = text.partition("\n")[2][:-3].strip()
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            return text, f"it is no JSON: {error}"
        if self.schema is None:
            return text, "" if isinstance(value, dict) else "it is no JSON object"
        from jsonschema.validators import validator_for
        from referencing import Registry

        # With a registry of its own that knows nothing, no reference is ever looked up on the network.
        validator = validator_for(self.schema)(self.schema, registry=Registry())
        found = next(validator.iter_errors(value), None)
        return text, "" if found is None else f"{found.json_path}: {found.message}"[:1000]


def form_of(value: Any, where: str) -> Form | None:
    """What `response_format`, or `text.format`, asks for. Raises `ApiError`."""
    kind = value.get("type") if isinstance(value, dict) else None
    if value is None or kind == "text":
        return None
    if kind == "json_object":
        return Form(schema=None)
    if kind != "json_schema":
        raise refused(f"{where}: text, json_object and json_schema are served.", where)
    inner = value.get("json_schema", value)
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if not isinstance(schema, dict):
        raise refused(f"{where}: the schema is missing.", where)
    if _leads_outside(schema):
        raise refused(f"{where}: a schema may refer only to itself.", where)
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except (SchemaError, RecursionError) as error:
        raise refused(f"{where}: that is no JSON schema: {getattr(error, 'message', error)}", where) from error
    return Form(schema=schema)


def _leads_outside(value: Any) -> bool:
    if isinstance(value, dict):
        references = (value.get(word) for word in ("$ref", "$dynamicRef"))
        outside = any(isinstance(found, str) and not found.startswith("#") for found in references)
        return outside or any(map(_leads_outside, value.values()))
    return isinstance(value, list) and any(map(_leads_outside, value))
