"""What hermes-skillhub contributes: a hook for hubs, the hubs it brings, and more of `hermes skills` and `/skills`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    HookSpec,
    PluginInfo,
    SecretSpec,
    SectionSpec,
    ServiceSpec,
    SlashCommandSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Find, install, check and publish skills",
        sections=(SectionSpec(name="skillhub", target="hermes_skillhub.settings:Settings"),),
        secrets=(
            SecretSpec(
                name="GITHUB_TOKEN",
                summary="Reads skills from GitHub, 5,000 requests an hour in place of 60, and publishes them",
                url="https://github.com/settings/tokens",
            ),
            SecretSpec(name="GH_TOKEN", summary="The same by the name that the gh program uses"),
        ),
    )


@hookimpl
def hermes_addhooks() -> Iterable[HookSpec]:
    yield HookSpec(
        name="skill_hubs",
        summary="Places where skills can be found",
        spec="hermes_skillhub.specs:SkillHubSpec",
        word="skill hub",
    )


@hookimpl(optionalhook=True)
def hermes_skill_hubs() -> Iterable[Any]:
    from hermes_skillhub.specs import SkillHubSpec

    yield SkillHubSpec(
        name="github",
        summary="Repositories on GitHub",
        target="hermes_skillhub.hubs.taps:connect",
        priority=60,
    )
    yield SkillHubSpec(
        name="skills-sh",
        summary="skills.sh, a directory of skills on GitHub",
        target="hermes_skillhub.hubs.skills_sh:connect",
        aliases=("skills-sh/", "skills.sh/", "skils-sh/", "skils.sh/"),
        priority=50,
    )
    yield SkillHubSpec(
        name="claude-marketplace",
        summary="Skills of Claude plugins",
        target="hermes_skillhub.hubs.marketplaces:connect",
        priority=40,
    )
    yield SkillHubSpec(
        name="clawhub",
        summary="ClawHub, the registry of OpenClaw",
        target="hermes_skillhub.hubs.clawhub:connect",
        priority=30,
    )
    yield SkillHubSpec(
        name="lobehub",
        summary="LobeHub's agents, made into skills",
        target="hermes_skillhub.hubs.lobehub:connect",
        aliases=("lobehub/",),
        priority=20,
    )
    yield SkillHubSpec(
        name="well-known",
        summary="Web sites that publish skills below /.well-known/",
        target="hermes_skillhub.hubs.well_known:connect",
        priority=10,
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="skillhub.connections",
        summary="Guarded HTTP for skill hubs",
        provides="hermes_skillhub.connections:Connections",
        target="hermes_skillhub.connections:connect",
    )
    yield ServiceSpec(
        name="skillhub.hub",
        summary="Finds, installs and checks skills",
        provides="hermes_skillhub.hub:Hub",
        target="hermes_skillhub.hub:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    # Above hermes-skills, whose commands it keeps and adds to.
    yield CommandSpec(
        name="skills",
        summary="Find, install, list, check and publish skills.",
        target="hermes_skillhub.commands:skills",
        priority=10,
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="skills",
        summary="Find, install and check skills.",
        target="hermes_skillhub.slash:skills",
        usage="[search|browse|inspect|install|list|check|update|audit|uninstall|tap|snapshot|publish …]",
        priority=10,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="skillhub.installed",
        summary="Whether installed skills are what was installed",
        target="hermes_skillhub.checks:installed",
    )
