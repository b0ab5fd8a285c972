"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import SkillSourceSpec


@hookimpl
def hermes_skill_sources():
    yield SkillSourceSpec(name="frozen-skills", summary="Skills", target="frozen_skill_source.work:connect")
