"""Secrets: where they come from, how they are written, and that they stay out of text and logs."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import pickle
import stat
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.config import Secret, Secrets
from hermes_host.config.logging_filter import RedactingFilter
from hermes_host.config.redaction import Redaction, Redactor
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "sk-canary/0123+456=789"


def test_the_env_file_wins_over_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A_TOKEN=from-file\nB_TOKEN=\n", encoding="utf-8")
    secrets = Secrets(tmp_path, {"A_TOKEN": "from-env", "B_TOKEN": "from-env", "PLAIN": "x"})
    assert (secrets.get("A_TOKEN"), secrets.origin("A_TOKEN")) == ("from-file", ".env")
    assert (secrets.get("B_TOKEN"), secrets.origin("B_TOKEN")) == ("from-env", "environment")
    assert (secrets.get("C_TOKEN"), secrets.origin("C_TOKEN")) == ("", "")
    assert list(secrets.names()) == ["A_TOKEN", "B_TOKEN"]
    secrets.declare("PLAIN")
    assert list(secrets.names()) == ["A_TOKEN", "B_TOKEN", "PLAIN"]


def test_a_written_secret_is_private_from_the_first_byte(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    before = os.umask(0)
    try:
        Secrets(home, {}).set("A_TOKEN", CANARY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert Secrets(home, {}).get("A_TOKEN") == CANARY
    assert sorted(path.name for path in home.iterdir()) == [".env", ".env.lock"]


def test_an_env_file_others_may_read_is_reported_and_tightened_on_writing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A_TOKEN=x\n", encoding="utf-8")
    file.chmod(0o644)
    secrets = Secrets(tmp_path, {})
    assert [problem.level for problem in secrets.problems] == ["warning"]
    secrets.set("B_TOKEN", "y")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(secrets.problems) == []


@pytest.mark.parametrize(
    ("name", "value"), [("A B", "x"), ("", "x"), ("1A", "x"), ("A=B", "x"), ("A", "x\0y"), ("A", "\ud800")]
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        Secrets(tmp_path, {}).set(name, value)
    assert not (tmp_path / ".env").exists()


def test_unsetting_takes_out_every_entry_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# c\nA_TOKEN=1\nB_TOKEN=2\nA_TOKEN=3\n", encoding="utf-8")
    Secrets(tmp_path, {}).unset("A_TOKEN")
    assert (tmp_path / ".env").read_text(encoding="utf-8") == "# c\nB_TOKEN=2\n"


def test_a_projects_env_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("A_TOKEN=planted\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Secrets(tmp_path / "home", {}).get("A_TOKEN") == ""


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} {Secret()!r}"
    assert CANARY not in shown
    assert (bool(secret), bool(Secret())) == (True, False)
    assert (secret == Secret(CANARY), secret == CANARY, secret.reveal()) == (True, False, CANARY)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


# ----------------------------------------------------------------------------------------------------- redaction


@pytest.mark.parametrize(
    "hidden",
    [
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        quote_plus(CANARY).lower().replace("sk-canary", "sk-canary"),
        json.dumps(CANARY),
        *(base64.b64encode(b"u" * n + CANARY.encode() + b"tail" * m).decode() for n in range(4) for m in range(2)),
        *(base64.urlsafe_b64encode(b"u" * n + CANARY.encode()).decode() for n in range(4)),
    ],
)
def test_a_known_secret_is_taken_out_in_every_form(tmp_path: Path, hidden: str) -> None:
    secrets = Secrets(tmp_path, {"SOME_API_KEY": CANARY})
    redacted = secrets.redact(f"before {hidden} after")
    assert "[secret SOME_API_KEY]" in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert CANARY not in redacted
    assert hidden[4:-6] not in redacted


def test_innocent_text_is_left_alone(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {"A_TOKEN": "short", "PATH": "/usr/bin:/bin", "B_API_KEY": CANARY})
    text = "max_tokens=4096 token = get_token() sk-other-key short /usr/bin:/bin ghp_0123456789"
    assert secrets.redact(text) == text


def test_secrets_stay_known_after_they_change(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {})
    secrets.set("A_TOKEN", "old-value-1")
    secrets.set("A_TOKEN", "new-value-2")
    secrets.unset("A_TOKEN")
    assert secrets.redact("old-value-1 new-value-2") == "[secret A_TOKEN] [secret A_TOKEN]"


def test_a_secret_that_begins_with_another_is_taken_out_whole(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {"A_TOKEN": "12345678", "B_TOKEN": "12345678abcdef"})
    assert secrets.redact("12345678abcdef 12345678") == "[secret B_TOKEN] [secret A_TOKEN]"


def test_a_value_of_several_lines_is_taken_out_line_by_line(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END KEY-----\n"
    secrets = Secrets(tmp_path, {"SOME_SECRET": key})
    assert secrets.redact("2: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC") == "2: [secret SOME_SECRET]"
    assert secrets.redact(f"<{key}>") == "<[secret SOME_SECRET]>"


def test_a_stream_without_secrets_is_never_held_back(tmp_path: Path) -> None:
    redactor = Secrets(tmp_path, {}).redactor()
    assert [redactor.feed(text) for text in ("a", "bc")] == ["a", "bc"]
    assert redactor.flush() == ""


def test_a_secret_that_becomes_known_during_a_stream_is_caught(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {})
    redactor = secrets.redactor()
    assert redactor.feed("x ") == "x "
    secrets.watch(CANARY, "late")
    assert redactor.feed(CANARY[:5]) + redactor.feed(CANARY[5:]) + redactor.flush() == "[secret late]"


SECRETS = st.lists(st.text(st.sampled_from("abcAB1+/="), min_size=8, max_size=14), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None)
@given(SECRETS, st.data())
def test_chunks_do_not_matter(values: list[str], data: st.DataObject) -> None:
    redaction = Redaction(dict.fromkeys(values, "X"))
    pieces = st.one_of(st.sampled_from(values), st.text(st.sampled_from("abcAB1+/= "), max_size=9))
    text = "".join(data.draw(st.lists(pieces, max_size=6)))
    redactor = Redactor(lambda: redaction)
    shown = ""
    position = 0
    while position < len(text):
        size = data.draw(st.integers(1, 7))
        shown += redactor.feed(text[position : position + size])
        position += size
    shown += redactor.flush()
    assert not any(value in shown for value in values)
    assert shown.replace("[secret X]", "").strip("abcAB1+/= ") == ""
    if not any(value in text for value in values):
        assert shown == redaction.apply(text)


def test_logs_are_redacted_in_messages_and_tracebacks(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {"A_TOKEN": CANARY})
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(secrets))
    logger = logging.Logger("zz")
    logger.addHandler(handler)
    logger.warning("key %s", CANARY)
    try:
        raise ValueError(f"bad key {CANARY}")
    except ValueError:
        logger.exception("failed with %(key)s", {"key": CANARY}, stack_info=True)
    assert CANARY not in stream.getvalue()
    assert stream.getvalue().count("[secret A_TOKEN]") == 3
    assert "ValueError: bad key" in stream.getvalue()
