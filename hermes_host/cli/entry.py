"""What happens around every command: standard streams, exit codes, errors as one line, and leaving fast.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 the answer was cut at the output limit · 4 the step budget or the
deadline ran out · 130 interrupted · 141 the reader of a pipe went away.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from hermes_host.cli.application import Application
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["FAILED", "INTERRUPTED", "leave", "run"]

FAILED = 1
INTERRUPTED = 130
_BROKEN_PIPE = 141


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code. Every error has become a message on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A title in another script must not end a listing on a terminal that cannot show it.
            stream.reconfigure(errors="backslashreplace")
    application = Application()
    try:
        return _invoke(arguments, application)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _show_usage(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo("hermes: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return _BROKEN_PIPE
    except HermesError as error:
        return _show_error(error, application)
    except SystemExit as error:
        return _code_of(error)
    except Exception as error:  # noqa: BLE001 - the last boundary: nobody above could say anything better
        return _show_unexpected(error, application)


def leave(code: int) -> NoReturn:
    """Flush and leave at once: taking a large interpreter apart takes longer than many a command."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = _BROKEN_PIPE
        except (OSError, ValueError):
            code = code or FAILED
    os._exit(code)


def _invoke(arguments: Sequence[str], application: Application) -> int:
    from hermes_host.cli.group import hermes

    instruction = os.environ.get("_HERMES_COMPLETE")
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(hermes, {"obj": application}, "hermes", "_HERMES_COMPLETE", instruction)
    with hermes.make_context("hermes", _global_first(arguments), obj=application) as context:
        result = hermes.invoke(context)
    return result if type(result) is int else 0


def _global_first(arguments: Sequence[str]) -> list[str]:
    """Move `-p no:NAME` to the front, so that it may also stand after any command, plugins' commands included."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "-p":
            value = next(words, None)
            if value is None:
                rest.append(word)
            elif value.startswith("no:"):
                front += [word, value]
            else:
                rest += [word, value]
        elif word.startswith("-pno:"):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _code_of(error: SystemExit) -> int:
    if isinstance(error.code, str):
        click.echo(error.code, err=True)
        return FAILED
    return error.code or 0


def _show_usage(error: click.ClickException) -> int:
    message = error.format_message()
    if isinstance(error, click.MissingParameter):
        # Click gives each of the choices a line of its own.
        message = " ".join(message.split())
        message += "" if message.endswith(".") else "."
    context = getattr(error, "ctx", None)
    hint = f" See `{context.command_path} --help`." if context is not None and "--help" not in message else ""
    click.echo(f"hermes: {message}{hint}", err=True)
    return error.exit_code


def _strict(application: Application) -> bool:
    return application.verbose or os.environ.get("HERMES_STRICT", "") not in ("", "0")


def _show_error(error: HermesError, application: Application) -> int:
    if _strict(application):
        import traceback

        click.echo(_redacted("".join(traceback.format_exception(error)), application), err=True, nl=False)
    click.echo(f"hermes: {_redacted(' '.join(str(error).split()), application)}", err=True)
    return FAILED


def _show_unexpected(error: Exception, application: Application) -> int:
    import traceback

    text = _redacted("".join(traceback.format_exception(error)), application)
    if _strict(application):
        click.echo(text, err=True, nl=False)
        return FAILED
    summary = _redacted(" ".join(traceback.format_exception_only(error)[-1].split()), application)
    path = _log(text, application)
    where = f"details: {path}" if path else "HERMES_STRICT=1 shows the details"
    click.echo(f"hermes: unexpected error: {summary} ({where})", err=True)
    return FAILED


def _redacted(text: str, application: Application) -> str:
    if not application.has_host:
        return text
    from hermes_host.cli.logs import redacted

    return redacted(application.host, text)


def _log(text: str, application: Application) -> Path | None:
    """Add a traceback to the log; None where that is not possible."""
    from datetime import datetime

    from hermes_host.cli.logs import append

    try:
        return append(application.host, f"{datetime.now().astimezone().isoformat(timespec='seconds')}\n{text}\n")
    except (OSError, HermesError):
        return None
