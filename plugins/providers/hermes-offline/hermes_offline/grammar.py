"""A text is cut into clauses, and each clause becomes steps.

It is cut at `then`, `;` and line ends, and at `and`, commas and full stops where an instruction follows; never within
quotes, backticks and braces. A clause that fits none of the forms becomes a step with the action `unknown`.
"""

from __future__ import annotations

import re

from hermes_offline.forms import FORMS, Step, clean_path, unquoted

__all__ = ["parse"]

_POLITE = re.compile(
    r"^(?:[-*•]\s+|(?:please|kindly|now|first|firstly|next|finally|lastly|also|okay|ok|so|and|then|hermes|hey|"
    r"(?:can|could|would|will) you|i want you to|i(?:'d| would) like (?:you )?to|let's|let us|go ahead and)\b"
    r"[,:]?\s+)+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(r"(?:,?\s+(?:please|for me|thanks|thank you))*(?:(?<=[\w\"'`”)])[.!?]+)?$", re.IGNORECASE)
_COMMAND = re.compile(r"^(?:run|execute|\$)", re.IGNORECASE)
_VERB = re.compile(
    r"(?:list|ls|show|read|open|cat|print|display|view|write|save|put|create|make|append|add|replace|change|search|grep"
    r"|find|look|run|execute|remember|memori[sz]e|recall|call|use|invoke|tell|say|give|report|what|what's|which|how"
    r"|count|summari[sz]e|explain|describe|help|thanks?)\b|\$",
    re.IGNORECASE,
)
_PROTECTED = re.compile(r"```.*?```|`[^`]*`|\"(?:[^\"\\]|\\.)*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)", re.DOTALL)
_ALWAYS = r"\s*(?:,?\s+(?:and\s+)?then,?\s+|,?\s+after\s+that,?\s+|\s*\n\s*|;\s*)"
_BEFORE_VERB = r"\s*(?:,\s+and\s+|,\s+|\s+and\s+|\.\s+)"
_SEPARATOR = re.compile(rf"(?P<always>{_ALWAYS})|{_BEFORE_VERB}", re.IGNORECASE)


def parse(text: str) -> list[Step]:
    """The steps a text asks for, in order; empty for an empty text."""
    return [step for clause in _clauses(text) for step in _steps(clause)]


def _steps(clause: str) -> list[Step]:
    sentence = _POLITE.sub("", clause.strip())
    if not _COMMAND.match(sentence):
        sentence = _POLITE_END.sub("", sentence)
    sentence = _single_spaced(sentence)
    for form in FORMS:
        match = form.match(sentence)
        if match is None:
            continue
        if form.build is not None:
            return [Step(step.action, step.values, clause) for step in form.build(match)]
        values = {name: _value(name, value) for name, value in match.groupdict().items() if value is not None}
        return [Step(form.action, values, clause)]
    return [Step("unknown", {}, clause)]


def _value(name: str, value: str) -> str:
    if name == "path":
        return clean_path(value)
    return value if name == "arguments" else unquoted(value)


def _single_spaced(sentence: str) -> str:
    """Runs of blanks outside quotes as one blank, so that the forms need to know only one."""
    pieces, position = [], 0
    for start, end in _protected(sentence):
        pieces += [re.sub(r"\s+", " ", sentence[position:start]), sentence[start:end]]
        position = end
    return "".join([*pieces, re.sub(r"\s+", " ", sentence[position:])]).strip()


def _clauses(text: str) -> list[str]:
    masked = list(text)
    for start, end in _protected(text):
        masked[start:end] = "\0" * (end - start)
    shown = "".join(masked)
    clauses, start, position = [], 0, 0
    while (separator := _SEPARATOR.search(shown, position)) is not None:
        position = max(separator.end(), position + 1)
        follows = _POLITE.sub("", shown[separator.end() :])
        in_command = _COMMAND.match(_POLITE.sub("", shown[start:].lstrip())) is not None
        if _VERB.match(follows) or (separator["always"] and not in_command):
            clauses.append(text[start : separator.start()])
            start = separator.end()
    clauses.append(text[start:])
    return [clause.strip() for clause in clauses if _says_something(clause)]


def _says_something(clause: str) -> bool:
    return not re.fullmatch(r"[\s.;,*-]*\d*[\s.;,*-]*", _POLITE.sub("", f"{clause.strip()} "))


def _protected(text: str) -> list[tuple[int, int]]:
    """Where quotes and balanced braces are, outermost ones only, in order."""
    spans: list[tuple[int, int]] = []
    braces: list[int] = []
    position = 0
    while position < len(text):
        start, end = position, position + 1
        if text[position] == "{":
            braces.append(position)
        elif text[position] == "}" and braces:
            start = braces.pop()
        elif quoted := _PROTECTED.match(text, position):
            end = quoted.end()
        position = end
        if end > start + 1:
            while spans and spans[-1][0] >= start:
                spans.pop()
            spans.append((start, end))
    return spans
