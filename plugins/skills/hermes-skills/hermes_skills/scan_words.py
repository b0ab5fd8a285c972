# ruff: noqa: E501  (a pattern is one line, so that it can be read beside its description)
# fmt: off
"""What a skill may say and should not: instructions against the user, hidden code, secrets that were left in.

Rows as in `hermes_skills.scan_actions`.
"""

from __future__ import annotations

__all__ = ["WORDS", "Row"]

Row = tuple[str, str, str, str]
"""Id, severity (c, h, m, l), pattern, description."""

_PRIOR = r"(?:previous|prior|above|earlier|preceding|existing|former|other|system)"
_RULES = r"(?:instructions?|rules?|guidelines?|directives?|prompts?|policies|policy|constraints?|safety)"
_LIMITS = r"(?:restrictions?|safeguards?|guardrails?|limitations?|safety (?:checks?|filters?|measures?)|content filters?|approval(?:s| gate)?)"
_VERB = r"(?:ignore|disregard|forget|override|bypass|drop|discard|skip)"

_INJECTION: tuple[Row, ...] = (
    ("prompt_injection_ignore", "c", rf"\b(?:ignore|forget|drop|discard)\s+(?:\w+\s+){{0,4}}?{_PRIOR}\s+(?:\w+\s+){{0,2}}?{_RULES}\b", "Tells the agent to ignore what it was told."),
    ("sys_prompt_override", "c", r"\b(?:system\s+prompt\s+(?:override|update|is\s+now|has\s+changed)|new\s+system\s+prompt\s*:|override\s+(?:the\s+|your\s+)?system\s+prompt|<\|?(?:im_start\|?>\s*)?system\|?>|\[\s*/?SYSTEM\s*\]\s*:?)", "Poses as the system prompt."),
    ("disregard_rules", "c", rf"\b(?:disregard|violate|override|abandon)\s+(?:\w+\s+){{0,3}}?(?:your|all|any|the|{_PRIOR})\s+(?:\w+\s+){{0,2}}?{_RULES}\b", "Tells the agent to disregard rules."),
    ("bypass_restrictions", "c", rf"\b(?:bypass|circumvent|evade|get\s+around|turn\s+off|disable|act\s+without)\s+(?:\w+\s+){{0,3}}?(?:your|all|any|the|these)\s+(?:\w+\s+){{0,2}}?{_LIMITS}\b", "Tells the agent to get around its limits."),
    ("deception_hide", "c", r"\b(?:do\s+not|don'?t|never|without)\s+(?:tell(?:ing)?|inform(?:ing)?|show(?:ing)?|mention(?:ing)?|reveal(?:ing)?|notify(?:ing)?|alert(?:ing)?)\s+(?:\w+\s+){0,4}?(?:to\s+)?(?:the\s+)?(?:user|owner|human|operator)\b|\bhide\s+(?:this|it|that|these)\s+from\s+(?:the\s+)?(?:user|owner|human)\b", "Tells the agent to hide something from its user."),
    ("translate_execute", "c", r"\b(?:translate|decode|decrypt|deobfuscate|rot13)\b~\b(?:and|then)\s+(?:immediately\s+|silently\s+)?(?:execute|run|eval(?:uate)?|follow|obey)\b", "Hides instructions in a text to be decoded."),
    ("remove_filters", "c", r"\b(?:remove|disable|turn\s+off|deactivate)\s+(?:\w+\s+){0,3}?(?:safety|content|ethical|moral|output)\s+(?:filters?|checks?|guidelines?|guards?)\b", "Tells the agent to drop its filters."),
    ("jailbreak_dan", "c", r"\bdo\s+anything\s+now\b|\byou\s+are\s+(?:now\s+)?DAN\b|\bDAN\s+mode\b", "A known jailbreak."),
    ("jailbreak_dev_mode", "c", r"\b(?:enter|enable|activate|switch\s+to|you\s+are\s+(?:now\s+)?in)\s+(?:\w+\s+){0,2}?(?:developer|debug|god|admin|unrestricted|jailbreak)\s+mode\b", "A known jailbreak."),
    ("role_hijack", "h", r"\byou\s+are\s+(?:now|no\s+longer)\s+(?:a|an|the|bound|restricted|hermes|claude|gpt|in)\b|\bfrom\s+now\s+on,?\s+you\s+(?:are|will\s+be|must\s+act)\b", "Gives the agent another identity."),
    ("role_pretend", "h", r"\bpretend\s+(?:that\s+)?(?:you\s+(?:are|have)|to\s+be)\b|\bact\s+as\s+if\s+(?:you\s+have|there\s+(?:are|were))\s+no\b", "Tells the agent to pretend."),
    ("leak_system_prompt", "h", r"\b(?:reveal|print|output|repeat|show|leak|dump|display)\s+(?:\w+\s+){0,4}?(?:your|the)\s+(?:\w+\s+){0,1}?(?:system\s+(?:prompt|message|instructions)|hidden\s+instructions|initial\s+prompt)\b", "Asks for the system prompt."),
    ("conditional_deception", "h", r"\b(?:if|when)\s+(?:the\s+)?(?:user|owner|human|anyone)\s+asks?\b~\b(?:deny|lie|pretend|claim|say\s+(?:that\s+)?(?:you\s+(?:don'?t|did\s+not|cannot)|nothing))\b", "Tells the agent to lie when asked."),
    ("html_comment_injection", "h", rf"<!--(?:(?!-->)[\s\S]){{0,400}}?\b(?:{_VERB}|execute|you\s+must|system\s+prompt|secretly|instructions?\s+for\s+the\s+(?:agent|model|assistant))\b", "Hides instructions in a comment."),
    ("hidden_div", "h", r"<(?:div|span|p|section)\b[^>\n]{0,200}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0\b|\bhidden\b)", "Hides text from people."),
    ("hypothetical_bypass", "h", r"\b(?:hypothetically|in\s+a\s+fictional\s+world|imagine\s+(?:that\s+)?you)\b~\b(?:no\s+(?:rules|restrictions|limits|filters)|without\s+(?:rules|restrictions|limits|filters)|unrestricted)\b", "Gets around limits by a story."),
    ("fake_update", "h", r"\b(?:important|urgent|critical)\s+(?:system\s+|security\s+)?update\b~\b(?:you\s+must|agent|assistant|model|instructions?)\b|\byour\s+(?:instructions|guidelines|rules)\s+(?:have\s+been|were|are\s+now)\s+(?:updated|changed|replaced)\b", "Poses as an update of the rules."),
    ("fake_policy", "m", r"\b(?:according\s+to|as\s+per|under)\s+(?:the\s+)?(?:new|updated|latest)\s+(?:\w+\s+){0,2}?policy\b~\b(?:you\s+(?:must|may|can|should)|allowed|required)\b", "Poses as a policy."),
    ("educational_pretext", "m", r"\bfor\s+(?:educational|research|testing)\s+purposes\s+only\b", "A pretext often given for harm."),
    ("fake_approval", "h", r"\b(?:the\s+)?(?:user|owner|operator|admin(?:istrator)?)\s+(?:has\s+)?(?:already\s+)?(?:approved|authori[sz]ed|consented\s+to|agreed\s+to)\s+(?:all|every|any|this|these)\b|\bno\s+(?:need\s+to|approval\s+is\s+needed\s+to)\s+(?:ask|confirm)\b~\b(?:delete|send|install|execute|pay)\b", "Claims a consent nobody gave."),
)

