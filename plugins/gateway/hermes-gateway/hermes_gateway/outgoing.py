"""Which files an answer may carry, and how it names them: `MEDIA:/path/to/file`, alone or within a line.

A path that the model writes is not a permission to send the file: it must lie, links resolved, where conversations work
or where this host keeps what tools make, and must not be one of those that hold secrets. What is refused is said in
place of the name, without the path.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_host.messages import Media

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Collected", "collect", "may_leave"]

_TAG = re.compile(
    r"""^[ \t]*(?P<quote>[`"']?)MEDIA:\s*(?P<line>(?:~|/)[^\n`"']*?\S)(?P=quote)[ \t]*$  # alone: with blanks
    |[`"']?MEDIA:\s*(?P<word>(?:~|/)[^\s`"')\]]+)[`"']?""",
    re.MULTILINE | re.VERBOSE,
)
_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_AS_VOICE = "[[audio_as_voice]]"

_SECRET_NAMES = re.compile(
    r"""(^|/)(\.env($|\.)|\.ssh|\.gnupg|\.aws|\.kube|\.netrc|\.pgpass|\.git-credentials|\.npmrc|\.pypirc|\.docker|
    id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(pem|key|p12|pfx|kdbx)$|[^/]*(secret|credential|token)s?\.(json|ya?ml|toml|txt)$|
    auth\.json$|config\.yaml$|[^/]*\.db(-wal|-shm|-journal)?$)""",
    re.VERBOSE | re.IGNORECASE,
)


class Collected(NamedTuple):
    """An answer without the names of its files, and the files."""

    text: str
    media: Sequence[Media]
    refused: Sequence[str]
    """The names of files that may not leave or are not there."""


def collect(text: str, roots: Sequence[Path], home: Path | None = None) -> Collected:
    """Take the files that `text` names out of it. `roots` are the folders files may come from; `home` is the host's."""
    if "MEDIA:" not in text:
        return Collected(text.replace(_AS_VOICE, "").strip() if _AS_VOICE in text else text, (), ())
    voice = _AS_VOICE in text
    code = [match.span() for match in _FENCE.finditer(text)]
    media: list[Media] = []
    refused: list[str] = []

    def taken(match: re.Match[str]) -> str:
        if any(begin <= match.start() < end for begin, end in code):
            return match.group()
        path = Path(match["line"] or match["word"]).expanduser()
        if not may_leave(path, roots, home):
            refused.append(path.name)
            return f"(file not sent: {path.name})"
        if all(item.url != path.resolve().as_uri() for item in media):
            media.append(_media(path.resolve(), voice=voice))
        return ""

    left = _TAG.sub(taken, text).replace(_AS_VOICE, "")
    return Collected(re.sub(r"\n{3,}", "\n\n", left).strip(), media, refused)


def may_leave(path: Path, roots: Sequence[Path], home: Path | None = None) -> bool:
    """Whether a file may be sent: an ordinary one below one of `roots`, links resolved, that keeps no secrets.

    Of the host's `home` nothing leaves but what lies in its cache and its workspace.
    """
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    below = next((root for root in map(Path.resolve, roots) if real.is_relative_to(root)), None)
    if below is None or not real.is_file():
        return False
    own = home.resolve() if home is not None else None
    if own is not None and real.is_relative_to(own) and real.relative_to(own).parts[0] not in ("cache", "workspace"):
        return False
    return not _SECRET_NAMES.search(str(real.relative_to(below))) and not _SECRET_NAMES.search(real.name)


def _media(path: Path, *, voice: bool) -> Media:
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    main = mime.partition("/")[0]
    kind: Literal["image", "audio", "video", "file"] = (
        "image" if main == "image" else "audio" if main == "audio" else "video" if main == "video" else "file"
    )
    meta = {"voice": True} if kind == "audio" and (voice or path.suffix in (".ogg", ".opus")) else {}
    return Media(kind=kind, mime=mime, url=path.as_uri(), name=path.name, meta=meta)
