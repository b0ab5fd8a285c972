"""What must not be remembered: instructions in disguise, text that cannot be seen, and secrets.

The same look is taken at what is written and at what is read: files are also edited by hand and by other programs.
Patterns stop the common wording, not a determined author; that is why provenance and consent exist beside them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

import msgspec

from hermes_host.visible import visible
from hermes_memory.entries import has_delimiter, readable

__all__ = ["Finding", "Redact", "clean", "scan", "unredacted"]

Redact = Callable[[str], str]
"""Gives the text with every known secret taken out, such as `Secrets.redact`."""

_PATTERNS = {
    "prompt_injection": r"ignore (?:\w+ ){0,4}(?:previous|prior|above|earlier|all)(?: \w+){0,3} "
    r"(?:instruction|prompt|rule|direction)",
    "role_hijack": r"\byou are now\b",
    "deception_hide": r"\b(?:do not|don'?t|never) (?:\w+ ){0,2}tell the user\b"
    r"|\b(?:hide|conceal) (?:\w+ ){0,4}from the user",
    "sys_prompt_override": r"\bsystem prompt override|\boverrid\w+ (?:\w+ ){0,2}system prompt|\bnew system prompt\b",
    "disregard_rules": r"\bdisregard (?:\w+ ){0,4}(?:instruction|rule|guideline|polic)",
    "bypass_restrictions": r"\bact (?:as (?:if|though)|like) (?:\w+ ){1,3}(?:no|without) (?:\w+ )?"
    r"(?:restriction|limit|rule|guideline|filter)",
    "exfil_curl": r"\bcurl\b.{0,300}\$\{?\w*(?:key|token|secret|passw|credential|api)",
    "exfil_wget": r"\bwget\b.{0,300}\$\{?\w*(?:key|token|secret|passw|credential|api)",
    "read_secrets": r"\bcat\b.{0,200}(?:\.env\b|credentials|\.netrc"
    r"|\.pgpass|\.npmrc|\.pypirc|\bid_(?:rsa|ed25519|ecdsa))",
    "ssh_backdoor": r"\bauthorized_keys\b",
    "ssh_access": r"(?:~|\$home|\$\{home\})/\.ssh\b",
    "hermes_env": r"(?:~/\.hermes|\$\{?home\}?/\.hermes|\$\{?hermes_home\}?)/\.env\b",
    "chat_markers": r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\b|\[/?inst\]|</?(?:system|assistant)>",
    "block_marker": r"[═━]{5}",
}
_MEANINGS = {
    "chat_markers": "it holds marks that part the messages of a conversation",
    "block_marker": "it holds the rule that frames this memory",
}

_KEYS = (
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{20,}",
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bgithub_pat_[A-Za-z0-9_]{30,}",
    r"\bglpat-[A-Za-z0-9_-]{18,}",
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.",
    r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b\w+://[^\s/:@]+:[^\s/@]{6,}@",
    r"(?i:\b(?:api[_ -]?key|access[_ -]?key|secret|token|password|passwd|passphrase)\b[\"'`]?\s*(?:is|=|:)\s*[\"'`]?)"
    r"(?!\w+://)(?=[^\s\"'`]*\d)(?=[^\s\"'`]*[A-Za-z])[^\s\"'`<>\[\]{}$]{12,}",
)

# Letters of other scripts that look like Latin ones, as they are used to get past patterns.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁոνουι’", "aeopcyxijsdnvoui'")

_DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f\u061c\u00ad")
"""Needed in texts of mixed direction, or harmless; the patterns are matched without them."""


class Finding(msgspec.Struct, frozen=True):
    """Why a text must not be remembered. `reason` completes the sentence "… because"."""

    id: str
    reason: str


_SECRET = Finding("secret", "it holds a secret, or what looks like a key or a password")


def unredacted(text: str) -> str:
    """For callers that know no secrets."""
    return text


def clean(text: str) -> str:
    """The text as it would be kept: without a byte order mark, Windows line ends and space around it."""
    return text.replace("\r\n", "\n").strip().removeprefix("\ufeff").strip()


def scan(entry: str, redact: Redact = unredacted) -> Finding | None:
    """What is wrong with an entry, or None."""
    text = readable(entry).replace("\r\n", "\n")
    if redact(text) != text:
        return _SECRET
    return _judge(text)


@lru_cache(maxsize=1024)
def _judge(text: str) -> Finding | None:
    # Remembered, because every answer of the tool shows all entries and few of them are new.
    if has_delimiter(text):
        return Finding("delimiter", "it holds a line with only the sign §, which parts entries")
    if (seen := text.translate(_DIRECTION_MARKS)) != visible(seen):
        return Finding("invisible", "it holds characters that cannot be seen or that act on a terminal")
    if _key_pattern().search(text):
        return _SECRET
    plain = _plain(text)
    for name, pattern in _compiled():
        if pattern.search(plain):
            meaning = _MEANINGS.get(name, "it reads like an instruction to get around rules or to get at secrets")
            return Finding(name, meaning)
    return None


def _plain(text: str) -> str:
    """The text as a reader takes it in: one form of every letter, nothing hidden, single spaces."""
    normal = unicodedata.normalize("NFKC", text).lower().translate(_LOOKALIKES)
    shown = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return " ".join(shown.split())


@cache
def _key_pattern() -> re.Pattern[str]:
    return re.compile("|".join(_KEYS))


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern)) for name, pattern in _PATTERNS.items())
