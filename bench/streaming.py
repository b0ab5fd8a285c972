"""What one streamed delta costs: processor time of our process against the SDK's."""

from __future__ import annotations

from bench.measure import Row, medians, ratio
from bench.turn import FLOORS, QUESTION
from bench.workspace import serve, workspace

DELTAS = 20_000


def measure(runs: int) -> list[Row]:
    """An answer of twenty thousand deltas, less what a short answer costs."""
    runs = max(3, runs // 2)
    with workspace() as place, serve("deltas", str(DELTAS)) as long, serve("hello") as short:
        sdk = str(FLOORS / "sdk_turn.py")
        place.use_server(short.url)
        ours_short, sdk_short = medians(runs, lambda: place.hermes(*QUESTION), lambda: place.python(sdk, short.url))
        place.use_server(long.url)
        ours, theirs = medians(runs, lambda: place.hermes(*QUESTION), lambda: place.python(sdk, long.url))
    per_delta = (ours.cpu - ours_short.cpu) * 1000 / DELTAS
    per_delta_sdk = (theirs.cpu - sdk_short.cpu) * 1000 / DELTAS
    return [
        ratio(f"{DELTAS} deltas, CPU", ours.cpu, theirs.cpu, "vendor's SDK", "ms", 0.4),
        Row("one delta, CPU", per_delta, "µs", None, per_delta_sdk, "vendor's SDK", "µs"),
        Row(f"{DELTAS} deltas, peak memory", ours.memory, "MiB"),
    ]
