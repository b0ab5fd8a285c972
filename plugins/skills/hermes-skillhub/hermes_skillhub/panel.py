"""What a person sees before a decision: where it comes from, who is trusted, what was found, which files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.visible import exact, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_skills.scan import Finding

    from hermes_skillhub.proposals import Proposal

__all__ = ["diff_text", "facts", "finding_lines", "panel"]

_FINDINGS = 20
_FILES = 30
_DIFF_LINES = 300


def facts(proposal: Proposal) -> list[tuple[str, str]]:
    """What there is to say in a line each. Nothing in it can act on a terminal, or hide."""
    origin, head = proposal.bundle.origin, proposal.head
    commit = f" at {origin.revision[:12]}" if origin.revision else ""
    return [
        ("skill", f"{proposal.name} {head.version}".rstrip()),
        ("what it does", one_line(head.description, 300)),
        ("from", exact(one_line(f"{proposal.hub}:{proposal.bundle.identifier}{commit}", 300))),
        ("address", exact(one_line(origin.url, 300))),
        ("trust", proposal.trust),
        ("scan", _verdict(proposal)),
        ("files", f"{len(proposal.files)}, {sum(len(file.data) for file in proposal.files):,} bytes"),
        ("goes to", f"skills/{proposal.install_path}"),
        ("license", one_line(head.license, 80)),
    ]


def _verdict(proposal: Proposal) -> str:
    found = sum(item.severity != "low" for item in proposal.report.findings)
    return f"{proposal.report.verdict}, {count(found, 'finding')}" if found else proposal.report.verdict


def finding_lines(findings: Iterable[Finding], limit: int = _FINDINGS) -> list[str]:
    """One line for each finding, worst first."""
    lines = [
        f"{item.severity}: {exact(one_line(item.file, 120))}:{item.line}: {one_line(item.description, 160)}"
        f" ({item.id}: {exact(one_line(item.match, 120))})"
        for item in findings
    ]
    return [*lines[:limit], *([f"… and {len(lines) - limit} more"] if len(lines) > limit else [])]


def diff_text(proposal: Proposal) -> str:
    """What an update changes, as unified diffs; binary files by name only."""
    lines: list[str] = []
    for change in proposal.changes:
        lines.append(f"{change.kind}: {exact(change.path)}")
        lines += [visible(line) for line in change.diff.split("\n")] if change.diff else []
    more = len(lines) - _DIFF_LINES
    return "\n".join([*lines[:_DIFF_LINES], *([f"… {more} more lines"] if more > 0 else [])])


def panel(proposal: Proposal) -> str:
    """All of it as plain text."""
    shown = [(label, value) for label, value in facts(proposal) if value]
    width = max(len(label) for label, _ in shown)
    lines = [f"{label:<{width}}  {value}" for label, value in shown]
    names = [exact(file.path) + (" (may be run)" if file.executable else "") for file in proposal.files]
    lines += [f"  {name}" for name in names[:_FILES]]
    lines += [f"  … and {len(names) - _FILES} more"] if len(names) > _FILES else []
    if proposal.warnings:
        lines += ["", "Mind:", *(f"  {one_line(warning, 400)}" for warning in proposal.warnings)]
    if proposal.report.findings:
        lines += ["", "Found:", *(f"  {line}" for line in finding_lines(proposal.report.findings))]
    if proposal.before is not None:
        lines += ["", "Changes:", diff_text(proposal) or "  none"]
    return "\n".join(lines)
