"""`hermes chat`: a conversation on the terminal, or one question from an option, a pipe or both."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

from hermes_host.cli.application import Application, application, run_async
from hermes_host.frontends import FrontendOptions

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["chat"]

_PATIENCE = 3.0
"""Seconds after which a person is told that standard input is being waited for."""


@click.command(
    epilog="\b\nExamples:\n"
    "  hermes chat                                     talk\n"
    "  hermes chat -q 'What is in this folder?'        ask once\n"
    "  git diff | hermes chat -q 'Review this.'        with context from a pipe\n"
    "  hermes chat -Q -t none -q 'One word for happy'  the bare answer, no tools\n"
    "\b\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the answer was cut at the output limit,\n"
    "4 the step budget or the deadline ran out, 130 interrupted.",
)
@click.option("-q", "--query", metavar="TEXT", help="Ask this once and leave. Piped input is added below it.")
@click.option("-m", "--model", default="", metavar="MODEL", help="Model, or provider:model.")
@click.option("--provider", default="", metavar="NAME", help="Provider.")
@click.option("-t", "--toolsets", metavar="LIST", help="Toolsets and tools, with commas between; `none` for none.")
@click.option("-c", "--continue", "continue_last", is_flag=True, help="Go on with the latest conversation.")
@click.option(
    "-r", "--resume", default="", metavar="ID|TITLE", help="Go on with a conversation: id, its beginning, or title."
)
@click.option(
    "--reasoning",
    type=click.Choice(["none", "minimal", "low", "medium", "high", "xhigh"]),
    help="How much the model is to think.",
)
@click.option("-s", "--skills", multiple=True, metavar="LIST", help="Load these skills from the start (repeatable).")
@click.option("-w", "--worktree", is_flag=True, help="Work in a place of its own, such as a git worktree.")
@click.option("--yolo", is_flag=True, help="Run every tool call without asking. Know what you do.")
@click.option("-Q", "--quiet", is_flag=True, help="Only the answer, and the session's id on standard error.")
@click.option(
    "--output-format",
    type=click.Choice(["text", "json", "stream-json"]),
    default="text",
    help="json: one object. stream-json: one event per line.",
)
@click.option(
    "--frontend", default="", metavar="NAME", help="The conversation surface to open (default: the best one)."
)
@click.option("-v", "--verbose", is_flag=True, help="Log to standard error; tracebacks for errors.")
def chat(
    query: str | None,
    toolsets: str | None,
    frontend: str,
    quiet: bool,
    output_format: Any,
    reasoning: str | None,
    **said: Any,
) -> int:
    """Talk to the agent, or ask one question with -q or through a pipe.

    Without a terminal nobody can be asked: tool calls that need consent are refused, unless --yolo is given.
    """
    state = application()
    _merge(state, said)
    options = _options(state, quiet=quiet, toolsets=toolsets, output_format=output_format)
    options.reasoning = reasoning or ""
    prompt = _prompt(query)
    if prompt is None:
        if output_format != "text" or quiet:
            raise click.UsageError("--quiet and --output-format need a question: give -q TEXT, or pipe it in.")
        return _converse(state, options, frontend)
    if not prompt.strip():
        raise click.UsageError("The question is empty. Give -q TEXT, or pipe something in.")
    options.prompt = prompt
    return _ask_once(state, options)


def _merge(state: Application, said: dict[str, Any]) -> None:
    """What was said after `chat` wins over what was said before it; neither undoes the other."""
    for name, value in said.items():
        if value:
            setattr(state, name, value)
    if state.resume and state.continue_last:
        raise click.UsageError("--resume and --continue exclude each other.")


def _options(
    state: Application, *, quiet: bool, toolsets: str | None, output_format: Literal["text", "json", "stream-json"]
) -> FrontendOptions:
    return FrontendOptions(
        model=state.model,
        provider=state.provider,
        toolsets=_names(toolsets),
        resume=state.resume,
        continue_last=state.continue_last,
        worktree=state.worktree,
        yolo=state.yolo,
        quiet=quiet,
        verbose=state.verbose,
        output_format=output_format,
    )


def _names(toolsets: str | None) -> tuple[str, ...] | None:
    if toolsets is None:
        return None
    names = tuple(name.strip() for name in toolsets.split(",") if name.strip())
    return () if names == ("none",) else names


def _prompt(query: str | None) -> str | None:
    """The question: the option, what is piped in, or both; None when there is neither and a person sits there."""
    if sys.stdin is None or sys.stdin.isatty():
        return query
    piped = _read_piped()
    if query is None:
        return piped
    return f"{query}\n\n{piped}" if piped.strip() else query


def _read_piped() -> str:
    import select

    descriptor = sys.stdin.fileno()
    try:
        waiting = not select.select([descriptor], [], [], _PATIENCE)[0]
    except (OSError, ValueError):
        waiting = False
    if waiting:
        click.echo("hermes: waiting for the end of standard input (give </dev/null to have none) …", err=True)
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _ask_once(state: Application, options: FrontendOptions) -> int:
    from hermes_host.cli.oneshot import ask_once

    host = _prepared(state)
    return run_async(host, lambda: ask_once(host, options))


def _converse(state: Application, options: FrontendOptions, frontend: str) -> int:
    if not sys.stdout.isatty():
        raise click.UsageError("A conversation needs a terminal. To ask once: hermes chat -q TEXT.")
    host = _prepared(state)
    plain = os.environ.get("TERM", "dumb") == "dumb"
    chosen = host.frontends.get(frontend or "line") if frontend or plain else next(iter(host.frontends))
    target = host.target(chosen, chosen.spec.target)
    code = run_async(host, lambda: target(host, options))
    return int(code or 0)


def _prepared(state: Application) -> Host:
    """The host, with logging set up and the faults of plugins told."""
    from hermes_host.cli.logs import set_up

    _collect_less()
    set_up(state.host, verbose=state.verbose)
    state.report_problems()
    if state.skills and not _any_reads(state.host, "skills"):
        raise click.UsageError("No installed plugin loads skills. Try `pip install hermes-skills`.")
    return state.host


def _any_reads(host: Host, section: str) -> bool:
    """Whether a plugin has declared the section."""
    return any(
        found.name == section for record in host.plugins.records if record.info for found in record.info.sections
    )


def _collect_less() -> None:
    """What is imported now stays until the end: looking through it again and again for garbage is wasted."""
    import gc

    gc.collect(0)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
