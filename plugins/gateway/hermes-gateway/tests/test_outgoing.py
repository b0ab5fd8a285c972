"""Which files an answer may carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_gateway.outgoing import collect


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "chart.png").write_bytes(b"png")
    (folder / "a b.ogg").write_bytes(b"ogg")
    return folder


def test_a_named_file_is_taken_out_of_the_text(work: Path):
    found = collect(f"Here it is:\n\nMEDIA:{work}/chart.png\n\nAnything else?", [work])
    assert found.text == "Here it is:\n\nAnything else?"
    assert [(item.kind, item.mime, item.name) for item in found.media] == [("image", "image/png", "chart.png")]


@pytest.mark.parametrize("form", ["`MEDIA:{}`", '"MEDIA:{}"', "MEDIA: {}", "(MEDIA:{})"])
def test_it_may_stand_in_quotes(work: Path, form: str):
    assert len(collect("See " + form.format(work / "chart.png"), [work]).media) == 1


def test_a_file_named_twice_is_sent_once(work: Path):
    assert len(collect(f"MEDIA:{work}/chart.png\nMEDIA:{work}/chart.png", [work]).media) == 1


def test_a_recording_is_a_voice_message_and_blanks_are_part_of_a_name(work: Path):
    found = collect(f"[[audio_as_voice]]\nMEDIA:{work}/a b.ogg", [work])
    assert found.text == ""
    assert found.media[0].meta == {"voice": True}


def test_code_is_left_alone(work: Path):
    text = f"```\nMEDIA:{work}/chart.png\n```"
    assert collect(text, [work]) == (text, [], [])


@pytest.mark.parametrize(
    "name",
    [".env", ".ssh/id_rsa", "server.key", "credentials.json", "sessions.db", "config.yaml", ".env.local", "auth.json"],
)
def test_keepers_of_secrets_stay(work: Path, name: str):
    path = work / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("secret", encoding="utf-8")
    found = collect(f"MEDIA:{path}", [work])
    assert not found.media
    assert found.refused == [path.name]
    assert str(work) not in found.text, "paths of this machine are not said"


def test_what_lies_elsewhere_stays_also_through_a_link(work: Path, tmp_path: Path):
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    (work / "link.png").symlink_to(outside)
    for path in (outside, work / "link.png", work / ".." / "outside.png", work / "missing.png", work):
        assert not collect(f"MEDIA:{path}", [work]).media


def test_of_the_hosts_own_home_only_cache_and_workspace_leave(tmp_path: Path):
    for name in ("webhook_subscriptions.json", "logs/gateway.log", "cache/chart.png", "workspace/report.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    sent = [
        name
        for name in ("webhook_subscriptions.json", "logs/gateway.log", "cache/chart.png", "workspace/report.md")
        if collect(f"MEDIA:{tmp_path / name}", [tmp_path], tmp_path).media
    ]
    assert sent == ["cache/chart.png", "workspace/report.md"]
