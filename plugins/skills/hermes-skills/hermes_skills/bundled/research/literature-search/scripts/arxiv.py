#!/usr/bin/env python3
"""Print what arXiv finds, one paper in each line: `python3 arxiv.py 'all:"state space"' [count]`."""

from __future__ import annotations

import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"


def main() -> int:
    """Search and print."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: arxiv.py QUERY [COUNT]\n")
        return 2
    count = sys.argv[2] if len(sys.argv) > 2 else "10"
    query = urllib.parse.urlencode({"search_query": sys.argv[1], "max_results": count, "sortBy": "submittedDate"})
    with urllib.request.urlopen(f"https://export.arxiv.org/api/query?{query}", timeout=30) as answer:
        feed = ElementTree.fromstring(answer.read())
    for entry in feed.iter(f"{ATOM}entry"):
        title = " ".join((entry.findtext(f"{ATOM}title") or "").split())
        published = (entry.findtext(f"{ATOM}published") or "")[:10]
        identifier = (entry.findtext(f"{ATOM}id") or "").rpartition("/abs/")[2]
        sys.stdout.write(f"{identifier}\t{published}\t{title}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
