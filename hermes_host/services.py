"""What plugins do for each other, as protocols: found by `await context.services.get(Protocol)`.

The host offers `Conversations`, `Auxiliary` and `Credentials` itself, and the session store by its protocol
(`hermes_host.protocols.SessionStore`); the others come from plugins (`hermes_services`). Of `PromptExpander` and
`SlashCommands` every one that is offered is used, of the others the one with the highest priority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from hermes_host.stream import MessageEnded, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import SessionContext
    from hermes_host.messages import Media, Message
    from hermes_host.protocols import (
        Address,
        ApprovalCase,
        Approver,
        Assessment,
        Chat,
        Decision,
        ModelSettings,
        Questioner,
    )
    from hermes_host.specs import SlashCommandSpec, ToolSpec

__all__ = [
    "NOTICES",
    "Accounts",
    "ApprovalPolicy",
    "Auxiliary",
    "Catalog",
    "Conversations",
    "Credentials",
    "Delivery",
    "ModelCall",
    "ModelFacts",
    "Outbox",
    "PromptExpander",
    "SessionToolServers",
    "SessionTools",
    "SlashCommands",
    "SpeechToText",
    "Spending",
    "TextToSpeech",
    "Transcript",
    "Workspaces",
]


class Conversations(Protocol):
    """The live sessions of this process. Offered by the host."""

    def session(self, session_id: str) -> Session | None:
        """The live session of that id, or None."""
        ...

    async def start(
        self,
        *,
        model: str = "",
        provider: str = "",
        toolsets: Sequence[str] | None = None,
        source: str = "cli",
        directory: str = "",
        title: str = "",
        parent: str = "",
        messages: Sequence[Message] = (),
        system: str = "",
        memory: Literal["full", "read", "none"] = "full",
        max_turns: int = 0,
        terminal: str = "",
        behind: str = "",
        chat: Chat | None = None,
        extra_tools: Sequence[ToolSpec] = (),
        approver: Approver | None = None,
        questioner: Questioner | None = None,
    ) -> Session:
        """Begin a conversation of a plugin's own; whoever begins it closes it. See `Host.start`.

        `messages` are its past; `system` stands in place of the assembled system prompt; `memory` says whether memories
        are read and told of it, only read, or left out; `max_turns` replaces `agent.max_turns`; `terminal` names a
        terminal backend. `behind` is the id of a live session for which this one works: whoever can be asked there is
        asked here, what is remembered for it counts here, and interrupting or steering it reaches this one. Without it
        nobody can be asked but by `approver` and `questioner`. `chat` is where it is held and with whom. `extra_tools`
        are tools that it alone has.
        """
        ...

    async def resume(
        self,
        reference: str,
        *,
        model: str = "",
        provider: str = "",
        toolsets: Sequence[str] | None = None,
        approver: Approver | None = None,
        questioner: Questioner | None = None,
        yolo: bool = False,
        memory: Literal["full", "read", "none"] = "full",
        chat: Chat | None = None,
        directory: str = "",
        extra_tools: Sequence[ToolSpec] = (),
    ) -> Session:
        """Go on with a conversation that is not open; whoever does so closes it. See `Host.resume`.

        Raises `NotFound`, or `SessionError` while another process writes to it.
        """
        ...


class Credentials(Protocol):
    """Secrets that plugins learn of only at run time, such as those a skill asks for. Offered by the host.

    There is no way to read one here. `SessionContext.pass_environment` lets a session's commands see it.
    """

    def known(self, name: str) -> bool:
        """Whether the environment or the user's `.env` has a value for it."""
        ...

    def set(self, name: str, value: str) -> None:
        """Keep it in the user's `.env`. Raises `ConfigError` for a name or a value that cannot stand there."""
        ...


class SlashCommands(Protocol):
    """Slash commands that are known only at run time, such as one for each skill. All that are offered are asked."""

    async def commands(self, session: SessionContext) -> Sequence[SlashCommandSpec]:
        """What can be used now. A command of the same name that a plugin declares wins."""
        ...


