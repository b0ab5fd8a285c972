"""Which chat is meant, and never another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_gateway.database import Database
from hermes_gateway.directory import Directory

from hermes_host.errors import NotFound
from hermes_host.protocols import Address, Place
from hermes_host.specs import AdapterSpec

SPECS = {
    "numbers": AdapterSpec(name="numbers", summary="", target="a:b", addresses=r"-?\d+"),
    "words": AdapterSpec(name="words", summary="", target="a:b"),
}
OPS = Address(platform="words", chat="C0OPS")
HOME = Address(platform="words", chat="C0HOME")


@pytest.fixture
def directory(tmp_path: Path):
    database = Database(tmp_path)
    found = Directory(database, SPECS.get, list(SPECS))
    found.note(
        [
            Place(address=OPS, name="#Engineering"),
            Place(address=Address(platform="words", chat="C1"), name="twice"),
            Place(address=Address(platform="words", chat="C2"), name="twice"),
            Place(address=Address(platform="words", chat="!room:home.test"), name="room"),
        ]
    )
    yield found
    database.close()


@pytest.mark.parametrize("target", ["words:engineering", "words:#engineering", "words:#Engineering", "words:C0OPS"])
def test_a_chat_is_found_by_name_and_by_id(directory: Directory, target: str):
    directory.set_home(HOME)
    assert directory.resolve(target) == OPS


def test_ids_with_colons_are_kept_whole(directory: Directory):
    address = Address(platform="words", chat="!room:home.test")
    assert directory.resolve(str(address)) == address
    assert directory.resolve("words:room") == address


def test_an_unknown_id_counts_where_it_looks_like_one(directory: Directory):
    assert directory.resolve("numbers:-100123/45") == Address(platform="numbers", chat="-100123", thread="45")


@pytest.mark.parametrize(
    "target", ["words:engineerin", "words:#nowhere", "words:C9", "numbers:#ops", "numbers:abc", "words:twice", "words:"]
)
def test_what_names_no_chat_goes_nowhere(directory: Directory, target: str):
    directory.set_home(HOME)
    with pytest.raises(NotFound):
        directory.resolve(target)


def test_a_platform_alone_means_its_home(directory: Directory):
    with pytest.raises(NotFound, match="no home"):
        directory.resolve("words")
    directory.set_home(HOME)
    assert directory.resolve("words") == HOME


def test_an_unknown_platform_names_near_ones(directory: Directory):
    with pytest.raises(NotFound) as caught:
        directory.resolve("word:C1")
    assert "words" in caught.value.remedy
