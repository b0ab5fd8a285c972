"""The sentences the provider understands, as a table; tried from top to bottom, the first that fits counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

__all__ = ["FORMS", "PRONOUN", "Form", "Step", "clean_path", "unquoted"]

PRONOUN = "it"
"""The path of a step that speaks of the file last spoken of."""


class Step(msgspec.Struct, frozen=True):
    """One thing to do. `values` are the parts of the sentence by name, without their quotes."""

    action: str
    values: dict[str, str] = {}
    text: str = ""
    """The clause as it was written."""


class Form(msgspec.Struct, frozen=True):
    """A kind of sentence: what it does, an example, the words it may begin with, and its pattern (blanks as `\\ `).

    `build` makes steps of a match; without it the named groups are the values.
    """

    action: str
    example: str
    words: str
    pattern: str
    build: Callable[[re.Match[str]], Iterable[Step]] | None = None

    def match(self, sentence: str) -> re.Match[str] | None:
        """The match of the whole sentence, or None."""
        first = _FIRST_WORD.match(sentence)
        if first is None or first[0].lower() not in self.words.split():
            return None
        # Compiled when a sentence may need it: compiling all would take longer than everything else a turn does here.
        return _compiled(self.pattern).fullmatch(sentence)


_FIRST_WORD = re.compile(r"[$?]|/?[A-Za-z']+")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL | re.VERBOSE)


_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|`[^`]*`|“[^”]*”|'[^']*')"""
_PATH = rf"(?:{_QUOTED}|[^\s\"`“”]+)"
_FILE = rf"(?:(?:the|that|this)\ file\b(?!\s)|(?:the\ )?(?:file\ )?(?:called\ |named\ )?{_PATH})"
_FOLDER = rf"(?:the\ )?(?:folder\ |directory\ )?(?P<path>{_PATH})(?:\ (?:folder|directory))?"
_PROPERTY = (
    r"(?:title|headings?|(?:first|last)(?:\ \d+)?\ lines?|(?:number\ of|count\ of)\ (?:lines|words|characters)"
    r"|(?:line|word|character)\ count|lines|words|contents?|summary)"
)
_PROPERTIES = rf"{_PROPERTY}(?:(?:,\ and\ |,\ |\ and\ )(?:(?:its|the|their)\ )?{_PROPERTY})*"
_ASK = r"(?:tell\ me|say|give\ me|show\ me|show|print|report|what\ is|what's|what\ are)"

_PRONOUNS = {"it", "that", "this", "them", "that file", "this file", "the file", "its contents", "everything in it"}


def _properties(match: re.Match[str]) -> Iterable[Step]:
    path = match.groupdict().get("path") or match.groupdict().get("owner") or PRONOUN
    for name in re.split(r",\s+and\s+|,\s+|\s+and\s+", match["what"]):
        what = re.sub(r"^(its|the|their)\s+", "", name.strip(), flags=re.IGNORECASE).lower()
        yield Step("tell", {"what": what, "path": clean_path(path)})


def _count(match: re.Match[str]) -> Iterable[Step]:
    what = match["what"].lower()
    yield Step("tell", {"what": f"number of {what}", "path": clean_path(match["path"] or PRONOUN)})


def _about(match: re.Match[str]) -> Iterable[Step]:
    yield Step("tell", {"what": "about", "path": clean_path(match["path"]), "topic": unquoted(match["topic"])})


def _reads(match: re.Match[str]) -> Iterable[Step]:
    if clean_path(match["paths"]) == PRONOUN:
        yield Step("read", {"path": PRONOUN})
        return
    for path in re.findall(rf"{_QUOTED}|[^\s,]+", match["paths"]):
        if path.lower() not in ("and", "the", "file", "called", "named"):
            yield Step("read", {"path": clean_path(path)})


def _list_or_read(match: re.Match[str]) -> Iterable[Step]:
    path = clean_path(match["path"])
    is_file = path == PRONOUN or re.search(r"[^/.]\.\w{1,8}$", path)
    yield Step("read" if is_file else "list", {"path": path})


def _find(match: re.Match[str]) -> Iterable[Step]:
    wanted = unquoted(match["pattern"])
    by_name = bool(match["named"]) or "*" in wanted or re.fullmatch(r"[\w.-]+\.\w{1,8}", wanted) is not None
    yield Step("find" if by_name else "search", {"pattern": wanted, "path": clean_path(match["path"] or ".")})


