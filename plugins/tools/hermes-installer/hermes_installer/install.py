"""Installing one plugin: fetch, look, ask, install, look again, write down. Nothing changes until a person agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host import __version__
from hermes_host.errors import Denied, HermesError
from hermes_host.visible import exact
from hermes_installer import isolation
from hermes_installer.candidates import Candidate, get_candidate
from hermes_installer.consent import ask, describe_wishes, growth
from hermes_installer.describing import Report, describe_plugin
from hermes_installer.environment import durable_hint, environment_fault, site_packages
from hermes_installer.guards import check_name, check_place, check_succession
from hermes_installer.lockfile import Agreed, LockedPlugin, changing, now, read_lock
from hermes_installer.wanted import understand
from hermes_installer.wheels import Facts, distribution_in, facts_of, missing_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_installer.wanted import Wanted
    from hermes_installer.workshop import Workshop

__all__ = ["Choices", "Outcome", "install", "install_wanted"]


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said."""

    isolated: bool = False
    yes: bool = False
    exact: bool = False
    """The name is meant, however much it looks like another."""
    allow_build: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    plugin: str
    distribution: str
    version: str
    before: str = ""
    """The version that was there."""
    changed: bool = True
    isolated: bool = False
    capabilities: Agreed = Agreed()

    def line(self) -> str:
        """In one line."""
        name = f"{self.distribution} {self.version} (plugin {self.plugin})"
        if not self.changed:
            return f"{name} is up to date."
        return f"Updated {name}, was {self.before}." if self.before else f"Installed {name}."


def install(shop: Workshop, asked: str, choices: Choices) -> Outcome:
    """Install what was asked for, or bring it up to date. Raises `HermesError`; nothing is then changed."""
    wanted = understand(asked, shop.catalogue, origin=shop.origin)
    if wanted.distribution:
        check_name(shop, wanted.distribution, exact=choices.exact)
    return install_wanted(shop, wanted, choices)


def install_wanted(shop: Workshop, wanted: Wanted, choices: Choices) -> Outcome:
    """The same for something already understood."""
    if not choices.isolated:
        fault = environment_fault()
        if fault:
            raise HermesError(
                f"Nothing can be installed here: {fault}.",
                remedy="Run hermes from a virtual environment, or install the plugin with --isolated.",
            )
    with shop.scratch() as scratch:
        candidate = get_candidate(wanted, shop.tool, scratch, allow_build=choices.allow_build, say=shop.say)
        facts = candidate.facts
        if not wanted.distribution:
            check_name(shop, facts.distribution, exact=choices.exact)
        entry = read_lock(shop.home).plugins.get(facts.plugin)
        if entry is not None:
            check_succession(entry, candidate, isolated=choices.isolated)
            if _is_current(entry, facts):
                return _outcome(facts, entry.capabilities, choices, before=entry.version, changed=False)
        check_place(shop, candidate, isolated=choices.isolated)
        return _install_candidate(shop, candidate, entry, choices, scratch)


def _install_candidate(
    shop: Workshop, candidate: Candidate, entry: LockedPlugin | None, choices: Choices, scratch: Path
) -> Outcome:
    facts = candidate.facts
    built = isolation.build_environment(shop, candidate, scratch) if choices.isolated else None
    try:
        if built is not None:
            report = describe_plugin(facts.plugin, facts.module, python=isolation.interpreter(built))
        else:
            report = describe_plugin(facts.plugin, facts.module, site=candidate.site)
        _agree(shop, candidate, report, entry, choices)
        _unchanged(shop, facts.plugin, entry)
        if built is not None:
            environment = isolation.put_in_place(shop, built, facts.plugin)
            final = isolation.facts_in(environment, facts.distribution)
            brought: tuple[str, ...] = ()
        else:
            environment = None
            final, added = _into_own_environment(shop, candidate, scratch)
            brought = tuple(sorted({*added, *(entry.brought if entry is not None else ())}))
    finally:
        if built is not None:
            isolation.discard(built)
    locked = _locked(candidate, final, report, environment, brought)
    with changing(shop.home) as lock:
        lock.plugins[facts.plugin] = locked
    hint = "" if environment is not None else durable_hint(facts.distribution)
    if hint:
        shop.say(hint)
    return _outcome(facts, report.capabilities, choices, before=entry.version if entry is not None else "")