class Auxiliary(Protocol):
    """Models for side work: summaries, titles, searching, looking at images. Offered by the host.

    Which model serves a task is set in `auxiliary.<task>`; without a setting it is the session's own. The request
    passes through the same middleware as every other, so it is retried, accounted and bounded like them.
    """

    async def ask(
        self,
        task: str,
        messages: Sequence[Message],
        *,
        system: str = "",
        session_id: str = "",
        settings: ModelSettings | None = None,
        timeout: float | None = None,
    ) -> MessageEnded:
        """One answer without tools. `timeout` is in seconds; the default is `auxiliary.<task>.timeout`, else 120.

        Raises `ProviderError`, `NotFound` or `BudgetExceeded`.
        """
        ...


class ApprovalPolicy(Protocol):
    """The user's own rules about tool calls. There is at most one, found as a service."""

    async def rule(self, case: ApprovalCase) -> Assessment | None:
        """What the rules say, or None.

        `deny` and `ask` make a call stricter. `allow` answers a question in a person's place, but never lifts a denial,
        nor a question whose assessment is not `rememberable`. A failure counts as ask.
        """
        ...

    async def decided(self, case: ApprovalCase, verdict: Literal["allow", "deny"], decision: Decision) -> None:
        """Told of every decision of the gate, in order, before the call runs; for the audit log."""
        ...


class SessionTools(Protocol):
    """What servers bring to one conversation alone. Whoever opened it closes it, unless it was attached."""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """Their tools, for `Host.start(extra_tools=)`."""
        ...

    @property
    def left_out(self) -> Mapping[str, str]:
        """The servers whose tools are not among them, by name, and why, as a sentence."""
        ...

    def attach(self, session: SessionContext) -> None:
        """Give them to the conversation that was begun with their tools: calls work from now on, and the servers end
        with it."""
        ...

    async def aclose(self) -> None:
        """End the servers. May be called twice."""
        ...


class SessionToolServers(Protocol):
    """Servers with tools that somebody hands over for one conversation, as an editor does."""

    @property
    def transports(self) -> frozenset[str]:
        """How servers can be reached: of `stdio` (a program that is started), `http` and `sse`."""
        ...

    async def open(self, entries: Mapping[str, Mapping[str, Any]], *, directory: str = "") -> SessionTools:
        """Learn what servers offer, starting those of which it is not known.

        `entries` are as in an `mcpServers` block, by name: `command`, `args` and `env`, or `url` and `headers`, of
        which nothing but what they say reaches a server. `directory` is where programs run. A server that cannot be
        used costs only its own tools.
        """
        ...


class Workspaces(Protocol):
    """A place of its own for a conversation's work, such as a git worktree beside the user's own."""

    async def prepare(self, directory: str, name: str = "") -> str:
        """Make one for work on what is in `directory`; gives its absolute path. Raises `HermesError` where that cannot
        be done. Whoever offers it looks after its end when the session ends, and loses no work."""
        ...


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about a model. Token counts are 0 and prices None where unknown."""

    provider: str
    model: str
    name: str = ""
    context: int = 0
    max_output: int = 0
    input_price: float | None = None
    """US dollars per million input tokens; the other prices likewise."""
    output_price: float | None = None
    cached_price: float | None = None
    cache_write_price: float | None = None
    inputs: frozenset[str] = frozenset({"text"})
    """Of `text`, `image`, `audio`, `video`, `file`."""
    reasoning: bool = False
    tools: bool = True
    source: str = ""
    """Where this is from: `user`, `vendor`, `snapshot 2026-11-01`, or `assumed`."""


class Catalog(Protocol):
    """Facts about models."""

    def facts(self, provider: str, model: str) -> ModelFacts:
        """What is known; for an unknown model, stated assumptions (`source` is then `assumed`). Never fails, no I/O
        beyond the first read of the snapshot."""
        ...

    def models(self, provider: str = "") -> Sequence[ModelFacts]:
        """The known models of a provider, or of all."""
        ...


NOTICES = "hermes.notices"
"""The key of a message's `meta` under which an expander leaves sentences for the person who sent it. The host shows
them as `Notice` events and stores the message without them."""


class PromptExpander(Protocol):
    """Completes what a user says before a turn begins with it. The host asks it for every message."""

    async def expand(self, message: Message, session: SessionContext) -> Message:
        """The message with what it refers to attached; the same object where there is nothing to add.

        Its own parts come first and are unchanged. Raises `HermesError` to refuse the message: nothing is then stored
        or sent.
        """
        ...


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message for the outbox."""

    id: int
    state: Literal["pending", "sending", "sent", "failed", "unknown", "dropped"]
    """`unknown`: it may have arrived, and the platform cannot tell."""
    address: str
    error: str = ""
    messages: tuple[str, ...] = ()
    """The platform's ids, once it is sent."""


