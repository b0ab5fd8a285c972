"""What is written down about far machines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from hermes_host.terminals.remote import Book

if TYPE_CHECKING:
    from pathlib import Path


def test_all_who_begin_at_once_see_one_home(tmp_path: Path) -> None:
    together = Barrier(8)

    def ask(folder: Path) -> str:
        together.wait()
        return Book(folder).home

    with ThreadPoolExecutor(8) as threads:
        for turn in range(30):
            folder = tmp_path / str(turn)
            folder.mkdir()
            homes = {*threads.map(ask, [folder] * 8), Book(folder).home}
            assert len(homes) == 1, "a sandbox of the other name would be paid for and never found again"
            assert [path.name for path in folder.iterdir()] == ["home-id"]
            assert (folder / "home-id").stat().st_mode & 0o777 == 0o600
