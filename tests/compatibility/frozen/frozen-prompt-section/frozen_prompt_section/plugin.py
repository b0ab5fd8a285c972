"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PromptSectionSpec


@hookimpl
def hermes_prompt_sections():
    yield PromptSectionSpec(
        name="frozen-section", summary="A section", target="frozen_prompt_section.work:section", order=510
    )
