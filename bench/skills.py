"""What two hundred skills cost a new conversation: the time to write the prompt's sections about them, and their size.

Where the plugin for memory is installed, its section is written with full memory files and counted too.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from bench.measure import Row
from hermes_host.host import Host

SKILLS = 200
CATEGORIES = 12


def measure(runs: int) -> list[Row]:
    """A home with many skills; each run is a new host over it, as a new process would have."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        home = Path(folder) / "home"
        _fill(home)
        cold, text = asyncio.run(_sections(home))
        warm = [asyncio.run(_sections(home))[0] for _ in range(max(3, runs))]
        floor = _floor(home)
    return [
        Row(
            f"memory and skills in the prompt, {SKILLS} skills",
            statistics.median(warm),
            "ms",
            30.0,
            floor,
            "a stat of each SKILL.md",
            "ms",
            [f"the first time {cold:.0f} ms"],
        ),
        Row("their size", len(text.encode()), "B", 8192.0),
    ]


async def _sections(home: Path) -> tuple[float, str]:
    environ = {"PATH": os.environ["PATH"]}
    async with Host(home=home, environ=environ) as host:
        session = await host.start(model="offline:echo" if "offline" in host.providers else "")
        wanted = [item for item in host.prompt_sections if item.plugin in ("skills", "memory")]
        memories = [item for item in host.memories if item.plugin == "memory" and "prompt" in item.spec.features]
        # Importing is part of starting and measured there; everything read from the disk is measured here.
        writers = [(host.target(item, item.spec.target), host.context(item.plugin)) for item in wanted]
        parts = [await host.part(item) for item in memories]
        started = time.perf_counter()
        texts = [str(await write(context, session)) for write, context in writers]
        texts += [str(await part.prompt_section(session.context)) for part in parts]
        return (time.perf_counter() - started) * 1000, "\n\n".join(texts)


def _fill(home: Path) -> None:
    for number in range(SKILLS):
        folder = home / "skills" / f"category-{number % CATEGORIES}" / f"skill-number-{number}"
        folder.mkdir(parents=True)
        description = f"Use when the task is of kind {number} and needs several steps."
        text = f"---\nname: {folder.name}\ndescription: {description}\n---\n\n"
        (folder / "SKILL.md").write_text(text + "1. A step.\n" * 100, encoding="utf-8")
    (home / "memories").mkdir()
    (home / "memories/MEMORY.md").write_text("\n§\n".join(["A fact of the usual length."] * 70), encoding="utf-8")
    (home / "memories/USER.md").write_text("\n§\n".join(["Likes short answers."] * 55), encoding="utf-8")
    (home / "config.yaml").write_text("skills:\n  bundled: false\n", encoding="utf-8")


def _floor(home: Path) -> float:
    started = time.perf_counter()
    for path in home.glob("skills/*/*/SKILL.md"):
        path.stat()
    return (time.perf_counter() - started) * 1000
