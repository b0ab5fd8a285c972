"""`Terminal` over a place: commands by the supervisor, files by a script."""

from __future__ import annotations

import posixpath
import shlex
from contextlib import AsyncExitStack
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Command, Exited, FileInfo, Output
from hermes_host.terminals.remote import files
from hermes_host.terminals.remote.channel import to_the_end
from hermes_host.terminals.remote.programs import SUPERVISOR, TTY
from hermes_host.terminals.remote.running import Lost, Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.terminals.remote.channel import Channel
    from hermes_host.terminals.remote.place import Live, Place

__all__ = ["RemoteTerminal"]


class RemoteTerminal:
    """One session's view of its sandbox. Nothing is made before the first command or file."""

    def __init__(self, place: Place[Any], *, tag: str, directory: str, home: str) -> None:
        self._place = place
        self._tag = tag
        self._directory = directory
        self._home = home
        self._fresh = True

    @property
    def directory(self) -> str:
        """The absolute start directory; it is made with the first command."""
        return self._directory

    @property
    def home(self) -> str:
        """What commands see as HOME."""
        return self._home

    @property
    def detaches(self) -> bool:
        """Jobs go on while the sandbox is kept."""
        return self._place.persistent

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a command; see `hermes_host.protocols.Terminal.run`."""
        if "\0" in command.script or any("\0" in word for word in command.argv):
            raise ValueError("A script cannot hold NUL characters.")
        events = self._run(command, telling=True)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    async def _run(self, command: Command, *, telling: bool) -> AsyncIterator[Output | Exited]:
        cwd = self._absolute(self._expand(command.cwd)) if command.cwd else self._directory
        async with AsyncExitStack() as stack:
            # What closes the terminal, or lets the sandbox sleep, looks for its own tag.
            tag = f"{'job' if command.detached else self._tag}.{token_hex(6)}."
            live, channel = await self._channel(stack, command)
            if telling and self._place.notice:
                yield Output(f"[{self._place.notice}]\n".encode(), 1 if command.pty else 2)
                # A shell throws the output of its very first command away, with which it looks around.
                self._place.notice = self._place.notice if self._fresh else ""
            self._fresh = self._fresh and not telling
            run = Run(channel, command, self._setup(command, cwd, tag), lambda: self._place.kill(live, tag))
            events = run.events()
            try:
                async for event in events:
                    yield event
            except (Lost, HermesError) as error:
                raise await self._explained(live, error) from error
            finally:
                await to_the_end(self._clear_up(run, events, live, tag))

    async def _channel(self, stack: AsyncExitStack, command: Command) -> tuple[Any, Channel]:
        """A shell in the sandbox; in another one where the sandbox turns out to be gone."""
        program = TTY if command.pty else SUPERVISOR
        live = await stack.enter_async_context(self._place.use())
        try:
            return live, await live.channel(program, pty=command.pty)
        except HermesError:
            if await self._place.check(live):
                raise
        await stack.aclose()
        live = await stack.enter_async_context(self._place.use())
        return live, await live.channel(program, pty=command.pty)

    async def _clear_up(self, run: Run, events: Any, live: Live, tag: str) -> None:
        await events.aclose()
        if not run.ended and self._place.holds(live):
            try:
                await self._place.kill(live, tag)
            except HermesError:
                await self._place.check(live)
        await run.leave()

    async def _explained(self, live: Live, error: HermesError) -> HermesError:
        if await self._place.check(live):
            return error
        return ToolError(
            f"The sandbox is gone, and the command with it. ({error})",
            remedy="The next command runs in another one; see what it says about the files.",
        )

    def _setup(self, command: Command, cwd: str, tag: str) -> str:
        """What the supervisor evaluates before it begins the program."""
        variables = {**command.env, "HERMES_RUN": tag}
        variables.setdefault("HOME", self._home)
        parts = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        start = shlex.quote(self._directory)
        parts.append(f"[ -d {start} ] || mkdir -p -- {start}")
        parts.append(f"enter {shlex.quote(cwd)}")
        if command.argv:
            parts.append(f"find {shlex.quote(command.argv[0])}")
            parts.append("set -- " + shlex.join(command.argv))
        else:
            parts.append("set --")
        return "\n".join(parts)

    def _expand(self, path: str) -> str:
        return self._home + path[1:] if path == "~" or path.startswith("~/") else path

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._directory, path)

    # ------------------------------------------------------------------------------------------------------ files

    async def _ask(self, action: str, path: str, *arguments: str) -> bytes:
        """What the script of `files` answers. It is short and reads no input, so it goes without the supervisor."""
        start = shlex.quote(self._directory)
        script = f"[ -d {start} ] || mkdir -p -- {start}\n{files.PROGRAM}"
        words = (script, action, files.encoded(path), *arguments)
        async with AsyncExitStack() as stack:
            live = await stack.enter_async_context(self._place.use())
            try:
                code, answer = await live.capture(*words)
            except HermesError:
                if await self._place.check(live):
                    raise
                await stack.aclose()
                live = await stack.enter_async_context(self._place.use())
                code, answer = await live.capture(*words)
        if code:
            raise files.error(code, path)
        return bytes(answer)

    async def _give(self, data: bytes, path: str, *arguments: str) -> bytes:
        """As `_ask`, for writing: the data come as standard input."""
        words = ("write", files.encoded(path), str(len(data)), *arguments)
        script = f"set -- {shlex.join(words)}\n{files.PROGRAM}"
        answer = b""
        code = 0
        events = self._run(Command(script=script, stdin=data, timeout=files.SECONDS), telling=False)
        try:
            async for event in events:
                if isinstance(event, Exited):
                    code = event.code
                elif event.stream == 1:
                    answer += event.data
        finally:
            await events.aclose()  # type: ignore[attr-defined]
        if code:
            raise files.error(code, path)
        return answer

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        answer = await self._ask("resolve", self._absolute(self._expand(path)))
        return answer.decode("utf-8", "surrogateescape")

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        path = self._absolute(path)
        try:
            return files.info(await self._ask("stat", path), path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        return await self._ask("read", self._absolute(path), str(offset + 1), "" if limit is None else str(limit))

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        path = self._absolute(path)
        wanted = "" if mode is None else f"{mode:o}"
        return files.info(await self._give(data, path, wanted, token_hex(6)), path)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        await self._ask("remove", self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        path = self._absolute(path)
        word = f"/{token_hex(8)}/"
        return files.entries(await self._ask("list", path, word), path, word)

    async def hibernate(self) -> None:
        """Put the sandbox to sleep; its files stay, its processes do not. Raises `SessionError` while commands run."""
        await self._place.hibernate()
