"""What must not happen: a name taken for another, a plugin taken over, an older version, bytes that changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from packaging.version import InvalidVersion, Version

from hermes_host.errors import Denied, HermesError
from hermes_installer.consent import can_ask
from hermes_installer.environment import site_packages
from hermes_installer.wanted import looks_like
from hermes_installer.wheels import same_name

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from hermes_installer.candidates import Candidate
    from hermes_installer.lockfile import LockedPlugin
    from hermes_installer.wanted import Wanted
    from hermes_installer.workshop import Workshop

__all__ = ["check_name", "check_place", "check_succession", "is_editable"]


def check_name(shop: Workshop, distribution: str, *, exact: bool) -> None:
    """Raises `Denied` for a name that could be a slip, or a trap, for a known one, unless the user means it."""
    known = {name for plugin in shop.catalogue.plugins for name in (plugin.name, plugin.distribution)}
    near = looks_like(distribution, known | set(shop.plugin_versions()))
    if not near or exact:
        return
    text = f"{distribution!r} is not known, and could be mistaken for {near!r}, which is."
    if not can_ask():
        raise Denied(text, remedy="If you mean it, say --exact.")
    shop.say(text)
    if click.prompt("To go on, type its name again", default="", show_default=False, err=True) != distribution:
        raise Denied("Nothing was changed.")


def check_place(shop: Workshop, candidate: Candidate, *, isolated: bool) -> None:
    """Raises `HermesError` when the plugin's name or its files belong to somebody else."""
    facts = candidate.facts
    reason = shop.catalogue.revoked(facts.distribution, facts.version)
    if reason:
        raise Denied(f"{facts.distribution} {facts.version} was revoked: {reason}")
    if facts.plugin == "host":
        raise Denied("No plugin may be called 'host'.")
    owner = shop.owner_of(facts.plugin)
    if owner and not same_name(owner, facts.distribution):
        raise Denied(
            f"There is a plugin {facts.plugin!r} already, of {owner}.",
            remedy=f"Remove that first: `pip uninstall {owner}`.",
        )
    present = shop.installed(facts.distribution)
    if isolated:
        if present is not None:
            raise HermesError(
                f"{facts.distribution} is in the host's own environment.",
                remedy="Remove it there first; it cannot be both.",
            )
        return
    if present is not None and is_editable(present):
        raise HermesError(
            f"{facts.distribution} is installed from its source folder (editable).", remedy="It is left as it is."
        )
    taken = {str(path).partition("/")[0] for path in (present.files or ())} if present is not None else set()
    for top in sorted({relative.partition("/")[0] for relative in facts.files}):
        name = top.removesuffix(".py")
        if name in sys.stdlib_module_names or (top not in taken and (site_packages() / top).exists()):
            raise Denied(f"{facts.distribution} would put its {top!r} in the place of another's.")


def check_succession(entry: LockedPlugin, candidate: Candidate, *, isolated: bool) -> None:
    """Raises `Denied` when `candidate` may not follow what is installed."""
    facts, wanted = candidate.facts, candidate.wanted
    name = facts.plugin
    again = f"If that is right: `hermes plugins remove {name}`, then install it anew."
    if not same_name(entry.distribution, facts.distribution):
        raise Denied(f"{name!r} belongs to {entry.distribution}, not to {facts.distribution}.", remedy=again)
    if entry.isolated != isolated:
        where = "isolated" if entry.isolated else "in the host's own environment"
        raise Denied(f"{name!r} is installed {where}.", remedy=again)
    if entry.source != wanted.source:
        raise Denied(f"{name!r} was installed from {_place(entry)}, this is from {_origin(wanted)}.", remedy=again)
    if entry.index.rstrip("/") != wanted.origin.text.rstrip("/") and wanted.source in ("index", "catalogue"):
        raise Denied(f"{name!r} was installed from {_place(entry)}, this is from {_origin(wanted)}.", remedy=again)
    if wanted.source == "url" and urlsplit(entry.requirement).netloc != urlsplit(wanted.location).netloc:
        raise Denied(f"{name!r} was installed from {_place(entry)}, this is from {_origin(wanted)}.", remedy=again)
    if entry.publisher != wanted.publisher:
        raise Denied(
            f"{name!r} was published by {entry.publisher or 'nobody known'}, this is by "
            f"{wanted.publisher or 'nobody known'}.",
            remedy=again,
        )
    if _older(facts.version, entry.version):
        raise Denied(
            f"{facts.distribution} {facts.version} is older than the {entry.version} that is installed.", remedy=again
        )
    same = facts.version == entry.version
    if same and wanted.source in ("index", "catalogue", "url") and not _same_bytes(entry, candidate):
        raise Denied(
            f"{facts.distribution} {facts.version} has other bytes now than when it was installed.",
            remedy="A release does not change: ask its author what happened.",
        )


def is_editable(distribution: Distribution) -> bool:
    """Whether it is its author's source folder, seen through a link."""
    return '"editable"' in (distribution.read_text("direct_url.json") or "")


def _same_bytes(entry: LockedPlugin, candidate: Candidate) -> bool:
    payload = candidate.facts.payload
    return all(entry.files.get(name, digest) == digest for name, digest in payload.items())


def _place(entry: LockedPlugin) -> str:
    if entry.source in ("wheel", "folder", "url"):
        return f"the {'address' if entry.source == 'url' else entry.source} {entry.requirement}"
    return f"the {entry.source}{f' at {entry.index}' if entry.index else ''}"


def _origin(wanted: Wanted) -> str:
    if wanted.source in ("wheel", "folder", "url"):
        return f"the {'address' if wanted.source == 'url' else wanted.source} {wanted.location}"
    return f"the {wanted.source}{f' at {wanted.origin.text}' if wanted.origin.text else ''}"


def _older(one: str, other: str) -> bool:
    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return one != other
