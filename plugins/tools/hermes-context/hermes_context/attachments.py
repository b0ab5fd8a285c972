"""What references name, fetched: files, trees, changes and pages, or the reason why not."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hermes_context.git import OutputTooLong, open_repository
from hermes_context.images import image_type
from hermes_context.policy import holds_private_key, refusal
from hermes_context.protocol import PageReader
from hermes_context.scan import count_invisible, shown
from hermes_context.tree import tree
from hermes_context.workspace import inside
from hermes_host.cli.listing import count
from hermes_host.errors import HermesError
from hermes_host.messages import Media

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_context.references import Reference, Target
    from hermes_context.workspace import Files
    from hermes_host.context import Services

__all__ = ["Attachment", "Fetcher", "TooMuchAttached", "tokens_in"]

LARGEST = 10_000_000
"""Bytes of a text of which lines are attached."""
LARGEST_IMAGE = 5_000_000
PAGE_TIMEOUT = 60.0
"""Seconds for one page."""
IMAGE_TOKENS = 1_600
"""About what an image costs with the big vendors."""


class TooMuchAttached(HermesError):
    """What a message refers to is too long for the model; nothing was sent."""

    def __init__(self, tokens: Sequence[str], size: str) -> None:
        """`tokens` are the references, `size` says how much they are."""
        super().__init__(
            f"{', '.join(tokens)}: that is {size}, more than half of what the model can hold. "
            "The message was not sent.",
            remedy="Attach less, such as some lines (@file:PATH:10-80), or let the agent search.",
        )


@dataclass(frozen=True)
class Attachment:
    """What one reference gave. With `problem` it gave nothing."""

    token: str
    title: str = ""
    """What it is and how much of it, such as `src/a.py, lines 3-10 of 120`."""
    text: str = ""
    language: str = ""
    source: str = ""
    """Where it is from: a resolved path, an address, or `git`."""
    media: Media | None = None
    problem: str = ""

    @property
    def tokens(self) -> int:
        """An estimate."""
        return tokens_in(self.text) + (IMAGE_TOKENS if self.media is not None else 0)


def tokens_in(text: str) -> int:
    """An estimate for any script: a quarter of the bytes."""
    return len(text.encode("utf-8", "replace")) // 4


class Fetcher:
    """Fetches what references name, for one message."""

    def __init__(
        self,
        files: Files,
        services: Services,
        *,
        hermes_homes: tuple[str, ...],
        room: int,
        images: bool = True,
        redact: Callable[[str], str] = str,
    ) -> None:
        """`room` is in tokens: more is not even read. `images` is whether the model can see any."""
        self._files = files
        self._services = services
        self._homes = (*hermes_homes, posixpath.join(files.home, ".hermes"))
        self._room = room
        self._images = images
        self._redact = redact

    async def fetch(self, reference: Reference) -> Attachment | None:
        """What the reference names; None where it turns out to be none (a bare `@word` without such a file).

        Raises `TooMuchAttached` where it is too long to be read whole.
        """
        try:
            return await self._fetch(reference)
        except TooMuchAttached:
            raise
        except OutputTooLong:
            raise TooMuchAttached([reference.token], f"more than {self._room:,} tokens") from None
        except HermesError as error:
            return Attachment(reference.token, problem=str(error))
        except OSError as error:
            return Attachment(reference.token, problem=f"It cannot be read: {error.strerror or error}.")

    async def _fetch(self, reference: Reference) -> Attachment | None:
        if reference.kind in ("diff", "staged", "git"):
            return await self._git(reference)
        if reference.kind == "url":
            return await self._url(reference)
        return await self._path(reference)

    # --------------------------------------------------------------------------------------------------- files

    async def _path(self, reference: Reference) -> Attachment | None:
        bare = reference.kind == "path"
        try:
            target, path, kind = await self._locate(reference.targets)
        except (OSError, HermesError):
            if bare:
                return None
            raise
        if bare and kind == "directory" and target.value.endswith("/"):
            return await self._folder(reference.token, path)
        if bare and kind != "file":
            return None
        root = await self._files.resolve(self._files.directory)
        if not inside(path, root):
            raise HermesError("It lies outside the session's directory.")
        if reason := refusal(path, self._homes):
            raise HermesError(f"It is not attached: it {reason}.")
        if not kind:
            raise HermesError(f"There is no such file{await self._near(path, root)}.")
        if reference.kind == "folder":
            if kind != "directory":
                raise HermesError("It is no folder. Use @file: for it.")
            return await self._folder(reference.token, path)
        if kind == "directory":
            raise HermesError("It is a folder. Use @folder: for it.")
        if kind != "file":
            raise HermesError("It is no regular file.")
        return await self._file(reference.token, target, path, root)

    async def _locate(self, targets: tuple[Target, ...]) -> tuple[Target, str, str]:
        """The first reading of which there is a file, its resolved path, and what lies there; else the last reading."""
        for target in targets:
            try:
                path = await self._files.resolve(target.value)
                info = await self._files.stat(path)
            except (OSError, ValueError):
                continue  # no file can have such a name, or it cannot be looked at
            if info is not None:
                return target, path, info.kind
        target = next((each for each in reversed(targets) if each.first), targets[-1])
        try:
            return target, await self._files.resolve(target.value), ""
        except ValueError:
            raise HermesError("No file can have such a name.") from None

    async def _near(self, path: str, root: str) -> str:
        import difflib

        try:
            entries = await self._files.list(posixpath.dirname(path))
        except OSError:
            return ""
        if not inside(posixpath.dirname(path), root):
            return ""
        names = [posixpath.basename(entry.path) for entry in entries]
        near = difflib.get_close_matches(posixpath.basename(path), names, 3)
        return f"; there is {', '.join(near)}" if near else ""

    async def _file(self, token: str, target: Target, path: str, root: str) -> Attachment:
        data = await self._files.read(path, limit=LARGEST + 1)
        name = posixpath.relpath(path, root)
        if mime := image_type(data):
            return self._image(token, path, name, mime, data)
        if len(data) > LARGEST:
            if not target.first:
                raise TooMuchAttached([token], f"more than {LARGEST:,} bytes")
            raise HermesError(f"It is larger than {LARGEST:,} bytes. Ask the agent to look at these lines.")
        text = _decoded(data)
        if text is None:
            raise HermesError("It is a binary file.")
        return self._lines(token, target, path, name, text)

    def _lines(self, token: str, target: Target, path: str, name: str, text: str) -> Attachment:
        if holds_private_key(text):
            raise HermesError("It is not attached: it holds a private key.")
        title = name
        if target.first:
            lines = text.splitlines(keepends=True)
            first, last = sorted((max(1, target.first), max(1, target.last)))
            if first > len(lines):
                raise HermesError(f"It has only {count(len(lines), 'line')}.")
            last = min(last, len(lines))
            text = "".join(lines[first - 1 : last])
            title = f"{name}, {f'lines {first}-{last}' if last > first else f'line {first}'} of {len(lines)}"
        if invisible := count_invisible(text):
            title += f", with {invisible} invisible character{'s' if invisible > 1 else ''} written out as \\u{{…}}"
        language = posixpath.splitext(path)[1][1:].lower()
        return Attachment(token, title, self._redact(shown(text)), language, path)

    def _image(self, token: str, path: str, name: str, mime: str, data: bytes) -> Attachment:
        if len(data) > LARGEST_IMAGE:
            raise HermesError(f"The image is larger than {LARGEST_IMAGE // 1_000_000} MB. Make it smaller.")
        if not self._images:
            raise HermesError("This model cannot look at images. /model changes to one that can.")
        media = Media(kind="image", mime=mime, data=data, name=posixpath.basename(path))
        return Attachment(token, f"{name}, an image", source=path, media=media)

    async def _folder(self, token: str, path: str) -> Attachment:
        root = await self._files.resolve(self._files.directory)
        if not inside(path, root):
            raise HermesError("It lies outside the session's directory.")
        if reason := refusal(path, self._homes):
            raise HermesError(f"It is not attached: it {reason}.")
        listed = await tree(self._files, path)
        return Attachment(token, f"{posixpath.relpath(path, root)}/, {listed.summary}", listed.text, "", path)

    # ------------------------------------------------------------------------------------------- git and the web

    async def _git(self, reference: Reference) -> Attachment:
        repository = await open_repository(self._files, limit=self._room * 4 + 4096)
        if reference.kind == "git":
            number = int(reference.targets[0].value)
            text = await repository.commits(number)
            title = "the last commit" if number <= 1 else f"the last {min(number, 10)} commits"
        else:
            text = await repository.diff(staged=reference.kind == "staged")
            title = "staged changes" if reference.kind == "staged" else "changes that are not staged"
        if holds_private_key(text):
            raise HermesError("It is not attached: it holds a private key.")
        return Attachment(reference.token, title, self._redact(shown(text)) or "(none)", "diff", "git")

    async def _url(self, reference: Reference) -> Attachment:
        reader = await self._services.find(PageReader)
        if reader is None:
            raise HermesError("No installed plugin reads web pages. Ask the agent to fetch it if it has a tool for it.")
        try:
            async with asyncio.timeout(PAGE_TIMEOUT):
                page = await reader.read(reference.targets[-1].value)
        except TimeoutError:
            raise HermesError(f"The page was not there within {PAGE_TIMEOUT:g} s.") from None
        except (HermesError, OSError):
            raise
        except Exception as error:
            raise HermesError(f"The page cannot be read: {type(error).__name__}: {error}.") from error
        title = f"{page.title} ({page.url})" if page.title else page.url
        return Attachment(reference.token, title, self._redact(shown(page.text)), "", page.url)


def _decoded(data: bytes) -> str | None:
    """The text; None for what is none."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return None
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        sample = data[:8192]
        odd = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in sample)
        return None if odd > len(sample) // 100 else data.decode("cp1252", "replace")
