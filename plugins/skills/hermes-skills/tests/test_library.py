"""Which skills there are: reading, problems, conditions, order, the index."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from hermes_skills.conditions import Surroundings, hidden_because
from hermes_skills.settings import SkillsSettings

from hermes_host.errors import HermesError, NotFound, ToolError
from hermes_host.protocols import SkillFolder
from hermes_host.specs import SkillSourceSpec


async def test_a_broken_skill_costs_only_itself(load, make, skills, tmp_path):
    make("good")
    for name, text in {
        "bare": "no frontmatter",
        "open": "---\nname: open\n",
        "list": "---\n- a\n---\nx",
        "escape": "---\nname: ../../etc\ndescription: x\n---\nx",
        "bomb": "---\n" + "[" * 20_000 + "\n---\nx",
        "empty": "---\nname: empty\n---\n",
    }.items():
        (skills / name).mkdir()
        (skills / name / "SKILL.md").write_text(text, encoding="utf-8")
    (skills / "latin").mkdir()
    (skills / "latin/SKILL.md").write_bytes(b"---\nname: latin\ndescription: \xe9\n---\nx")
    (skills / "huge").mkdir()
    (skills / "huge/SKILL.md").write_text("---\nname: huge\ndescription: x\n---\n" + "x" * 1_100_000, encoding="utf-8")
    (skills / "pipe").mkdir()
    os.mkfifo(skills / "pipe/SKILL.md")
    outside = tmp_path / "outside"
    make("outside", root=tmp_path)
    (skills / "linked").symlink_to(outside)
    (skills / "inner").mkdir()
    (skills / "inner/SKILL.md").symlink_to(outside / "SKILL.md")
    found = await load()
    assert [skill.name for skill in found.skills] == ["good"]
    broken = {problem.path.removeprefix(f"{skills}/").partition("/")[0] for problem in found.problems}
    assert broken == {"bare", "open", "list", "escape", "bomb", "empty", "latin", "huge", "pipe", "linked", "inner"}
    assert all(problem.message for problem in found.problems)


async def test_frontmatter_is_read_whole(load, make):
    make(
        "long",
        more="compatibility: "
        + "x" * 400
        + "\n"
        + "".join(f"key{n}: {'y' * 100}\n" for n in range(80))
        + "platforms: [windows]\n",
    )
    skill = (await load()).find("long")
    assert skill.facts.platforms == ("windows",)


async def test_frontmatter_that_is_no_yaml_is_read_by_lines(load, skills):
    (skills / "colon").mkdir()
    (skills / "colon/SKILL.md").write_text("---\nname: colon\ndescription: a: b: c\n---\nx", encoding="utf-8")
    found = await load()
    assert found.find("colon").facts.description == "a: b: c"
    assert "cannot be read" in found.problems[0].message


async def test_of_two_that_look_alike_the_first_is_used(load, make, host, tmp_path, skills):
    make("a/deploy")
    make("b/deploy")
    make("d\u0435ploy")
    make("my_tool")
    make("my-tool")
    make("deploy", root=tmp_path / "more")
    host.config.set("skills.external_dirs", ["${NOWHERE_AT_ALL}/x", str(tmp_path / "more")])
    found = await load()
    assert [skill.folder.relative_to(skills).as_posix() for skill in found.skills] == ["my-tool", "a/deploy"]
    assert len(found.problems) == 3


async def test_conditions_hide_a_skill(load, make):
    make("needs", more="metadata:\n  hermes:\n    requires_tools: [a, b]\n    requires_toolsets: [web]\n")
    make("spare", more="metadata:\n  hermes:\n    fallback_for_tools: [a]\n")
    make("elsewhere", more="platforms: windows\n")
    make("off")
    found = {skill.name: skill for skill in (await load()).skills}
    settings = SkillsSettings(disabled=["off"], platform_disabled={"telegram": []})

    def shown(*tools: str, toolsets: frozenset[str] = frozenset(), platform: str = "cli") -> set[str]:
        where = Surroundings(platform, frozenset(tools), toolsets)
        return {name for name, skill in found.items() if not hidden_because(skill, settings, where)}

    assert shown() == {"spare"}
    assert shown("a", "b", toolsets=frozenset({"web"})) == {"needs"}
    assert shown("a", toolsets=frozenset({"web"})) == set()
    assert shown(platform="telegram") == {"spare", "off"}


async def test_plugins_bring_skills_and_a_broken_one_costs_only_its_own(load, make, host, tmp_path):
    make("brought", root=tmp_path / "plugin")
    make("mine")
    make("mine", root=tmp_path / "plugin")
    folders = [
        SkillFolder(path=str(tmp_path / "plugin" / name), category="acme") for name in ("brought", "mine", "gone")
    ]
    target = "hermes_skills.library:connect"
    host.use_part(
        "skill_sources",
        SkillSourceSpec(name="acme", summary="x", target=target),
        SimpleNamespace(folders=lambda: folders),
    )
    host.use_part("skill_sources", SkillSourceSpec(name="bad", summary="x", target=target), SimpleNamespace())
    found = await load()
    assert [(skill.name, skill.category, skill.is_local) for skill in found.skills] == [
        ("mine", "", True),
        ("brought", "acme", False),
    ]
    assert len(found.problems) == 2


async def test_the_index_follows_every_change(load, make, skills, host, home):
    make("one")
    (skills / "one/DESCRIPTION.md").write_text("---\ndescription: x\n---\n", encoding="utf-8")
    assert [skill.name for skill in (await load()).skills] == ["one"]
    make("one", "Another description.")
    make("two")
    assert {skill.facts.description for skill in (await load()).skills} == {
        "Another description.",
        "Use when it is needed.",
    }
    index = home / "cache/skills/index.msgpack"
    before = index.stat().st_mtime_ns
    await load()
    assert index.stat().st_mtime_ns == before
    index.write_bytes(b"damaged")
    (skills / "two/SKILL.md").unlink()
    assert [skill.name for skill in (await load()).skills] == ["one"]


async def test_an_unknown_name_is_answered_with_near_ones(load, make):
    make("deploy")
    with pytest.raises(NotFound, match="'deploy'"):
        (await load()).find("deplyo")


@pytest.mark.parametrize(
    "path", ["../other/SKILL.md", "/etc/passwd", "references/../../x", "references/out.md", "a\x00b"]
)
async def test_no_file_outside_the_skill_is_read(use, make, path, tmp_path):
    (tmp_path / "x").write_text("outside", encoding="utf-8")
    folder = make("deploy")
    make("other")
    (folder / "references").mkdir()
    (folder / "references/out.md").symlink_to(tmp_path / "x")
    with pytest.raises((ToolError, HermesError)):
        await use("skill_view", {"name": "deploy", "file_path": path})


async def test_linked_files_are_listed_and_read(use, make):
    folder = make("deploy")
    for place, data in {
        "references/a.md": b"text",
        "scripts/run.sh": b"true",
        "assets/x/logo.bin": b"\x00\x01",
        "scripts/__pycache__/a.pyc": b"x",
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(data)
    (folder / "references/b.md").symlink_to("a.md")
    _, view = await use("skill_view", {"name": "deploy"})
    assert (
        '"linked_files":{"references":["references/a.md","references/b.md"],'
        '"scripts":["scripts/run.sh"],"assets":["assets/x/logo.bin"]}' in view.content
    )
    assert (await use("skill_view", {"name": "deploy", "file_path": "references/b.md"}))[1].content == "text"
    assert (
        '"is_binary":true' in (await use("skill_view", {"name": "deploy", "file_path": "assets/x/logo.bin"}))[1].content
    )
    with pytest.raises(ToolError, match="references/a.md"):
        await use("skill_view", {"name": "deploy", "file_path": "references/zzz.md"})