class Outbox(Protocol):
    """Sending messages to people, from anywhere: what was taken is on disk and is delivered even after a restart."""

    async def resolve(self, target: str) -> Address:
        """The place meant by `target`: an address (`platform:chat`), `platform:#name` or `platform:name` for a known
        chat by its name, or a platform alone for its home. Raises `NotFound`, naming near ones, or for a name that two
        chats have; never falls back to another place."""
        ...

    async def send(
        self, to: Address | str, text: str, *, media: Sequence[Media] = (), key: str = "", source: str = ""
    ) -> Sequence[int]:
        """Take a message (Markdown of any length) for delivery; gives the ids of the messages it becomes.

        The same `key` again takes nothing and gives the ids of the first time. `source` says what sends it, such as a
        job's name. Raises `NotFound` for a place or a platform there is not, `DeliveryRefused` for what cannot be sent.
        """
        ...

    async def wait(self, ids: Sequence[int], *, timeout: float = 30.0) -> Sequence[Delivery]:
        """How these messages fare: as soon as none of them is on its way, or after `timeout` seconds."""
        ...


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """Spoken words as text."""

    text: str
    language: str = ""
    source: str = ""
    """What wrote it down, such as a provider's name."""


class SpeechToText(Protocol):
    """Turns recorded speech into text."""

    async def transcribe(self, audio: Media, *, language: str = "") -> Transcript:
        """The words of a recording. Raises `NotFound` where nothing is set up for it, with the remedy; `ProviderError`,
        `BadRequest`."""
        ...


class TextToSpeech(Protocol):
    """Reads text aloud."""

    async def speak(self, text: str, *, voice: str = "", formats: Sequence[str] = ("audio/ogg",)) -> Media:
        """A recording of the text (its Markdown left out), in the first of `formats` (MIME types) that can be had, else
        in another. Raises `NotFound` where nothing is set up for it, `ProviderError`."""
        ...


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What was used. `cost` is in US dollars and counts only calls with a known price; `unpriced` counts the others."""

    calls: int = 0
    usage: Usage = Usage()
    cost: float = 0.0
    unpriced: int = 0


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model, as the ledger has it."""

    time: float
    """When it began, in seconds since the epoch."""
    session_id: str
    purpose: str
    """`turn`, or the name of an auxiliary task."""
    provider: str
    model: str
    outcome: str
    """`ok`, `cancelled`, or the kind of the error."""
    usage: Usage = Usage()
    cost: float | None = None
    """US dollars at the prices of that moment; None where they were not known."""
    seconds: float = 0.0


class Accounts(Protocol):
    """What model calls used and cost."""

    def of_session(self, session_id: str) -> Spending:
        """All calls of a session, auxiliary ones and retries included."""
        ...

    def calls(self, since: float, until: float) -> Iterator[ModelCall]:
        """The calls that began between two moments (seconds since the epoch), oldest first."""
        ...
