"""What tools give back, and who is asked before one acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from hermes_host.messages import Media, Provenance, Text, ToolCall, Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.context import ToolContext
    from hermes_host.specs import ToolSpec

__all__ = [
    "ApprovalCase",
    "ApprovalChoice",
    "ApprovalRequest",
    "Approver",
    "Assessment",
    "ChangingToolSource",
    "Decision",
    "Question",
    "Questioner",
    "ToolMiddleware",
    "ToolOutput",
    "ToolSource",
]


class ToolOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool gives back. `content` goes to the model; the rest is for people and programs."""

    content: str | tuple[Text | Media | Unknown, ...] = ""
    is_error: bool = False
    title: str = ""
    """What happened in a few words, such as `12 matches in 3 files`."""
    diff: str = ""
    """A unified diff where a file changed."""
    provenance: Provenance = "external"


class ToolMiddleware(Protocol):
    """Code around an approved tool call."""

    async def __call__(
        self, call: ToolCall, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
    ) -> ToolOutput:
        """Make the call, by `call_next` or otherwise. Changed arguments are judged anew. `context` is the tool's."""
        ...


@runtime_checkable
class ToolSource(Protocol):
    """Tools that are known only at run time, such as those of servers the user has configured."""

    async def tools(self) -> Sequence[ToolSpec]:
        """What it offers now. Asked whenever a conversation begins, so it answers from what it knows already, within
        milliseconds, and looks for changes beside the conversation.

        Specs are like those of `hermes_tools`; a handler finds out by `ToolContext.tool` which of them was called.
        """
        ...


@runtime_checkable
class ChangingToolSource(ToolSource, Protocol):
    """A source that says when what it offers becomes another."""

    async def changed(self) -> None:
        """Wait until `tools` gives something else than when this was called. Whoever waits is cancelled when that does
        not matter any more; several may wait at once."""
        ...


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement of one call. Of several, the strictest counts: deny, then ask, then allow."""

    verdict: Literal["allow", "ask", "deny"]
    reason: str = ""
    """One sentence for the person who decides, or for the model when it is a denial."""
    shown: str = ""
    """The action in full, as a person should see it, such as the whole command. Control, bidirectional and invisible
    characters are made visible by the host before it is shown."""
    rememberable: bool = True
    """False when the answer must not be remembered beyond this call."""


class ApprovalCase(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for the gate, as a policy sees it."""

    session_id: str
    source: str
    """The surface the session is on."""
    call: ToolCall
    effects: frozenset[str]
    assessment: Assessment
    """The strictest judgement so far."""
    origin: Provenance = "owner"
    """Who may stand behind the call; see `ToolContext.origin`."""
    terminal: str = ""
    directory: str = ""
    attended: bool = False
    """Whether a person can be asked."""


ApprovalChoice = Literal["once", "session", "always", "deny"]


class ApprovalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for a person. The answer holds for exactly this call, tool and arguments."""

    id: str
    session_id: str
    call: ToolCall
    shown: str
    reason: str
    choices: tuple[ApprovalChoice, ...]
    timeout: float
    """Seconds until silence counts as deny."""
    terminal: str = ""
    """The name of the terminal backend, where the call runs in one."""
    directory: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an `ApprovalRequest`. `note` goes to the model with a denial."""

    choice: ApprovalChoice
    note: str = ""
    by: str = "person"


@runtime_checkable
class Approver(Protocol):
    """Asks a person. A surface where nobody can be asked has none, and then the answer is no."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """The person's answer. It may take as long as `request.timeout`."""
        ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent asks the user. With `choices` the user may pick one or write something else."""

    id: str
    session_id: str
    text: str
    choices: tuple[str, ...] = ()
    timeout: float = 120.0
    """Seconds until the agent goes on without an answer."""
    secret: bool = False
    """The answer is not shown while it is typed and is kept nowhere; a surface that cannot hide it gives None."""


@runtime_checkable
class Questioner(Protocol):
    """Puts a question to a person. None means that no answer came."""

    async def ask(self, question: Question) -> str | None:
        """The person's answer, or None."""
        ...
