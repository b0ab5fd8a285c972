"""Which files are never attached to a message, whoever asks: stored credentials, private keys, start-up files.

Judged by the resolved path, without regard to case and Unicode form, and by content for private keys under other names.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata

__all__ = ["GIT_EXCLUDES", "holds_private_key", "refusal"]

_DIRECTORIES = frozenset([".ssh", ".aws", ".gnupg", ".kube", ".azure", ".password-store", "keyrings", "gcloud"])
_CREDENTIALS = frozenset(
    [
        *(".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials", ".vault-token", ".dockercfg"),
        *(".my.cnf", ".htpasswd", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"),
    ]
)
_START_UP = frozenset(
    [
        *(".bashrc", ".bash_profile", ".bash_login", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile"),
        *(".zlogin", ".kshrc", ".cshrc", ".tcshrc", ".bash_history", ".zsh_history"),
    ]
)
_HARMLESS_ENV = frozenset([".env.example", ".env.sample", ".env.template", ".env.dist", ".env.schema", ".env.defaults"])
_PAIRS = frozenset(
    [
        *((".docker", "config.json"), (".config", "gh"), (".cargo", "credentials"), (".cargo", "credentials.toml")),
        *((".claude", ".credentials.json"), (".codex", "auth.json"), (".gemini", "oauth_creds.json")),
        *((".git", "config"), ("skills", ".hub")),
    ]
)
_SYSTEM = ("proc", "sys", "dev", "run/secrets", "var/run/secrets", "etc/shadow", "etc/gshadow", "etc/sudoers")
_HERMES = frozenset([".env", "auth.json", "config.yaml", "mcp-tokens", "pairing", "platforms"])

_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")

GIT_EXCLUDES = tuple(
    f":(exclude,top,icase,glob)**/{name}"
    for name in (".env", ".env.*", *sorted(_CREDENTIALS), *(f"{each}/**" for each in sorted(_DIRECTORIES)))
)
"""Path arguments that keep such files out of what git prints."""


def refusal(path: str, hermes_homes: tuple[str, ...]) -> str:
    """Why the file at this resolved path is not attached, as a clause that follows its name; empty where it may be."""
    parts = _folded(path)
    name = parts[-1] if parts else ""
    if name in _CREDENTIALS or _DIRECTORIES.intersection(parts) or any(pair in _PAIRS for pair in _pairs(parts)):
        return "holds credentials or private keys"
    if name == ".env" or (name.startswith(".env.") and name not in _HARMLESS_ENV):
        return "holds credentials"
    if name in _START_UP:
        return "is a private file of the shell"
    if any(parts[: len(entry)] == entry for entry in (tuple(each.split("/")) for each in _SYSTEM)):
        return "belongs to the operating system"
    for home in map(_folded, hermes_homes):
        if parts[: len(home)] == home and len(parts) > len(home) and parts[len(home)] in _HERMES:
            return "is the agent's own configuration"
    return ""


def holds_private_key(text: str) -> bool:
    """Whether a private key stands in the text."""
    return "PRIVATE KEY" in text and _PRIVATE_KEY.search(text) is not None


def _folded(path: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFC", posixpath.normpath(path)).casefold()
    return tuple(part for part in folded.split("/") if part)


def _pairs(parts: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(parts, parts[1:], strict=False))
