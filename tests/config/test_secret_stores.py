"""Secrets that are kept neither in `.env` nor in the environment."""

from __future__ import annotations

from pathlib import Path

from hermes_host.errors import HermesError
from hermes_host.specs import SecretStoreSpec
from hermes_host.testing import StandInHost


class Vault:
    def __init__(self, **values: str) -> None:
        self.values = values
        self.asked: list[str] = []

    def get(self, name: str) -> str:
        self.asked.append(name)
        return self.values.get(name, "")

    def set(self, name: str, value: str) -> None:
        raise HermesError("read only")

    def unset(self, name: str) -> None:
        raise HermesError("read only")


def with_vaults(home: Path, settings: str, **vaults: Vault) -> StandInHost:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.yaml").write_text(settings, encoding="utf-8")
    host = StandInHost(home, environ={"SPARE_TOKEN": "from-the-environment"})
    for name, vault in vaults.items():
        host.use_part("secret_stores", SecretStoreSpec(name=name, summary="s", target="a:b"), vault)
    return host


def test_hermes_secret_stores_are_asked_in_the_order_of_the_settings(tmp_path: Path) -> None:
    first, second, unnamed = Vault(A_TOKEN="first-value"), Vault(A_TOKEN="x" * 9, B_TOKEN="second-value"), Vault()
    host = with_vaults(tmp_path, "secrets: {stores: [first, second]}\n", first=first, second=second, unnamed=unnamed)
    assert [host.secrets.get(name) for name in ("A_TOKEN", "B_TOKEN", "C_TOKEN")] == [
        "first-value",
        "second-value",
        "",
    ]
    assert [host.secrets.origin(name) for name in ("A_TOKEN", "B_TOKEN", "C_TOKEN")] == ["first", "second", ""]
    assert unnamed.asked == []
    assert first.asked == ["A_TOKEN", "B_TOKEN", "C_TOKEN"], "each name is asked for once"


def test_what_a_store_gives_is_redacted(tmp_path: Path) -> None:
    host = with_vaults(tmp_path, "secrets: {stores: [vault]}\n", vault=Vault(A_TOKEN="canary-from-the-vault"))
    host.secrets.get("A_TOKEN")
    assert "canary" not in host.secrets.redact("it is canary-from-the-vault")


def test_a_placeholder_in_the_settings_is_filled_from_a_store(tmp_path: Path) -> None:
    settings = "secrets: {stores: [vault]}\nmodel: {default: m, api_key: '${A_TOKEN}'}\n"
    host = with_vaults(tmp_path, settings, vault=Vault(A_TOKEN="from-the-vault"))
    assert host.secrets.get("A_TOKEN") == "from-the-vault"


def test_what_is_no_secret_and_what_is_set_is_not_asked_for(tmp_path: Path) -> None:
    vault = Vault(SPARE_TOKEN="other", EDITOR="emacs")
    host = with_vaults(tmp_path, "secrets: {stores: [vault]}\n", vault=vault)
    assert host.secrets.get("SPARE_TOKEN") == "from-the-environment"
    assert host.secrets.get("EDITOR") == ""
    assert vault.asked == []


def test_a_store_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    host = with_vaults(tmp_path, "secrets: {stores: [gone, vault]}\n", vault=Vault(A_TOKEN="still-found"))
    assert host.secrets.get("A_TOKEN") == "still-found"
