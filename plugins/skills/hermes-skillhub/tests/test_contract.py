"""The hubs this plugin brings pass the contract that every hub must pass, and the plugin itself passes its own."""

from __future__ import annotations

import pytest
from hermes_skillhub.testing import SkillHubContract

from hermes_host.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "skillhub"


async def hub_named(host, name):
    registry = host.registry("skill_hubs")
    return await host.part(registry.get(name))


class TestGitHub(SkillHubContract):
    reference = "anthropics/skills/skills/pdf"
    query = "pdf"
    missing = "anthropics/skills/skills/nothing"

    @pytest.fixture
    async def hub(self, host, anthropic):
        return await hub_named(host, "github")


class TestSkillsSh(SkillHubContract):
    reference = "anthropics/skills/pdf"
    query = "pdf"
    missing = "anthropics/nothing/pdf"

    @pytest.fixture
    async def hub(self, host, world, anthropic):
        world.directory = [{"id": "x", "skillId": "pdf", "name": "pdf", "installs": 1, "source": "anthropics/skills"}]
        return await hub_named(host, "skills-sh")


class TestClawHub(SkillHubContract):
    reference = "gifgrep"
    query = "gif"
    missing = "nothing"

    @pytest.fixture
    async def hub(self, host, world, text, make_zip):
        world.add_to_clawhub("gifgrep", make_zip([("SKILL.md", text("gifgrep"))]))
        return await hub_named(host, "clawhub")


class TestLobeHub(SkillHubContract):
    reference = "poet"
    query = "poet"
    missing = "nothing"

    @pytest.fixture
    async def hub(self, host, world):
        world.add_agent("poet", "You write verses.")
        return await hub_named(host, "lobehub")


class TestMarketplaces(SkillHubContract):
    reference = "acme/market/skills/pdf"
    query = "pdf"
    missing = "acme/market/skills/nothing"

    @pytest.fixture
    async def hub(self, make_host, world, text):
        manifest = b'{"name": "m", "plugins": [{"name": "docs", "source": "./"}]}'
        files = {".claude-plugin/marketplace.json": manifest, "skills/pdf/SKILL.md": text("pdf")}
        world.repository("acme/market", files)
        async with make_host(skillhub__marketplaces=["acme/market"]) as host:
            yield await hub_named(host, "claude-marketplace")


class TestWellKnown(SkillHubContract):
    @property
    def reference(self):
        return f"{self.address}/.well-known/agent-skills/plain"

    @property
    def missing(self):
        return f"{self.address}/.well-known/agent-skills/nothing"

    query = "plain"

    @pytest.fixture
    async def hub(self, make_host, world, text):
        world.add_to_site({"skills": [{"name": "plain", "files": ["SKILL.md"]}]}, {"plain/SKILL.md": text("plain")})
        type(self).address = world.address
        async with make_host(skillhub__sites=[world.address]) as host:
            yield await hub_named(host, "well-known")


class TestHubOfAnotherPlugin(SkillHubContract):
    reference = "thing"
    query = "thing"
    missing = "gone"

    @pytest.fixture
    def hub(self, stub_hub, bundle):
        from hermes_host.errors import NotFound

        class Whole(type(stub_hub())):
            def claims(self, reference):
                return reference if reference in ("thing", "gone") else ""

            async def inspect(self, identifier):
                if identifier not in self.skills:
                    raise NotFound("There is no such skill.")
                return await super().inspect(identifier)

            async def fetch(self, identifier):
                if identifier not in self.skills:
                    raise NotFound("There is no such skill.")
                return await super().fetch(identifier)

        return Whole(bundle())


def test_a_plugin_of_somebody_else_adds_a_hub_by_hermes_skill_hubs(host):
    from hermes_skillhub.specs import SkillHubSpec

    from hermes_host import hookimpl

    class Acme:
        @hookimpl(optionalhook=True)
        def hermes_skill_hubs(self):
            yield SkillHubSpec(name="acme", summary="Skills of ACME", target="hermes_skillhub.hubs.lobehub:connect")

    host.add_plugin("acme", Acme())
    assert "acme" in host.registry("skill_hubs").names()


def test_the_commands_are_imported_without_the_http_library():
    import subprocess
    import sys

    code = "import sys, hermes_skillhub.commands; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_this_plugin_brings_its_hook_by_hermes_addhooks(host):
    assert [name for name in host.registry("skill_hubs").names()] == [
        "github",
        "skills-sh",
        "claude-marketplace",
        "clawhub",
        "lobehub",
        "well-known",
    ]
