"""What a file that is not text is, by its first bytes, and what to do with it instead."""

from __future__ import annotations

from hermes_host.errors import ToolError

__all__ = ["not_text", "refuse_known"]

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "image"),
    (b"GIF87a", "a GIF image", "image"),
    (b"GIF89a", "a GIF image", "image"),
    (b"\xff\xd8\xff", "a JPEG image", "image"),
    (b"II*\0", "a TIFF image", "image"),
    (b"MM\0*", "a TIFF image", "image"),
    (b"\0\0\1\0", "an icon", "image"),
    (b"%PDF-", "a PDF document", "pdf"),
    (b"PK\x03\x04", "a ZIP archive or an office document", "zip"),
    (b"\x1f\x8b", "gzip-compressed", "gzip"),
    (b"\x7fELF", "an ELF program", "other"),
    (b"SQLite format 3\0", "an SQLite database", "sqlite"),
)
_ADVICE = {
    "image": "Use an image or vision tool if there is one; the file tools handle text only.",
    "pdf": "Extract its text in the terminal, for instance with `pdftotext FILE -`.",
    "zip": "List it in the terminal with `unzip -l FILE` and extract what is needed.",
    "gzip": "Show it in the terminal with `zcat FILE` or `tar -tzf FILE`.",
    "sqlite": "Query it in the terminal with `sqlite3 FILE`.",
    "other": "Look at it in the terminal with `file`, `strings` or `xxd`.",
}


def refuse_known(shown: str, head: bytes) -> None:
    """Raise `ToolError` when `head` begins like a well-known binary format."""
    kind = _kind(head)
    if kind is not None:
        raise _refusal(shown, *kind)


def not_text(shown: str, head: bytes, reason: str) -> ToolError:
    """The error for a file that is not text, for `reason` where its beginning tells nothing better."""
    if head[:2] == b"BM":
        return _refusal(shown, "a BMP image", "image")
    return _refusal(shown, *(_kind(head) or (reason, "other")))


def _kind(head: bytes) -> tuple[str, str] | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP image", "image"
    if head[4:12] in (b"ftypheic", b"ftypavif", b"ftypmif1"):
        return "a HEIF image", "image"
    for signature, name, group in _SIGNATURES:
        if head.startswith(signature):
            return name, group
    return None


def _refusal(shown: str, what: str, group: str) -> ToolError:
    return ToolError(f"{shown} is {what}, not text.", remedy=_ADVICE[group])
