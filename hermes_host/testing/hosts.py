"""Hosts for tests: a home of their own, no installed plugin unless asked for, and parts put in by hand."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from hermes_host.events import Event, TurnFinished
from hermes_host.host import Host
from hermes_host.protocols import ApprovalChoice, ApprovalRequest, Decision, Provider, Question
from hermes_host.registry import Contribution
from hermes_host.specs import ProviderSpec, Spec
from hermes_host.testing.providers import ScriptedProvider, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

__all__ = ["ScriptedApprover", "ScriptedQuestioner", "StandInHost", "events_of", "finished"]


class StandInHost(Host):
    """A host whose home is `home` and which sees only the plugins it is given."""

    def __init__(self, home: Path, *, plugins: Sequence[str] = (), **options: Any) -> None:
        """`plugins` are names of installed plugins to use; `options` as for `Host`. The environment is empty."""
        super().__init__(home=home, plugins=plugins, **{"environ": {"PATH": "/usr/bin:/bin"}, **options})

    def script(self, *steps: Step) -> ScriptedProvider:
        """Use a scripted model, and give it."""
        provider = ScriptedProvider(steps)
        self.use_provider(provider)
        return provider

    def use_provider(self, provider: Provider, name: str = "scripted") -> None:
        """Use `provider` for conversations that ask for no other."""
        spec = ProviderSpec(
            name=name,
            summary="A provider put in by a test",
            target="hermes_host.testing.providers:ScriptedProvider",
            default_model="scripted",
            needs_setup=False,
            priority=1000,
        )
        self.use_part("providers", spec, provider)

    def use_part(self, kind: str, spec: Spec, part: Any) -> None:
        """Add a contribution whose part is `part` itself: nothing is imported for it."""
        contribution: Contribution[Any] = Contribution(kind, spec, self._program_record())
        self.registry(kind).add(contribution)
        self._parts[kind, contribution.plugin, contribution.name] = part


class ScriptedApprover:
    """Answers approval requests in order, and keeps them in `requests`. After the last answer it denies."""

    def __init__(self, *answers: ApprovalChoice | Callable[[ApprovalRequest], Any]) -> None:
        self.answers = list(answers)
        self.requests: list[ApprovalRequest] = []

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Give the next answer; a callable gets the request and may be a coroutine function."""
        self.requests.append(request)
        answer: Any = self.answers.pop(0) if self.answers else "deny"
        if callable(answer):
            answer = answer(request)
            if hasattr(answer, "__await__"):
                answer = await answer
        return answer if isinstance(answer, Decision) else Decision(choice=answer)


class ScriptedQuestioner:
    """Answers questions in order, and keeps them in `questions`. After the last answer nobody answers."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> str | None:
        """Give the next answer."""
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None


async def events_of(events: Any) -> list[Event]:
    """Everything a turn says."""
    async with aclosing(events) as stream:
        return [event async for event in stream]


def finished(events: Iterable[Event]) -> TurnFinished:
    """The end of a turn, after checking that it is the only one and the last."""
    found = list(events)
    ends = [event for event in found if isinstance(event, TurnFinished)]
    assert len(ends) == 1, f"a turn must end exactly once, not {len(ends)} times"
    assert found[-1] is ends[0], "TurnFinished must be the last event"
    return ends[0]
