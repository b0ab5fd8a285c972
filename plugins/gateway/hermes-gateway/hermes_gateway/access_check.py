"""What `hermes doctor` says about who may talk, and about turns that were laid aside."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_gateway.database import Database
from hermes_gateway.settings import Settings
from hermes_gateway.shared import people_of
from hermes_gateway.turn_rows import TurnRows
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_gateway.people import People
    from hermes_host.host import Host

__all__ = ["findings"]


def findings(host: Host, platforms: Iterable[str]) -> Iterable[CheckResult]:
    """One finding for each platform that is set up, and one where turns were laid aside."""
    settings, database = Settings.of(host), Database(host.home)
    try:
        people = people_of(host, database, settings)
        for platform in platforms:
            registry = host.registry("adapters")
            usually = platform not in registry or registry.get(platform).spec.pairing
            yield _access(people, platform, pairs=settings.pairs(platform, usually=usually))
        aside = len(TurnRows(database, "check", 0.0, time.time).quarantined()) if database.path.exists() else 0
        if aside:
            yield CheckResult(
                name="turns laid aside",
                status="warning",
                detail=f"{aside} cut off again and again",
                remedy="Write /retry in their chats.",
            )
    except HermesError as error:
        yield CheckResult(name="gateway.db", status="error", detail=error.message, remedy=error.remedy)
    finally:
        database.close()


def _access(people: People, platform: str, *, pairs: bool) -> CheckResult:
    name = f"who may talk on {platform}"
    everyone = people.everyone(platform)
    if everyone:
        return CheckResult(
            name=name,
            status="warning",
            detail=f"everybody, as {everyone}",
            remedy=f"Name people in gateway.access.{platform}, and let nobody else in.",
        )
    roles = [*people.listed(platform).values(), *(one.role for one in people.all() if one.platform == platform)]
    if not roles:
        how = "Write to the agent there, then `hermes pairing approve`." if pairs else f"Set gateway.access.{platform}."
        return CheckResult(name=name, status="warning", detail="nobody yet", remedy=how)
    if "owner" not in roles:
        return CheckResult(
            name=name, status="warning", detail="no owner", remedy=f"`hermes pairing role {platform} ID owner`"
        )
    return CheckResult(name=name, status="ok", detail=f"{len(roles)} account{'s' if len(roles) > 1 else ''}")
