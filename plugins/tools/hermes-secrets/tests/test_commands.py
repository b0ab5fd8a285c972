"""`hermes secrets`, as processes, with a keyring that is a file and a password manager that is a script."""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time
from pathlib import Path
from typing import Any

VALUE = "canary-c4f8-value"
KEYRING = "secrets: {stores: [keyring]}\n"


def command(vault: Path, **more: Any) -> str:
    program = str(vault / "manager")
    settings = {what: [program, what, "{name}"] for what in ("get", "set", "unset")}
    return json.dumps(
        {"secrets": {"stores": ["command"]}, "secret_command": {**settings, "missing": ["no such entry"], **more}}
    )


def test_a_secret_is_kept_in_the_keyring_found_and_forgotten(hermes: Any) -> None:
    hermes.settings(KEYRING)
    said = hermes.run("secrets", "set", "OPENAI_API_KEY", stdin=VALUE + "\n")
    assert said == "Stored OPENAI_API_KEY in keyring.\n"
    assert hermes.in_keyring() == {"OPENAI_API_KEY": VALUE}
    assert not (hermes.home / ".env").exists()
    assert hermes.run("secrets", "where", "OPENAI_API_KEY") == "keyring\n"
    assert hermes.run("secrets", "unset", "OPENAI_API_KEY") == "Removed OPENAI_API_KEY from keyring.\n"
    assert hermes.in_keyring() == {}
    assert "is not set" in hermes.run("secrets", "where", "OPENAI_API_KEY", code=1)


def test_listings_say_where_and_never_what(hermes: Any) -> None:
    hermes.settings(KEYRING)
    hermes.env_file(f"ALPHA_TOKEN={VALUE}-1\n")
    hermes.environ["BETA_API_KEY"] = f"{VALUE}-2"
    hermes.run("secrets", "set", "OPENAI_API_KEY", stdin=f"{VALUE}-3")
    listed = json.loads(hermes.run("secrets", "list", "--json"))
    assert {row["name"]: row["where"] for row in listed} == {
        "ALPHA_TOKEN": ".env",
        "BETA_API_KEY": "environment",
        "OPENAI_API_KEY": "keyring",
    }
    table = hermes.run("secrets", "list")
    assert "ALPHA_TOKEN" in table
    everything = hermes.run("secrets", "list", "--all") + hermes.run("config", "show") + table + str(listed)
    assert "canary" not in everything


def test_a_value_that_is_hidden_by_another_place_is_told(hermes: Any) -> None:
    hermes.settings(KEYRING)
    hermes.environ["ALPHA_TOKEN"] = "another"
    said = hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=VALUE)
    assert "environment has a value for ALPHA_TOKEN too, and that one counts" in said
    assert json.loads(hermes.run("secrets", "where", "ALPHA_TOKEN", "--json"))["where"] == ["environment", "keyring"]


def test_a_person_is_asked_without_an_echo(hermes: Any) -> None:
    hermes.settings(KEYRING)
    program = Path(sys.executable).with_name("hermes")
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(program, [str(program), "secrets", "set", "ALPHA_TOKEN"], hermes.environ)
    shown, ends, typed = b"", time.monotonic() + 20, False
    while time.monotonic() < ends and select.select([descriptor], [], [], 20)[0]:
        try:
            data = os.read(descriptor, 4096)
        except OSError:
            break
        shown += data
        if b"Value for ALPHA_TOKEN" in shown and not typed:
            typed = True
            os.write(descriptor, VALUE.encode() + b"\r")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    os.close(descriptor)
    assert VALUE.encode() not in shown
    assert hermes.in_keyring() == {"ALPHA_TOKEN": VALUE}


def test_secrets_move_from_the_env_file_to_the_keyring(hermes: Any) -> None:
    hermes.settings(KEYRING)
    file = hermes.env_file(f"# mine\nALPHA_TOKEN={VALUE}\nEDITOR=vi\nBETA_API_KEY={VALUE}-2\n")
    before = file.read_bytes()
    assert "Would move ALPHA_TOKEN." in hermes.run("secrets", "migrate", "--dry-run")
    assert "--yes" in hermes.run("secrets", "migrate", code=2)
    assert (file.read_bytes(), hermes.in_keyring()) == (before, {})
    said = hermes.run("secrets", "migrate", "--yes", "--json")
    assert json.loads(said) == {"moved": ["ALPHA_TOKEN", "BETA_API_KEY"], "would_move": [], "failed": {}}
    assert hermes.in_keyring() == {"ALPHA_TOKEN": VALUE, "BETA_API_KEY": f"{VALUE}-2"}
    assert file.read_text(encoding="utf-8") == "# mine\nEDITOR=vi\n"
    assert hermes.run("secrets", "migrate", "--yes") == ".env has no secrets.\n"


