"""From a proposal to an installed skill: show it, ask, and take no answer for a no."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import click

from hermes_skillhub.errors import InstallRefused
from hermes_skillhub.panel import panel
from hermes_skillhub.proposals import Consent

if TYPE_CHECKING:
    from hermes_host.protocols import Questioner
    from hermes_skillhub.hub import Hub
    from hermes_skillhub.lockfile import Installed
    from hermes_skillhub.proposals import Proposal

__all__ = ["Person", "PersonAtTerminal", "PersonInSession", "Wishes", "decide", "person_at_terminal"]


class Person(Protocol):
    """Somebody who can be shown something and asked."""

    at_terminal: bool

    async def confirm(self, shown: str, question: str) -> bool:
        """Show text, ask, and give whether the answer was a clear yes."""
        ...

    async def typed(self, shown: str, question: str) -> str:
        """Show text, ask for a word, and give it."""
        ...


class PersonAtTerminal:
    """Whoever sits at standard input."""

    at_terminal = True

    async def confirm(self, shown: str, question: str) -> bool:
        """Show on standard error and read an answer; an empty one is a no."""
        click.echo(shown, err=True)
        return await asyncio.to_thread(click.confirm, question, default=False, err=True)

    async def typed(self, shown: str, question: str) -> str:
        """Show on standard error and read a line."""
        click.echo(shown, err=True)
        answer = await asyncio.to_thread(click.prompt, question, default="", show_default=False, err=True)
        return str(answer)


class PersonInSession:
    """Whoever a conversation's questions reach."""

    at_terminal = False

    def __init__(self, questioner: Questioner, session_id: str) -> None:
        self._questioner = questioner
        self._session_id = session_id

    async def confirm(self, shown: str, question: str) -> bool:
        """One question with two choices; anything but the first is a no."""
        answer = await self.typed(shown, question, ("yes", "no"))
        return answer.strip().lower() in ("yes", "y")

    async def typed(self, shown: str, question: str, choices: tuple[str, ...] = ()) -> str:
        """The answer, empty where none came."""
        from hermes_host.protocols import Question

        text = f"{shown}\n\n{question}"
        asked = Question(id="skillhub", session_id=self._session_id, text=text, choices=choices, timeout=600.0)
        return await self._questioner.ask(asked) or ""


def person_at_terminal() -> PersonAtTerminal | None:
    """The person at the terminal, or None where standard input or standard error is none."""
    import sys

    return PersonAtTerminal() if sys.stdin.isatty() and sys.stderr.isatty() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command said; `yes` takes the place of the question, never of `force` or `accept_dangerous`."""

    yes: bool = False
    force: bool = False
    accept_dangerous: bool = False
    discard_edits: bool = False


async def decide(hub: Hub, proposal: Proposal, person: Person | None, wishes: Wishes) -> Installed:
    """Ask what must be asked, and install. Raises `InstallRefused`; nothing is then changed or left behind."""
    accepted = False
    try:
        if proposal.ruling.needs == "accept-dangerous" and wishes.accept_dangerous:
            accepted = await _accepts_dangerous(proposal, person)
        elif _possible(proposal, wishes) and not wishes.yes and not await _agrees(proposal, person):
            raise InstallRefused(f"{proposal.name!r} was not installed: you did not agree.")
        consent = Consent(force=wishes.force, accept_dangerous=accepted, discard_edits=wishes.discard_edits)
        return await hub.commit(proposal, consent)
    finally:
        proposal.discard()


def _possible(proposal: Proposal, wishes: Wishes) -> bool:
    """Whether there is anything to ask: what policy blocks is not put to anybody."""
    edited = not proposal.local.clean and not wishes.discard_edits
    return not edited and (proposal.ruling.allowed or (proposal.ruling.needs == "force" and wishes.force))


async def _agrees(proposal: Proposal, person: Person | None) -> bool:
    if person is None:
        raise InstallRefused(
            f"{proposal.name!r} was not installed: there is nobody to ask.", remedy="Add --yes to install it unasked."
        )
    word = "Update" if proposal.before is not None else "Install"
    return await person.confirm(panel(proposal), f"{word} {proposal.name}?")


async def _accepts_dangerous(proposal: Proposal, person: Person | None) -> bool:
    if person is None or not person.at_terminal:
        raise InstallRefused(
            f"{proposal.name!r} was not installed: the scan found things that are dangerous.",
            remedy="Only a person at a terminal can accept that: hermes skills install --accept-dangerous.",
        )
    question = "This is dangerous. Type the skill's name to install it all the same"
    if await person.typed(panel(proposal), question) != proposal.name:
        raise InstallRefused(f"{proposal.name!r} was not installed: its name was not typed.")
    return True
