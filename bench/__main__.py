"""`python -m bench [startup turn steps streaming prefix sessions middleware compaction gateway] [--runs N] [--json]`"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict

from bench import (
    approvals,
    code,
    compaction,
    gateway,
    mcp,
    middleware,
    prefix,
    sandbox,
    sessions,
    skills,
    startup,
    steps,
    streaming,
    subagents,
    turn,
)
from bench.measure import Row

GROUPS: dict[str, Callable[[int], list[Row]]] = {
    "startup": startup.measure,
    "turn": turn.measure,
    "steps": steps.measure,
    "streaming": streaming.measure,
    "prefix": prefix.measure,
    "sessions": sessions.measure,
    "skills": skills.measure,
    "subagents": subagents.measure,
    "middleware": middleware.measure,
    "mcp": mcp.measure,
    "compaction": compaction.measure,
    "approvals": approvals.measure,
    "code": code.measure,
    "sandbox": sandbox.measure,
    "gateway": gateway.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Measure against floors taken in the same run.")
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="what to measure; everything by default")
    parser.add_argument("--runs", type=int, default=9, help="runs of each program; the median counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    results: dict[str, list[Row]] = {}
    for name in options.groups or GROUPS:
        print(f"measuring {name} …", file=sys.stderr)
        results[name] = GROUPS[name](options.runs)
        if not options.json:
            print(*map(_line, results[name]), sep="\n", flush=True)
    if options.json:
        print(json.dumps({name: [_as_json(row) for row in rows] for name, rows in results.items()}, indent=2))
    return int(any(row.met is False for rows in results.values() for row in rows))


def _as_json(row: Row) -> dict[str, object]:
    return {**asdict(row), "met": row.met}


def _line(row: Row) -> str:
    verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
    limit = "" if row.limit is None else f"≤ {row.limit:g} {row.unit}"
    floor = "" if row.floor is None else f"{row.floor_name}: {row.floor:.1f} {row.floor_unit}"
    notes = " ".join([floor, *row.notes]).strip()
    return f"{row.name:<46} {row.value:>9.2f} {row.unit:<3}  {limit:<10} {verdict:<8} {notes}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
