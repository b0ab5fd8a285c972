"""`python -m tests.attacks.scorecard [GROUP…] [--json]`: try every attack and count what was blocked."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict

from tests.attacks.cases import collect, score, table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="attacks", description="Try every known attack and count what was blocked.")
    parser.add_argument("groups", nargs="*", help="groups to try; everything by default")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # what is refused is expected here
    attacks = [attack for attack in collect() if not options.groups or attack.group in options.groups]
    scores = score(attacks)
    print(json.dumps([asdict(each) for each in scores], indent=2) if options.json else table(scores))
    return int(not scores or any(each.blocked < each.tried for each in scores))


if __name__ == "__main__":
    sys.exit(main())
