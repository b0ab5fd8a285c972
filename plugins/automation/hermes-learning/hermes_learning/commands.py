"""`hermes learning`: what is learnt from conversations, for people and for scripts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import ago, count, json_option, moment, print_json, print_table
from hermes_host.visible import one_line, visible
from hermes_learning.asking import review_now
from hermes_learning.past import past_reviews
from hermes_learning.status import status
from hermes_learning.tidying import apply, proposals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_learning.curator import Proposal
    from hermes_learning.past import Past
    from hermes_learning.status import Status

__all__ = ["learning"]

_SKILLS_SHOWN = 10


@click.group(invoke_without_command=True, epilog="\b\nExamples:\n  hermes learning\n  hermes learning curate --apply 2")
@click.pass_context
def learning(ctx: click.Context) -> None:
    """See and steer what is learnt from conversations.

    After some messages or much work with tools, a review looks back on a conversation and keeps what later ones will be
    better for: facts in memory, ways of working in skills.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show_status, as_json=False)


@learning.command("status", epilog="Example: hermes learning status --json")
@json_option
@pass_host
def show_status(host: Host, as_json: bool) -> None:
    """Show what is due, what failed, and what reviews cost in the last 30 days."""
    found = run_async(host, lambda: status(host))
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: Status) -> Sequence[str]:
    if not found.enabled:
        return ["Learning is switched off (learning.enabled)."]
    model = found.model or "that of the conversation"
    cost = f", ${found.cost:.4f}" if found.cost else ""
    lines = [
        f"Memory is reviewed {_every(found.memory_interval, 'of your messages')}, "
        f"skills {_every(found.skill_interval, 'steps with tools')}.",
        f"Model: {model}",
        f"Last 30 days: {count(found.reviews, 'review')}, {count(found.changes, 'change')}, "
        f"{found.tokens:,} tokens{cost}",
    ]
    for each in found.owed:
        tried = f", tried {count(each.attempts, 'time')}" if each.attempts else ""
        failed = f"; it failed: {one_line(each.error, 200)}" if each.error else ""
        lines.append(f"Due: {each.session} ({', '.join(each.kinds)}, {ago(each.since, time.time())}{tried}{failed})")
    lines += [
        f"Skill {one_line(use.skill, 64)}: used {count(use.used, 'time')}, went well {use.completed}, "
        f"failed {use.failed}, with failing calls {use.calls_failed}, corrected {use.corrected}"
        for use in found.skills[:_SKILLS_SHOWN]
    ]
    return lines


def _every(interval: int, what: str) -> str:
    return f"after {interval} {what}" if interval else "never"


@learning.command("review", epilog="Example: hermes learning review 20260102_1530")
@click.argument("reference", metavar="[ID|TITLE]", required=False, default="")
@json_option
@pass_host
def review(host: Host, reference: str, as_json: bool) -> None:
    """Review a conversation now; without a name the latest one.

    Only what no review has seen yet is looked at.
    """
    if not as_json:
        click.echo("Reviewing …", err=True)
    session_id, changed = run_async(host, lambda: review_now(host, reference))
    if as_json:
        print_json({"session": session_id, "changed": changed})
    else:
        click.echo("\n".join(text[:1].upper() + text[1:] for text in changed) or "Nothing was worth saving.")


@learning.command("curate", epilog="\b\nExamples:\n  hermes learning curate\n  hermes learning curate --apply 2")
@click.option("--apply", "number", type=click.IntRange(1), help="Do what the proposal of this number says.")
@json_option
@pass_host
def curate(host: Host, number: int | None, as_json: bool) -> None:
    """Propose what could be tidied up in skills and memories; with --apply do it.

    Nothing is changed without --apply. What is applied goes through the tools the agent uses, whose history can bring
    it back. Merging and condensing ask a model; the others do not.
    """
    if number is not None:
        done = run_async(host, lambda: apply(host, number))
        if as_json:
            print_json({"applied": number, "text": done})
        else:
            click.echo(visible(done))
        return
    found = run_async(host, lambda: proposals(host, keep=True))
    if as_json:
        print_json(found)
        return
    _show(found)


def _show(found: Sequence[Proposal]) -> None:
    if not found:
        click.echo("There is nothing to tidy up.")
        return
    print_table(("nr", "what", "why"), [(each.number, each.action, one_line(each.reason, 0)) for each in found])
    click.echo("\n`hermes learning curate --apply NR` does it.")


@learning.command("history", epilog="Example: hermes learning history --limit 5 --json")
@click.option("--limit", default=20, type=click.IntRange(1), show_default=True, help="How many.")
@json_option
@pass_host
def history(host: Host, limit: int, as_json: bool) -> None:
    """List the latest reviews: what they looked at, what they changed, what they cost."""
    found = run_async(host, lambda: past_reviews(host, limit))
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There was no review yet.")
        return
    print_table(("when", "conversation", "why", "tokens", "cost", "changed"), [_row(each) for each in found])


def _row(each: Past) -> tuple[str, ...]:
    changed = ", ".join(each.changed) or ("nothing" if each.outcome == "completed" else each.outcome or "cut off")
    cost = f"${each.cost:.4f}" if each.cost is not None else "?"
    return (moment(each.time), each.session or "-", each.reason, f"{each.tokens:,}", cost, one_line(changed, 0))
