"""`hermes approvals log`: every decision, as it was written down before the call ran."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hermes_approvals.audit import AuditLog
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, print_json
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_host.host import Host

__all__ = ["log"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command(
    epilog="\b\nExamples:\n  hermes approvals log --since 2h\n  hermes approvals log --follow --json\n"
    "  hermes approvals log --verify"
)
@click.option("--since", default="", metavar="WHEN", help="30m, 2h, 7d, or a date such as 2027-01-31.")
@click.option("--session", default="", help="Only of this session.")
@click.option("--tool", default="", help="Only of this tool.")
@click.option("--verdict", type=click.Choice(["allow", "deny"]), help="Only these.")
@click.option("--follow", is_flag=True, help="Go on with what is decided from now on, until Ctrl+C.")
@click.option("--verify", is_flag=True, help="Check that no line was changed, removed or added.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pass_host
def log(host: Host, /, since: str, verify: bool, follow: bool, as_json: bool, **only: str | None) -> None:
    """Show the audit log, oldest first."""
    audit = AuditLog(host.home)
    if verify:
        _verify(audit, as_json)
        return
    begin = _moment(since)
    seen = -1
    try:
        for record in _records(audit, follow):
            number = record.get("number", 0)
            if number > seen:
                seen = number
                if str(record.get("time", "")) >= begin and _wanted(record, only):
                    click.echo(msgspec.json.encode(record).decode() if as_json else _line(record))
    except KeyboardInterrupt:
        pass
    if seen < 0 and not as_json:
        click.echo("Nothing has been decided yet.")


def _verify(audit: AuditLog, as_json: bool) -> None:
    lines, faults = audit.verify()
    if as_json:
        print_json({"lines": lines, "faults": faults})
    elif faults:
        for fault in faults:
            click.echo(f"{fault.file}, line {fault.line}: {fault.what}")
    else:
        click.echo(f"The log is as it was written: {count(lines, 'decision')} in {count(len(audit.files()), 'file')}.")
    if faults:
        click.get_current_context().exit(1)


def _records(audit: AuditLog, follow: bool) -> Iterator[dict[str, Any]]:
    yield from audit.records()
    if not follow:
        return
    from watchfiles import watch

    from hermes_host.context import private_directory

    folder = private_directory(audit.file.parent)
    size = -1
    # Also without a change seen, now and then: one may have come before the watch had begun.
    for _ in watch(folder, step=20, debounce=100, rust_timeout=1_000, yield_on_timeout=True, recursive=False):
        if audit.file.exists() and audit.file.stat().st_size != size:
            size = audit.file.stat().st_size
            yield from audit.records(last=2)


def _wanted(record: dict[str, Any], only: dict[str, str | None]) -> bool:
    return all(not value or record.get(name) == value for name, value in only.items())


def _moment(text: str) -> str:
    """The earliest `time` that is wanted, as it stands in records."""
    if not text:
        return ""
    if span := re.fullmatch(r"(\d+)\s*([smhdw])", text):
        moment = datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    else:
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is neither a span such as 2h nor a date.", param_hint="--since"
            ) from None
    return moment.isoformat(timespec="milliseconds")


def _line(record: dict[str, Any]) -> str:
    begun = datetime.fromisoformat(str(record.get("time"))).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    by = str(record.get("by", ""))
    rules = ", ".join(map(str, record.get("rules") or ()))
    who = f"{by} {rules}".strip() if by == "rule" else by
    shown = one_line(str(record.get("shown", "")), 160)
    return f"{begun}  {record.get('verdict'):<5}  {who:<12}  {record.get('surface')}  {record.get('tool')}: {shown}"
