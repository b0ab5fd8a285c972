"""What makes a description suspicious: characters nobody sees, and words that are meant for the model alone.

A description reaches the model with every request, long before a person approves anything, and it can speak about the
tools of other servers too. What is found here is told to the person who decides; it is a warning, not a proof.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from hermes_host.visible import visible

__all__ = ["suspicions"]

_PHRASES = {
    "it tries to override instructions": (
        r"\b(ignore|disregard|forget|override|bypass) (all |any )?(of )?(the |your |my )?"
        r"(previous|prior|above|earlier|preceding|other|system|original) (\w+ )?"
        r"(instructions?|prompts?|rules|directions|messages|guidelines|tools?)",
        r"\b(ignoriere?n?|vergiss) (alle |die )?(vorherigen|bisherigen|obigen) (anweisungen|regeln)",
        r"\b(new|real|actual) system prompt",
        r"(忽略|无视)(之前|以上|所有)[的所有]{0,3}(指令|指示|规则)",
    ),
    "it tries to hide something from the user": (
        r"\b(do not|don t|dont|never) (tell|inform|mention|reveal|show|notify|alert)"
        r"( this| it| that)?( to)? (the )?user",
        r"\bwithout (telling|informing|asking|notifying) (the )?(user|human)",
        r"\b(hide|conceal|keep) (this|it|that)? ?(secret|hidden)? ?from (the )?(user|human)",
        r"\b(secretly|covertly)\b",
    ),
    "it speaks about secrets": (
        r"\b(send|post|upload|exfiltrate|forward|leak|include|pass|read|cat)\b[^.\n]{0,60}"
        r"(api keys?|passwords?|credentials|private keys?|environment variables|id_rsa|\.ssh|\.env\b|\.aws|mcp\.json)",
    ),
    "it gives orders about other tools": (
        r"\b(before|whenever|when|instead of) (you )?(us(e|ing)|call(ing)?|invok(e|ing)) (any|all|every|the|an)? ?"
        r"(other )?tools?\b",
        r"\b(must|always) (first )?(call|use|invoke) this tool (first|before)",
    ),
    "it imitates the marks of a prompt": (
        r"<\s*/?\s*(important|system|system[\s_-]*prompt|system[\s_-]*reminder|instructions?|secret)\s*>",
        r"<\|\s*(im_start|im_end|system|endoftext|eot_id)\s*\|>",
    ),
}


def suspicions(text: str) -> tuple[str, ...]:
    """What is suspicious about a text, one phrase each; empty for an ordinary one."""
    found = [kind for kind, patterns in _compiled() if any(pattern.search(_folded(text)) for pattern in patterns)]
    if visible(text) != text.replace("\r\n", "\n"):
        found.insert(0, "it holds invisible or control characters")
    return tuple(found)


def _folded(text: str) -> str:
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return re.sub(r"[ \t\r\n*_`'’\"-]+", " ", seen).lower()


@cache
def _compiled() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    return tuple((kind, tuple(re.compile(pattern) for pattern in patterns)) for kind, patterns in _PHRASES.items())