def _agree(shop: Workshop, candidate: Candidate, report: Report, entry: LockedPlugin | None, choices: Choices) -> None:
    facts, wanted = candidate.facts, candidate.wanted
    place = wanted.location or wanted.origin.text or "the index that is set up"
    title = f"{facts.distribution} {facts.version} (plugin {facts.plugin!r}), from {exact(place)}"
    if entry is None:
        shop.say(title)
        for line in describe_wishes(report, isolated=choices.isolated):
            shop.say(line)
        known = shop.catalogue.find(facts.distribution)
        if known is not None and known.capabilities != Agreed():
            for line in growth(known.capabilities, report.capabilities, "beyond what the catalogue says, it"):
                shop.say(line)
        ask("Install it?", yes=choices.yes)
        return
    more = growth(entry.capabilities, report.capabilities)
    shop.say(f"{title}, after {entry.version}")
    for line in more or ["  wants nothing new"]:
        shop.say(line)
    if more:
        ask("Agree, and update it?", yes=choices.yes)


def _into_own_environment(shop: Workshop, candidate: Candidate, scratch: Path) -> tuple[Facts, list[str]]:
    """Install into the environment the host runs in; what is there now, and which distributions came with it.

    The host and the other plugins keep their versions: a plugin that cannot live with them is for `--isolated`.
    """
    facts = candidate.facts
    before = shop.versions()
    present = shop.installed(facts.distribution)
    constraints = scratch / "constraints.txt"
    kept = {name: version for name, version in shop.plugin_versions().items() if name != facts.distribution}
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in kept.items()), encoding="utf-8")
    extras = candidate.requirement.partition("[")[2].partition("]")[0].split(",")
    command = shop.tool.install(
        [candidate.requirement],
        origin=candidate.wanted.origin,
        constraints=constraints,
        # What is all there already need not be asked for: uv would ask the index about it nevertheless.
        dependencies=bool(missing_requirements(distribution_in(candidate.site), extras, before)),
    )
    if present is not None and present.version == facts.version:
        again = ["--reinstall-package", facts.distribution]
        command += again if shop.tool.kind == "uv" else ["--force-reinstall"]
    pinned = bool(candidate.wanted.origin.text)
    try:
        shop.tool.run(command, say=shop.say, folder=scratch, pinned=pinned)
    except HermesError as error:
        raise HermesError(
            f"{facts.distribution} was not installed. {error.message}",
            remedy="If it cannot live with what is installed, --isolated gives it an environment of its own.",
        ) from error
    added = sorted(shop.versions().keys() - before.keys() - {facts.distribution})
    try:
        final = _look_again(shop, facts)
    except HermesError:
        if present is None:
            shop.tool.run(shop.tool.uninstall([facts.distribution, *added]), say=shop.say, folder=scratch)
        raise
    return final, added


def _look_again(shop: Workshop, facts: Facts) -> Facts:
    found = shop.installed(facts.distribution)
    if found is None:
        raise HermesError(f"{facts.distribution} is not there, though {shop.tool.kind} said so.")
    final = facts_of(found, site_packages())
    if any(facts.payload.get(name) != digest for name, digest in final.payload.items()):
        raise Denied(f"{facts.distribution} is not what was looked at a moment ago.", remedy="Try again.")
    return final


def _locked(
    candidate: Candidate, final: Facts, report: Report, environment: Path | None, brought: tuple[str, ...]
) -> LockedPlugin:
    wanted = candidate.wanted
    return LockedPlugin(
        distribution=final.distribution,
        version=final.version,
        isolated=environment is not None,
        root=str(site_packages(environment)),
        files=final.files,
        capabilities=report.capabilities,
        requirement=wanted.location if wanted.source in ("wheel", "folder", "url") else wanted.asked,
        source=wanted.source,
        module=final.module,
        index=wanted.origin.text,
        publisher=wanted.publisher,
        environment=str(environment) if environment is not None else "",
        host=__version__ if environment is not None else "",
        brought=brought,
        installed_at=now(),
        description=report.description,
    )


def _is_current(entry: LockedPlugin, facts: Facts) -> bool:
    """Whether exactly this is installed and intact, with the host of today where it has one of its own."""
    if entry.version != facts.version or entry.changes or (entry.isolated and entry.host != __version__):
        return False
    return all(entry.files.get(name) == digest for name, digest in facts.payload.items() if name in entry.files)


def _unchanged(shop: Workshop, plugin: str, entry: LockedPlugin | None) -> None:
    if read_lock(shop.home).plugins.get(plugin) != entry:
        raise HermesError(f"Plugin {plugin!r} was changed by another command meanwhile.", remedy="Try again.")


def _outcome(facts: Facts, agreed: Agreed, choices: Choices, *, before: str, changed: bool = True) -> Outcome:
    return Outcome(
        plugin=facts.plugin,
        distribution=facts.distribution,
        version=facts.version,
        before=before,
        changed=changed,
        isolated=choices.isolated,
        capabilities=agreed,
    )
