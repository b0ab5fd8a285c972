"""What hermes-modal contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, SecretSpec, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    tokens = "https://modal.com/settings/tokens"
    return PluginInfo(
        summary="Run commands and keep files in Modal sandboxes",
        sections=(
            SectionSpec(name="modal", target="hermes_modal.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_modal.settings:TerminalSettings"),
        ),
        secrets=(
            SecretSpec(name="MODAL_TOKEN_ID", summary="The name of a Modal token (ak-…)", url=tokens, sensitive=False),
            SecretSpec(name="MODAL_TOKEN_SECRET", summary="The secret of that token (as-…)", url=tokens),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="modal",
        summary="Commands and files in a Modal sandbox for each conversation, asleep while idle",
        target="hermes_modal.backend:connect",
        features=frozenset({"files", "pty", "background", "detached", "hibernate", "network", "reap"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="modal",
        summary="Is the Modal token set, and does Modal take it?",
        target="hermes_modal.checks:check",
    )
