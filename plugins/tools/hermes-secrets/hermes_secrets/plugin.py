"""What hermes-secrets contributes: two secret stores, `hermes secrets`, and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SecretStoreSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Secrets in the system's keyring or a password manager",
        sections=(
            SectionSpec(name="secrets", target="hermes_host.config.sections:SecretsSection"),
            SectionSpec(name="secret_command", target="hermes_secrets.settings:Settings"),
        ),
    )


@hookimpl
def hermes_secret_stores() -> Iterable[SecretStoreSpec]:
    """Offer the stores; `secrets.stores` says which are asked."""
    yield SecretStoreSpec(
        name="keyring",
        summary="The keyring of the system: Secret Service, KWallet, macOS Keychain",
        target="hermes_secrets.keyring:connect",
    )
    yield SecretStoreSpec(
        name="command",
        summary="The command line of a password manager: pass, 1Password, Bitwarden, or any other",
        target="hermes_secrets.command:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """Offer `hermes secrets`."""
    yield CommandSpec(
        name="secrets", summary="Keep secrets, and see where each one comes from.", target="hermes_secrets.cli:secrets"
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Check the stores that are used."""
    yield CheckSpec(
        name="secret-stores", summary="Can the secret stores be used?", target="hermes_secrets.checks:stores_work"
    )
