"""All hubs at once: what they have, and which of them could not be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import HermesError, NotFound
from hermes_host.visible import one_line
from hermes_skillhub.errors import HubUnavailable
from hermes_skillhub.protocol import Origin, SkillHub, SkillListing
from hermes_skillhub.ranking import fit
from hermes_skillhub.trust import trust_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_skillhub.settings import Settings
    from hermes_skillhub.specs import SkillHubSpec

__all__ = ["Found", "Hubs", "NamedHub", "Resolved"]

log = logging.getLogger(__name__)
_DETAILS_SECONDS = 60.0


class NamedHub(msgspec.Struct, frozen=True):
    """A live hub, and what is known of it."""

    name: str
    part: SkillHub
    own: bool
    """Whether this plugin brought it: what others say about where bytes came from gives no trust."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search gave."""

    listings: tuple[SkillListing, ...] = ()
    failures: Mapping[str, str] = {}
    """Why a hub, by name, gave nothing, or not all it has."""


class Resolved(msgspec.Struct, frozen=True):
    """A reference that is one skill of one hub."""

    hub: NamedHub
    identifier: str
    notes: tuple[str, ...] = ()


class Hubs:
    """Every hub of every plugin."""

    def __init__(self, context: PluginContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings

    @property
    def specs(self) -> list[SkillHubSpec]:
        """What there is, also what is switched off."""
        return [contribution.spec for contribution in self._context.registry("skill_hubs")]

    def names(self, source: str = "") -> list[str]:
        """The hubs that are searched, or the one named. Raises `NotFound`."""
        known = [spec.name for spec in self.specs]
        if source and source != "all":
            if source not in known:
                raise NotFound(f"There is no skill hub {source!r}.", remedy=f"There are: {', '.join(sorted(known))}.")
            return [source]
        return [name for name in known if name not in self._settings.disabled]

    def owns(self, name: str) -> bool:
        """Whether a hub of that name is there, and this plugin brought it."""
        return any(
            contribution.name == name and contribution.plugin == self._context.plugin
            for contribution in self._context.registry("skill_hubs")
        )

    async def hub(self, name: str) -> NamedHub:
        """A live hub. Raises `HermesError`."""
        contribution = self._context.registry("skill_hubs").get(name)
        part = await self._context.part(contribution)
        return NamedHub(name, part, self.owns(name))

    # ---------------------------------------------------------------------------------------------------- search

    async def search(
        self, query: str, *, limit: int = 20, source: str = "", progress: Callable[[str], None] | None = None
    ) -> Found:
        """Ask all hubs at once, each within its time; a hub that fails takes nothing from the others."""
        names = self.names(source)
        failures: dict[str, str] = {}
        work = [self._ask(name, query, limit, failures, progress) for name in names]
        found = await asyncio.gather(*work)
        return Found(listings=tuple(self._merged(found, query)[:limit]), failures=failures)

    async def _ask(
        self, name: str, query: str, limit: int, failures: dict[str, str], progress: Callable[[str], None] | None
    ) -> Sequence[SkillListing]:
        parts: list[str] = []
        outcome: Sequence[SkillListing] = ()
        try:
            async with asyncio.timeout(self._settings.search_timeout):
                hub = await self.hub(name)
                outcome = [self._marked(hub, item) for item in await hub.part.search(query, limit, parts.append)]
        except TimeoutError:
            parts.append(f"no answer within {self._settings.search_timeout:g} s")
        except HermesError as error:
            parts.append(str(error))
        except Exception as error:
            log.warning("skill hub %s failed", name, exc_info=True)
            parts.append(f"{type(error).__name__}: {error}")
        if parts:
            failures[name] = one_line("; ".join(parts), 400)
        if progress is not None:
            progress(f"{name}: {len(outcome)} found" if not parts else f"{name}: {failures[name]}")
        return outcome

    def _marked(self, hub: NamedHub, listing: SkillListing) -> SkillListing:
        trust = trust_of(Origin(repository=listing.repository), self._settings.trusted) if hub.own else "community"
        return msgspec.structs.replace(listing, hub=hub.name, trust=trust)

    def _merged(self, found: Sequence[Sequence[SkillListing]], query: str) -> list[SkillListing]:
        """One of each skill: the hub that comes first keeps what several list, unless another shows more trust."""
        kept: dict[tuple[str, str], SkillListing] = {}
        for listing in (listing for listings in found for listing in listings):
            place = listing.repository.lower() or f"{listing.hub}:{listing.identifier}"
            key = (place, listing.name.lower())
            if key not in kept or (kept[key].trust != "trusted" and listing.trust == "trusted"):
                kept[key] = listing
        # Stable: within equal points the order of the hubs, whose own ranking may know more than words tell.
        return sorted(kept.values(), key=lambda item: (-fit(item, query), item.trust != "trusted"))

    # --------------------------------------------------------------------------------------------------- resolve

    async def resolve(self, reference: str, source: str = "") -> Resolved:
        """What a person means by `reference`. Raises `NotFound`, with the candidates where there are several."""
        reference = reference.strip()
        name, rest = self._split(reference)
        if source and source != "all":
            name, rest = self.names(source)[0], rest if name == source else reference
        if name:
            hub = await self.hub(name)
            identifier = hub.part.claims(rest)
            if not identifier:
                raise NotFound(f"{rest!r} cannot be a skill of {name}.", remedy=f"Try `hermes skills search {rest!r}`.")
            return Resolved(hub, identifier)
        if "/" in reference or ":" in reference:
            for name in self.names():
                hub = await self.hub(name)
                identifier = hub.part.claims(reference)
                if identifier:
                    return Resolved(hub, identifier)
            raise NotFound(
                f"No skill hub knows what {reference!r} is.",
                remedy="Use owner/repo/path, an address, hub:name, or a name from `hermes skills search`.",
            )
        return await self._by_name(reference)

    async def _by_name(self, name: str) -> Resolved:
        found = await self.search(name, limit=200)
        exact = [listing for listing in found.listings if listing.name.lower() == name.lower()]
        unasked = tuple(f"{hub} could not be asked: {reason}" for hub, reason in found.failures.items())
        if len(exact) == 1:
            return Resolved(await self.hub(exact[0].hub), exact[0].identifier, unasked)
        if exact:
            candidates = "".join(f"\n  {reference_to(listing)}" for listing in exact[:12])
            raise NotFound(f"{len(exact)} skills are called {name!r}:{candidates}", remedy="\nName one of them.")
        if found.failures and not found.listings:
            hub, reason = next(iter(found.failures.items()))
            raise HubUnavailable(
                f"{name!r} was not found; not all hubs could be asked ({', '.join(found.failures)}). {hub}: {reason}",
                remedy="Are you online? Or name the skill in full: owner/repo/path.",
            )
        near = ", ".join(reference_to(listing) for listing in found.listings[:5])
        hint = f"Near: {near}." if near else "Try `hermes skills search`."
        raise NotFound(f"No hub has a skill called {name!r}.", remedy=" ".join([hint, *unasked]))

    def _split(self, reference: str) -> tuple[str, str]:
        """A hub's name and the rest of `name:rest`; empty where it does not begin with a hub's prefix."""
        for spec in self.specs:
            for prefix in (f"{spec.name}:", *spec.aliases):
                rest = reference[len(prefix) :]
                if rest and not rest.startswith("//") and reference.lower().startswith(prefix.lower()):
                    return spec.name, rest
        return "", reference

    # --------------------------------------------------------------------------------------------------- details

    async def inspect(self, resolved: Resolved) -> SkillListing:
        """What its hub says of a skill."""
        listing: SkillListing = await self._patiently(resolved.hub.part.inspect(resolved.identifier), resolved.hub)
        return self._marked(resolved.hub, listing)

    async def _patiently(self, work: Any, hub: NamedHub) -> Any:
        try:
            async with asyncio.timeout(_DETAILS_SECONDS):
                return await work
        except TimeoutError as error:
            raise HermesError(f"{hub.name} did not answer within {_DETAILS_SECONDS:g} s.") from error


def reference_to(listing: SkillListing) -> str:
    """What a person types to get just this skill."""
    return f"{listing.hub}:{listing.identifier}"
