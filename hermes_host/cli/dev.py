"""`hermes dev`: run hermes with a plugin that is being written, and reload it at each save.

A reload is a new process: nothing of the old code can be left over. The conversation goes on, because every message is
in the session store before anything acts on it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.dev_child import NOTE, PARENT
from hermes_host.cli.plugins_check import environment_with, inspect_outside
from hermes_host.cli.plugins_project import Project, lay_metadata, read_project
from hermes_host.errors import HermesError, PluginUnavailable
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dev"]

_CHILD = "hermes_host.cli.dev_child"
_GRACE = 5.0
"""Seconds a front end has to close its conversation."""
_DEBOUNCE = 300
"""Milliseconds within which several saves are one."""
_LEFT = (0, 2, 130, 129, 143)
"""Exit codes of a conversation after which there is nothing to wait for: its user left, or it was called wrongly."""


class _DevCommand(click.Command):
    """What stands after `--` belongs to hermes, whether a path stands before it or not."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what is after `--` for later."""
        if "--" in args:
            place = args.index("--")
            args, ctx.meta["hermes.arguments"] = args[:place], args[place + 1 :]
        return super().parse_args(ctx, args)


@click.command(
    cls=_DevCommand,
    options_metavar="[OPTIONS]",
    epilog="\b\nExamples:\n"
    "  hermes dev                                    talk, with the plugin in this folder\n"
    "  hermes dev ./hermes-weather -- chat -q 'Hi'   ask again after each save",
)
@click.argument("path", type=click.Path(path_type=Path), default=Path(), metavar="[PATH] [-- ARGUMENTS]")
@click.pass_context
def dev(ctx: click.Context, path: Path) -> int:
    """Run hermes with the plugin in PATH, installed or not, and reload it at each save.

    A conversation goes on where it was; another command runs again. While the plugin is broken, the last version that
    worked keeps running, and a line says what is wrong. Ctrl+C ends a command, leaving the conversation ends one.
    """
    try:
        import watchfiles  # noqa: F401, a clear error before anything is begun
    except ModuleNotFoundError:
        raise PluginUnavailable(
            "`hermes dev` needs the package 'watchfiles', which is not installed.", remedy="uv pip install watchfiles"
        ) from None
    read_project(path)
    arguments = list(ctx.meta.get("hermes.arguments", ()))
    with tempfile.TemporaryDirectory(prefix="hermes-dev-") as scratch:
        return asyncio.run(_Reloader(path, arguments, Path(scratch)).run())