def _search(match: re.Match[str]) -> Iterable[Step]:
    yield Step("search", {"pattern": unquoted(match["pattern"]), "path": clean_path(match["path"] or ".")})


FORMS: tuple[Form, ...] = (
    Form(
        "help",
        "help",
        "help /help ? what how",
        r"(?:/?help|\?|what\ can\ (?:you|i)\ do|how\ does\ this\ work|help\ me)",
    ),
    Form("who", "who are you", "who what are", r"(?:who|what)\ are\ you|are\ you\ .*(?:model|real|ai|human|bot).*"),
    Form(
        "greet",
        "hello",
        "hello hi hey good",
        r"(?:hello|hi|hey|good\ (?:morning|evening|day))(?:,?\ (?:there|hermes|again))?",
    ),
    Form("thank", "thank you", "thank thanks", r"(?:thanks?|thank\ you)(?:\ .*)?"),
    Form(
        "tools",
        "what tools do you have",
        "what which list show tools",
        r"(?:(?:what|which)\ tools\ .+|(?:list|show)\ (?:me\ )?(?:all\ )?(?:(?:your|the|available)\ )*tools|tools)",
    ),
    Form(
        "call",
        'call read_file {"path": "README.md"}',
        "call use invoke",
        (
            r"(?:call|use|invoke)\ (?:the\ )?(?:tool\ )?(?P<tool>[a-z][a-z0-9_]*)(?:\ tool)?(?:\ with)?"
            r"(?:\s+(?P<arguments>[{\[].*))?"
        ),
    ),
    Form(
        "tell",
        "tell me its title and first line",
        "tell say give show print report what what's",
        (
            rf"{_ASK}\ (?:its|their|(?:the\ )?(?P<owner>{_PATH})'s|the)\ (?P<what>{_PROPERTIES})"
            rf"(?:\ (?:of|in|from)\ (?P<path>{_FILE}))?"
        ),
        _properties,
    ),
    Form(
        "tell",
        "how many lines does README.md have",
        "tell say how count",
        (
            r"(?:(?:tell\ me|say)\ )?(?:how\ many|count\ (?:the\ |its\ )?)\ ?(?P<what>lines|words|characters)"
            rf"(?:\ (?:does|do|are\ (?:there\ )?in|there\ are\ in|in|of|is\ in)\ (?P<path>{_FILE}))?"
            r"(?:\ (?:has|have|it\ has|are\ there|there\ are))?"
        ),
        _count,
    ),
    Form(
        "tell",
        "tell me what it says about licences",
        "tell say show what",
        rf"(?:(?:tell\ me|say|show\ me)\ )?what\ (?:does\ )?(?P<path>{_FILE})\ says?\ (?:about|on)\ (?P<topic>.+)",
        _about,
    ),
    Form(
        "summarise",
        "summarise README.md",
        "summarise summarize explain describe analyse analyze review",
        rf"(?:summari[sz]e|explain|describe|analy[sz]e|review)\ (?P<path>{_FILE})",
    ),
    Form(
        "list",
        "list the files in src",
        "list show display give what which how ls dir",
        (
            r"(?:(?:list|show|display|give|what|which|how\ many)\ ?(?:me\ )?(?:all\ )?(?:of\ )?(?:the\ )?"
            r"(?:files\ and\ (?:folders|directories)|files|folders|directories|contents|everything|directory|folder)"
            r"|ls|dir|list)(?:\ (?:are|is|do\ (?:you|i)\ (?:see|have)|exist))?(?:\ there)?"
            r"(?:\ (?:right\ )?here|\ in\ (?:this|the\ current|the\ working)\ (?:folder|directory)"
            rf"|\ (?:in|of|under|inside|from|at)\ {_FOLDER})?"
        ),
        lambda match: [Step("list", {"path": clean_path(match["path"] or ".")})],
    ),
    Form(
        "list",
        "ls src",
        "ls dir list",
        rf"(?:ls|dir|list)\ (?!-){_FOLDER}",
        lambda match: [Step("list", {"path": clean_path(match["path"])})],
    ),
    Form(
        "read", "what is in notes.txt", "what what's", (rf"(?:what\ is|what's)\ in(?:side)?\ {_FOLDER}"), _list_or_read
    ),
    Form(
        "replace",
        'replace "old" with "new" in notes.txt',
        "replace change",
        rf"(?:replace|change)\ (?P<old>{_QUOTED})\ (?:with|by|to|into)\ (?P<new>{_QUOTED})\ in\ (?P<path>{_FILE})",
    ),
    Form(
        "append",
        'append "one more line" to notes.txt',
        "append add",
        rf"(?:append|add)\ (?P<text>{_QUOTED}|.+?)\ to\ (?:the\ end\ of\ )?(?P<path>{_FILE})",
    ),
    Form(
        "write",
        'create notes.txt with "hello"',
        "create make write",
        (
            rf"(?:create|make|write)\ (?:an?\ |the\ )?(?:new\ )?(?:file\ )?(?:called\ |named\ )?(?P<path>{_PATH})"
            r"\ (?:with|containing|saying|that\ says)\ (?:the\ )?(?:text\ |contents?\ |words?\ )?(?P<text>.+)"
        ),
    ),
    Form(
        "write",
        'write "hello" to notes.txt',
        "write save put",
        (
            rf"(?:write|save|put)\ (?P<text>{_QUOTED}|.+?)\ (?:to|into|in|as)\ (?:an?\ |the\ )?(?:new\ )?(?:file\ )?"
            rf"(?:called\ |named\ )?(?P<path>{_PATH})"
        ),
    ),
    Form(
        "find",
        "find files named *.py in src",
        "find",
        (
            r"find\ (?:me\ )?(?:all\ )?(?:the\ )?"
            r"(?P<named>files?\ (?:named\ |called\ |matching\ |like\ |ending\ in\ )?)?"
            rf"(?P<pattern>{_QUOTED}|.+?)(?:\ (?:in|under|inside)\ {_FOLDER})?"
        ),
        _find,
    ),
    Form(
        "search",
        "search for TODO in src",
        "search grep look",
        (
            r"(?:search|grep|look)(?:\ (?:all\ )?(?:the\ )?files)?(?:\ for)?\ (?P<pattern>"
            rf"{_QUOTED}|.+?)(?:\ (?:in|under|inside|within)\ (?:the\ )?(?:files?\ (?:in\ )?)?{_FOLDER})?"
        ),
        _search,
    ),
    Form(
        "run",
        "run `git status`",
        "run execute $ ls",
        r"(?:(?:run|execute)\ (?:the\ )?(?:shell\ )?(?:command\ )?|\$\ ?|(?=ls\ -))(?P<command>.+)",
    ),
    Form(
        "recall",
        "what do you remember about the trip",
        "recall what",
        (
            r"(?:recall|what\ do\ you\ (?:remember|know)(?:\ about)?|what\ did\ (?:we|i)\ say\ about)"
            r"(?:\ (?P<query>.+))?"
        ),
    ),
    Form(
        "remember",
        "remember that I like tea",
        "remember memorise memorize",
        r"(?:remember|memori[sz]e)(?:\ that|\ this)?:?\ (?P<text>.+)",
    ),
    Form(
        "read",
        "read README.md",
        "read open cat show display print view look see",
        (
            r"(?:read|open|cat|show|display|print|view|look\ at|see)(?:\ me)?(?:\ all\ of)?(?:\ the\ contents?\ of)?"
            rf"\ (?P<paths>{_FILE}(?:(?:,\ and\ |,\ |\ and\ ){_FILE})*)(?:\ (?:aloud|out|to\ me|file))?"
        ),
        _reads,
    ),
)


