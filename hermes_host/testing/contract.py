"""What all conformance kits share: their tests may be added to, never replaced."""

from __future__ import annotations

__all__ = ["Contract"]


class Contract:
    """Base of the conformance classes.

    Subclass one, give its fixtures, and pytest runs its tests. A test that cannot be met is marked, with the reason,
    by overriding it with a function that only carries `@pytest.mark.xfail(reason=...)` and calls the original.
    """

    features: frozenset[str] = frozenset()
    """The optional abilities the part declares; tests of others check that they are refused."""

    def test_no_contract_test_is_overridden(self) -> None:
        """A contract test is run as it was written.

        If this fails: remove the method it names, or mark it with `@pytest.mark.xfail(reason=...)`.
        """
        own, contracts = _split(type(self))
        inherited = {name for contract in contracts for name in vars(contract) if name.startswith("test_")}
        replaced = [
            f"{owner.__name__}.{name}"
            for owner in own
            for name, value in vars(owner).items()
            if name in inherited and not _expected_to_fail(value)
        ]
        assert not replaced, f"these contract tests are replaced: {', '.join(sorted(replaced))}"


def _split(kind: type) -> tuple[list[type], list[type]]:
    """The classes of `kind` outside and inside `hermes_host.testing`."""
    own = [owner for owner in kind.__mro__ if not owner.__module__.startswith("hermes_host.testing")]
    contracts = [owner for owner in kind.__mro__ if owner.__module__.startswith("hermes_host.testing")]
    return own, contracts


def _expected_to_fail(test: object) -> bool:
    marks = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