_OBFUSCATION: tuple[Row, ...] = (
    ("echo_pipe_exec", "c", r"\b(?:echo|printf)\b~\|\s*(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+\w+\s+-d|rev|tr\b[^\n|]{0,60})\s*[^\n|]{0,60}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b|\b(?:echo|printf)\b~\|\s*(?:ba|z|da|k)?sh\b(?!\w)|\bbase64\s+(?:-d|-D|--decode)\b~\|\s*(?:ba|z|da|k)?sh\b|\beval\s+[\"']?\$\(~\bbase64\b", "Runs a command that was made unreadable."),
    ("eval_string", "h", r"\beval\s*\(\s*(?:[\"']|compile|base64|bytes|codecs|atob|decode|requests|fetch)", "Evaluates a text as code."),
    ("exec_string", "h", r"\bexec\s*\(\s*(?:[\"']|compile|base64|bytes|codecs|decode|requests|urllib|zlib)", "Runs a text as code."),
    ("python_compile_exec", "h", r"\bexec\s*\(\s*compile\s*\(|\bcompile\s*\([^\n]{0,120}[\"']exec[\"']\s*\)", "Runs a text as code."),
    ("python_getattr_builtins", "h", r"\bgetattr\s*\(\s*__builtins__|__builtins__\s*(?:\[|\.__dict__)", "Hides what it calls."),
    ("python_import_os", "h", r"\b__import__\s*\(\s*[\"'](?:os|subprocess|socket|pty|ctypes)", "Hides what it imports."),
    ("chr_building", "h", r"(?:\bchr\(\s*\d+\s*\)\s*(?:\+|,)\s*){3,}", "Builds a text character by character."),
    ("hex_encoded_string", "m", r"(?:\\x[0-9a-f]{2}){8,}", "A text in hexadecimal."),
    ("python_codecs_decode", "m", r"\bcodecs\.decode\s*\(~(?:rot|hex|base64)|\bmarshal\.loads\s*\(|\bzlib\.decompress\s*\(~b64decode", "Decodes a hidden text."),
    ("js_char_code", "m", r"\bString\.fromCharCode\s*\(\s*(?:\d+\s*,\s*){3,}", "Builds a text character by character."),
    ("unicode_escape_chain", "m", r"(?:\\u[0-9a-f]{4}){6,}", "A text in escapes."),
    ("string_reversal", "l", r"[\"'][^\"'\n]{6,200}[\"']\s*\[\s*::\s*-1\s*\]|\|\s*rev\s*\|", "A text backwards."),
    ("ifs_splitting", "h", r"\$\{?IFS\}?[^\n=]{0,40}\$\{?IFS\}?|\b\w+\$\{?IFS\}?(?:-|/)", "Hides the blanks of a command."),
)

_CREDENTIALS: tuple[Row, ...] = (
    ("hardcoded_secret", "c", r"\b(?:api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token|password|passwd)\b[\"']?\s*[:=]\s*[\"'](?!\$|<|\{|your|example|xxx|changeme|\*|env|secret|password|test|dummy|placeholder|replace|my[-_])(?=[^\"'\s]{0,80}\d)[A-Za-z0-9+/_.=-]{16,}[\"']", "A secret was left in."),
    ("embedded_private_key", "c", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----", "A private key was left in."),
    ("github_token_leaked", "c", r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})", "A GitHub token was left in."),
    ("openai_key_leaked", "c", r"\bsk-(?!ant-)(?:proj-|svcacct-)?(?=[A-Za-z0-9_-]{0,80}\d)[A-Za-z0-9_-]{32,}", "An OpenAI key was left in."),
    ("anthropic_key_leaked", "c", r"\bsk-ant-[A-Za-z0-9_-]{20,}", "An Anthropic key was left in."),
    ("aws_access_key_leaked", "c", r"(?-i:\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b)", "An AWS key was left in."),
)

WORDS: dict[str, tuple[Row, ...]] = {
    "injection": _INJECTION,
    "obfuscation": _OBFUSCATION,
    "credential_exposure": _CREDENTIALS,
}