def clean_path(text: str) -> str:
    """The path in a phrase such as `the file "my notes.txt"`, or `PRONOUN`."""
    text = text.strip()
    if text.lower() in _PRONOUNS:
        return PRONOUN
    text = re.sub(r"^(?:the\s+)?(?:file\s+)?(?:called\s+|named\s+)?(?=\S)", "", text, flags=re.IGNORECASE)
    without_quotes = unquoted(text)
    if without_quotes != text:
        return without_quotes
    if text.lower() in _PRONOUNS:
        return PRONOUN
    bare = text.rstrip(",;:!?")
    return bare[:-1] if bare.endswith(".") and bare.strip("./") else bare


_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def unquoted(text: str) -> str:
    """The text without the quotes around it. In double quotes, backslashes are escapes as in most languages."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and len(text) >= 6:
        return re.sub(r"^[\w-]*\n", "", text[3:-3])
    if len(text) < 2 or (text[0], text[-1]) not in {('"', '"'), ("`", "`"), ("“", "”"), ("'", "'")}:
        return text
    inner = text[1:-1]
    if text[0] in inner:
        return text if text[0] != '"' else re.sub(r"\\(.)", _unescape, inner)
    return re.sub(r"\\(.)", _unescape, inner) if text[0] == '"' else inner


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])