def test_what_does_not_come_back_as_it_was_stays(hermes: Any) -> None:
    hermes.settings(KEYRING)
    hermes.run("secrets", "set", "OTHER_TOKEN", stdin="the one that is there")
    file = hermes.env_file(f"SPOILT_TOKEN={VALUE}\nOTHER_TOKEN={VALUE}\nGOOD_TOKEN={VALUE}\n")
    said = hermes.run("secrets", "migrate", "--yes", code=1)
    assert "Not moved: SPOILT_TOKEN" in said
    assert "Not moved: OTHER_TOKEN" in said
    assert "Moved GOOD_TOKEN." in said
    assert "canary" not in said
    assert file.read_text(encoding="utf-8") == f"SPOILT_TOKEN={VALUE}\nOTHER_TOKEN={VALUE}\n"
    assert hermes.in_keyring()["OTHER_TOKEN"] == "the one that is there"


def test_a_locked_keyring_is_a_clear_error_without_a_value(hermes: Any) -> None:
    hermes.settings(KEYRING)
    hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=VALUE)
    hermes.keyring.with_suffix(".locked").touch()
    said = hermes.run("secrets", "where", "ALPHA_TOKEN", code=1)
    assert "ALPHA_TOKEN could not be read from the keyring (KeyringLocked)." in said
    assert "canary" not in said


def test_without_a_keyring_nothing_is_kept_and_nothing_is_shown(hermes: Any) -> None:
    hermes.settings(KEYRING)
    hermes.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    said = hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=VALUE, code=1)
    assert "(NoKeyringError)" in said
    assert "canary" not in said


def test_without_a_store_the_env_file_is_used(hermes: Any) -> None:
    assert hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=VALUE) == "Stored ALPHA_TOKEN in .env.\n"
    file = hermes.home / ".env"
    assert file.read_text(encoding="utf-8") == f"ALPHA_TOKEN={VALUE}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "There is no store" in hermes.run("secrets", "migrate", "--yes", code=1)
    said = hermes.run("secrets", "set", "ALPHA_TOKEN", "--store", "keyring", stdin=VALUE, code=1)
    assert "hermes config set secrets.stores '[keyring]'" in said
    assert hermes.run("secrets", "unset", "ALPHA_TOKEN") == "Removed ALPHA_TOKEN from .env.\n"


def test_names_that_nothing_asks_for_and_empty_values_are_refused(hermes: Any) -> None:
    hermes.settings(KEYRING)
    for name in ("EDITOR", "--help-me", "../../etc", "A TOKEN"):
        assert hermes.run("secrets", "set", "--", name, stdin=VALUE, code=1)
    assert "No value" in hermes.run("secrets", "set", "ALPHA_TOKEN", stdin="\n", code=2)
    assert hermes.in_keyring() == {}


def test_a_password_manager_reads_values_from_standard_input_only(hermes: Any, vault: Path) -> None:
    hermes.settings(command(vault, environment=["VAULT_*"]))
    hermes.environ |= {"ACME_API_KEY": f"{VALUE}-other", "VAULT_TOKEN": "its own", "EDITOR": "vi"}
    assert hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=VALUE) == "Stored ALPHA_TOKEN in command.\n"
    assert (vault / "ALPHA_TOKEN").read_text(encoding="utf-8") == VALUE
    assert hermes.run("secrets", "where", "ALPHA_TOKEN") == "command\n"
    assert "canary" not in (vault / "seen").read_text(encoding="utf-8")
    seen = (vault / "environment").read_text(encoding="utf-8").split("\n")
    assert "ACME_API_KEY" not in seen
    assert {"VAULT_TOKEN", "EDITOR", "PATH"} <= set(seen)
    assert hermes.run("secrets", "unset", "ALPHA_TOKEN") == "Removed ALPHA_TOKEN from command.\n"
    assert not (vault / "ALPHA_TOKEN").exists()
    assert "is not set" in hermes.run("secrets", "where", "ALPHA_TOKEN", code=1)


def test_what_a_password_manager_says_about_a_value_is_not_repeated(hermes: Any, vault: Path) -> None:
    hermes.settings(command(vault))
    said = hermes.run("secrets", "set", "ALPHA_TOKEN", stdin=f"{VALUE} refuse", code=1)
    assert "I refuse [secret]" in said
    assert "canary" not in said
