"""What one question costs: time, memory, modules, and the bytes of the request's fixed part."""

from __future__ import annotations

import json

from bench.measure import Row, medians, ratio
from bench.startup import SDKS, imported
from bench.workspace import ROOT, serve, workspace

QUESTION = ("chat", "-Q", "-q", "hi", "--provider", "custom")
FLOORS = ROOT / "bench" / "floors"


def measure(runs: int) -> list[Row]:
    """One question to a model server on this machine, against the SDK and against plain HTTP."""
    with workspace() as place, serve("hello") as server:
        place.use_server(server.url)
        ours, sdk, http = medians(
            runs,
            lambda: place.hermes(*QUESTION),
            lambda: place.python(str(FLOORS / "sdk_turn.py"), server.url),
            lambda: place.python(str(FLOORS / "http_turn.py"), server.url),
        )
        names = imported(place, *QUESTION)
        loaded = Row("modules: one question", len(names), "")
        loaded.notes += sorted(SDKS & {name.partition(".")[0] for name in names})
        report = server.report()
    request = json.loads(report["first_bodies"][0])
    request["messages"] = [message for message in request["messages"] if message["role"] != "user"]
    return [
        ratio("one question", ours.wall, sdk.wall, "vendor's SDK", "ms", 0.5),
        ratio("one question", ours.wall, http.wall, "plain HTTP", "ms", 2.8),
        Row("one question, peak memory", ours.memory, "MiB", 60.0),
        Row("fixed part of the first request", len(json.dumps(request, separators=(",", ":"))) / 1024, "KiB", 16.0),
        loaded,
    ]
