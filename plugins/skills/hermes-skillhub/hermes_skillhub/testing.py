"""What every skill hub must pass: subclass `SkillHubContract`, give its fixtures, and pytest runs its tests.

::

    class TestAcmeHub(SkillHubContract):
        @pytest.fixture
        async def hub(self, acme_server): return AcmeHub(acme_server.address)

        reference = "acme/weather"      # something `claims` knows
        query = "weather"               # something `search` finds
        missing = "acme/nothing"        # a reference that is no skill
"""

from __future__ import annotations

from typing import Any

import pytest

from hermes_host.errors import HermesError, NotFound
from hermes_skillhub.bundles import checked_files, front_matter
from hermes_skillhub.protocol import SkillBundle, SkillHub, SkillListing

__all__ = ["SkillHubContract"]


class SkillHubContract:
    """The tests. A server with at least one skill stands behind the fixture `hub`."""

    reference: str = ""
    """A reference that `claims` knows and that can be fetched."""
    query: str = ""
    """Words for which `search` finds something."""
    missing: str = ""
    """A reference that `claims` takes for one of its own, and that does not exist."""

    @pytest.fixture
    def hub(self) -> SkillHub:
        """The hub under test."""
        raise NotImplementedError("give the fixture `hub`")

    def test_it_is_a_skill_hub(self, hub: SkillHub) -> None:
        """It has the methods of the protocol.

        If this fails: see `hermes_skillhub.protocol.SkillHub`.
        """
        assert isinstance(hub, SkillHub)

    @pytest.mark.parametrize("nonsense", ["", " ", "../..", "\x00", "a b c", "-", "/"])
    def test_it_does_not_claim_nonsense(self, hub: SkillHub, nonsense: str) -> None:
        """`claims` gives an empty text for what can be no reference, and never raises.

        If this fails: match references as a whole.
        """
        assert hub.claims(nonsense) == ""

    def test_what_it_claims_it_claims_again(self, hub: SkillHub) -> None:
        """An identifier is a reference too, and means itself.

        If this fails: let `claims` give the same text for its own answers; updates depend on it.
        """
        identifier = hub.claims(self.reference)
        assert identifier
        assert hub.claims(identifier) == identifier

    async def test_search_gives_listings_that_can_be_fetched(self, hub: SkillHub) -> None:
        """At most `limit` listings, each with a name and an identifier that is claimed.

        If this fails: leave out of the results what cannot be fetched.
        """
        found = await hub.search(self.query, 3, _unexpected)
        assert 0 < len(found) <= 3
        for listing in found:
            assert isinstance(listing, SkillListing)
            assert listing.name
            assert hub.claims(listing.identifier), listing.identifier

    async def test_search_for_what_nobody_has_is_empty(self, hub: SkillHub) -> None:
        """No result is an empty answer and no error.

        If this fails: give `()`.
        """
        assert list(await hub.search("zzqxv-nothing-like-this", 5, _unexpected)) == []

    async def test_inspect_and_fetch_agree_on_the_identifier(self, hub: SkillHub) -> None:
        """Both name the skill by the same identifier, which can be fetched again.

        If this fails: make the identifier canonical in both.
        """
        identifier = hub.claims(self.reference)
        listing, bundle = await hub.inspect(identifier), await hub.fetch(identifier)
        assert listing.identifier == bundle.identifier
        assert hub.claims(bundle.identifier) == bundle.identifier

    async def test_a_bundle_is_a_skill(self, hub: SkillHub) -> None:
        """It passes the gate that every bundle passes, and says where it is from.

        If this fails: the message names the file or the field.
        """
        bundle = await hub.fetch(hub.claims(self.reference))
        assert isinstance(bundle, SkillBundle)
        assert bundle.name
        assert front_matter(checked_files(bundle.files)).description

    async def test_fetching_twice_gives_the_same(self, hub: SkillHub) -> None:
        """The same source gives the same files.

        If this fails: leave times and random words out of what is made.
        """
        identifier = hub.claims(self.reference)
        assert (await hub.fetch(identifier)).files == (await hub.fetch(identifier)).files

    @pytest.mark.parametrize("method", ["inspect", "fetch"])
    async def test_what_does_not_exist_is_not_found(self, hub: SkillHub, method: str) -> None:
        """Both raise `NotFound` with a message.

        If this fails: turn the server's 404 into `NotFound`.
        """
        identifier = hub.claims(self.missing)
        assert identifier
        with pytest.raises(NotFound) as caught:
            await getattr(hub, method)(identifier)
        assert isinstance(caught.value, HermesError)
        assert str(caught.value)


def _unexpected(sentence: str) -> Any:
    raise AssertionError(f"a part of the hub failed: {sentence}")