class _Reloader:
    """One child at a time: started when the plugin works, ended before the next."""

    def __init__(self, folder: Path, arguments: Sequence[str], scratch: Path) -> None:
        self._folder = folder.resolve()
        self._arguments = list(arguments)
        self._talks = _is_conversation(self._arguments)
        self._scratch = scratch
        self._note = scratch / "conversation"
        self._child: asyncio.subprocess.Process | None = None
        self._stopped = asyncio.Event()
        self._code = 0
        self._number = 0
        self._watched = read_project(folder)

    async def run(self) -> int:
        """Until the conversation is left, or somebody ends this."""
        import watchfiles

        self._watch_signals()
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            async with aclosing(
                watchfiles.awatch(self._folder, watch_filter=self._counts, debounce=_DEBOUNCE)
            ) as changes:
                change: asyncio.Future[Any] = asyncio.ensure_future(anext(changes))
                await self._reload("")
                while not self._stopped.is_set():
                    ending = asyncio.ensure_future(self._child.wait()) if self._child else None
                    wanted = {change, stopping, *([ending] if ending else [])}
                    await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
                    if ending is not None and ending.done():
                        self._ended(ending.result())
                    elif ending is not None:
                        ending.cancel()
                    if change.done() and not self._stopped.is_set():
                        names = sorted({os.path.basename(path) for _, path in change.result()})
                        change = asyncio.ensure_future(anext(changes))
                        await self._reload(", ".join(names))
                change.cancel()
                await asyncio.wait({change})
        finally:
            stopping.cancel()
            await self._end_child()
        return self._code

    def _counts(self, _change: object, path: str) -> bool:
        """Whether a file is the plugin's: its package, and pyproject.toml."""
        changed = Path(path)
        if "__pycache__" in changed.parts or changed.suffix in ("", ".pyc", ".swp", ".tmp") or path.endswith("~"):
            return False
        package = Path(self._watched.source) / self._watched.package
        return changed == self._folder / "pyproject.toml" or changed.is_relative_to(package)

    def _ended(self, code: int) -> None:
        self._child = None
        if self._talks and code in _LEFT:
            self._code = code
            self._stopped.set()
        elif self._talks:
            self._say(f"hermes ended with {code}; it starts again at the next save")
        else:
            self._code = code if code > 0 else 0

    async def _reload(self, changed: str) -> None:
        """Look whether the plugin works; if it does, put a new child in the place of the old one."""
        number, self._number = self._number, self._number + 1
        words = f"reload {number} ({changed})" if changed else "start"
        try:
            project = read_project(self._folder)
            environ = await asyncio.to_thread(self._look, project, number)
        except HermesError as error:
            kept = "; the version before keeps running" if self._child else ""
            self._say(f"{words}: {error}{kept}")
            return
        self._watched = project
        await self._end_child()
        if not self._stopped.is_set():
            self._say(f"{words}: {project.name} {project.version}".rstrip())
            await self._begin_child(environ)

    def _look(self, project: Project, number: int) -> dict[str, str]:
        """The environment in which the plugin is found. Raises `HermesError` where it does not work."""
        found = environment_with(project, self._scratch / str(number))
        for finding in inspect_outside(project.name, found, quick=True):
            if finding.status == "error":
                raise HermesError(f"{finding.name}: {finding.detail}")
        notes = self._scratch / "notes"
        if not notes.is_dir():
            points = {"dev": _CHILD}
            lay_metadata(
                Project(folder="", distribution="hermes-dev", version="0", entry_points=points, table={}), notes
            )
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([found["PYTHONPATH"], str(notes)])}
        if environ.get("HERMES_PLUGINS"):
            environ["HERMES_PLUGINS"] += f",{project.name},dev"
        return {**environ, NOTE: str(self._note), PARENT: str(os.getpid())}

    async def _begin_child(self, environ: dict[str, str]) -> None:
        words = [*self._resuming(), *self._arguments]
        stdin = None if self._talks else asyncio.subprocess.DEVNULL
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _CHILD, *words, stdin=stdin, env=environ
        )

    def _resuming(self) -> list[str]:
        """The option to go on with the conversation; what was said about another one is then dropped."""
        if not self._talks or not self._note.is_file():
            return []
        kept: list[str] = []
        words = iter(self._arguments)
        for word in words:
            if word in ("-r", "--resume"):
                next(words, None)
            elif word not in ("-c", "--continue") and not word.startswith("--resume="):
                kept.append(word)
        self._arguments = kept
        return ["--resume", self._note.read_text(encoding="utf-8")]

    async def _end_child(self) -> None:
        """End it, in its own time or at once, and wait until it is gone."""
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop(code: int) -> None:
            self._code = code
            self._stopped.set()

        def interrupt() -> None:
            # In a conversation Ctrl+C is the front end's: it has received it as well.
            if not (self._talks and self._child is not None):
                stop(130)

        loop.add_signal_handler(signal.SIGINT, interrupt)
        loop.add_signal_handler(signal.SIGTERM, stop, 143)
        loop.add_signal_handler(signal.SIGHUP, stop, 129)

    def _say(self, text: str) -> None:
        # The front end may have the terminal in raw mode.
        end = "\r\n" if sys.stderr.isatty() else "\n"
        click.echo(f"hermes dev: {one_line(text, 0)}{end}", nl=False, err=True)


def _is_conversation(arguments: Sequence[str]) -> bool:
    """Whether these arguments open a conversation: another command, or one question, ends by itself."""
    from hermes_host.cli.group import hermes

    valued = {name for option in hermes.params if not getattr(option, "is_flag", False) for name in option.opts}
    words = iter(arguments)
    for word in words:
        if word in valued:
            next(words, None)
        elif not word.startswith("-"):
            if word != "chat":
                return False
            break
    return not any(word in ("-q", "--query") or word.startswith(("--query=", "-q")) for word in words)
