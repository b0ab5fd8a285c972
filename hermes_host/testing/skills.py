# ruff: noqa: D102  (the names of the tests are their documentation)
"""The conformance kit for sources of skills.

Subclass it and say how the source is made::

    class TestMySkills(SkillSourceContract):
        @pytest.fixture
        def source(self):
            return MySource()
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hermes_host.protocols import SkillFolder, SkillSource
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SkillSourceContract"]

_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)*")


class SkillSourceContract(Contract):
    """What every source of skills keeps to. Override the fixture `source`."""

    @pytest.fixture
    def source(self) -> SkillSource:
        """The source."""
        raise NotImplementedError("override the fixture `source`")

    @pytest.fixture
    def folders(self, source: SkillSource) -> Sequence[SkillFolder]:
        """What it lists."""
        return source.folders()

    def test_a_source_has_the_methods_of_the_protocol(self, source: SkillSource) -> None:
        assert isinstance(source, SkillSource)

    def test_every_folder_is_absolute_and_holds_a_skill(self, folders: Sequence[SkillFolder]) -> None:
        for folder in folders:
            assert isinstance(folder, SkillFolder)
            path = Path(folder.path)
            assert path.is_absolute(), f"{folder.path} is not absolute"
            assert (path / "SKILL.md").is_file(), f"{folder.path} holds no SKILL.md"

    def test_every_skill_says_its_name_and_when_it_is_used(self, folders: Sequence[SkillFolder]) -> None:
        for folder in folders:
            text = (Path(folder.path) / "SKILL.md").read_text(encoding="utf-8")
            assert text.startswith("---\n"), f"{folder.path}: SKILL.md does not begin with frontmatter"
            head, fence, body = text[4:].partition("\n---")
            assert fence, f"{folder.path}: the frontmatter does not end"
            assert body.strip("-\n "), f"{folder.path}: there are no instructions"
            name = re.search(r"^name:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", head, re.MULTILINE)
            assert name is not None, f"{folder.path}: there is no name"
            assert name[1] == Path(folder.path).name, f"{folder.path}: the skill is called {name[1]!r}"
            assert re.search(r"^description:\s*\S", head, re.MULTILINE), f"{folder.path}: there is no description"

    def test_no_two_skills_have_one_name(self, folders: Sequence[SkillFolder]) -> None:
        names = [Path(folder.path).name for folder in folders]
        assert sorted(names) == sorted(set(names))

    def test_categories_are_plain_words(self, folders: Sequence[SkillFolder]) -> None:
        for folder in folders:
            assert not folder.category or _CATEGORY.fullmatch(folder.category), f"{folder.category!r} is no category"

    def test_no_file_leads_out_of_its_skill(self, folders: Sequence[SkillFolder]) -> None:
        for folder in folders:
            root = Path(folder.path).resolve()
            for path in root.rglob("*"):
                assert path.resolve().is_relative_to(root), f"{path} leaves the skill"

    def test_listing_twice_gives_the_same(self, source: SkillSource) -> None:
        assert list(source.folders()) == list(source.folders())
