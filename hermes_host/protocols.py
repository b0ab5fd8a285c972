"""What the parts of an agent host must be able to do: the contracts between the host and its plugins.

Each protocol has a conformance class in `hermes_host.testing`; a part that passes it can be used wherever the protocol
is asked for. Optional abilities are words in the spec's `features`, never `hasattr`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from hermes_host.messages import Media, Message, Provenance, Text, ToolCall, Unknown

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from hermes_host.context import SessionContext, ToolContext
    from hermes_host.records import SearchHit, SessionInfo, SessionRecord
    from hermes_host.stream import ProviderEvent

__all__ = [
    "ApprovalChoice",
    "ApprovalRequest",
    "Approver",
    "Assessment",
    "CheckResult",
    "Command",
    "Decision",
    "Exchange",
    "Exited",
    "FileInfo",
    "MemoryProvider",
    "ModelInfo",
    "ModelMiddleware",
    "ModelRequest",
    "ModelSettings",
    "Output",
    "Provider",
    "Question",
    "Questioner",
    "SessionStore",
    "SessionWriter",
    "SkillFolder",
    "SkillSource",
    "Terminal",
    "TerminalBackend",
    "TimeLimits",
    "ToolDefinition",
    "ToolMiddleware",
    "ToolOutput",
]


# ---------------------------------------------------------------------------------------------------------- models


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a request is to be answered. None and empty mean: the vendor's default."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning: Literal["", "none", "minimal", "low", "medium", "high", "xhigh"] = ""
    tool_choice: Literal["auto", "none", "required"] = "auto"
    response_schema: dict[str, Any] | None = None
    """A JSON schema that the answer's text must follow, for providers whose vendor can hold a model to one."""


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model sees it. `parameters` is a JSON schema of type object."""

    name: str
    summary: str
    parameters: dict[str, Any]


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Seconds that the stages of a model call may take; None means the provider's own limit."""

    connect: float | None = None
    read: float | None = None
    """Until the first byte of the answer, and between one piece and the next."""
    write: float | None = None


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model.

    Within a session `system` and `tools` stay equal and `messages` only grows, so that request n+1 begins with the
    bytes of request n. `messages` holds the same objects from request to request: encode each one once.
    """

    model: str
    messages: Sequence[Message]
    provider: str = ""
    """The name of the provider to ask; middleware may change it together with `model`."""
    credential: str = ""
    """The name of the secret to use in place of the provider's own; empty: the provider's choice."""
    purpose: str = "turn"
    """What the answer is for: `turn`, or the name of an auxiliary task such as `compression` or `title`."""
    system: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    settings: ModelSettings = ModelSettings()
    session_id: str = ""
    """The same for all requests of a conversation; vendors use it as a cache key."""
    timeout: float | None = None
    """Seconds left for the whole answer."""
    limits: TimeLimits = TimeLimits()
    stream: bool = True
    """False asks for the whole answer in one piece, where a stream arrived garbled; the events are the same."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model a provider offers. Token counts are 0 where unknown."""

    id: str
    name: str = ""
    context: int = 0
    max_output: int = 0


@runtime_checkable
class Provider(Protocol):
    """Access to models. Made once per process and configuration; used by many sessions at once."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer, in the grammar of `hermes_host.stream`. Raises `ProviderError`."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """What can be asked for, in a useful order. Raises `ProviderError`, or `Unsupported` where it cannot tell."""
        ...

    async def aclose(self) -> None:
        """Release connections. May be called twice."""
        ...


class ModelMiddleware(Protocol):
    """Code around a model call: an async generator that passes events on, adds notices, or asks again."""

    def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """Answer `request`, by `call_next` as often as it takes."""
        ...


# ----------------------------------------------------------------------------------------------------------- tools


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


# ------------------------------------------------------------------------------------------------------- terminals


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to run: `argv`, or `script` for the backend's POSIX shell (bash where it is installed)."""

    argv: tuple[str, ...] = ()
    script: str = ""
    cwd: str = ""
    """Where to run; empty means the backend's start directory."""
    env: Mapping[str, str] = {}
    """Added to the backend's own (scrubbed) environment."""
    stdin: bytes | AsyncIterator[bytes] = b""
    """Given and closed; an iterator is followed until it ends."""
    timeout: float | None = None
    """Seconds; at the end the whole process tree is killed."""
    pty: bool = False
    """Run in a pseudo-terminal: standard output and standard error come as one."""


class Output(msgspec.Struct, frozen=True, gc=False):
    """Bytes the command wrote, in the order in which they arrived. `stream` is 1 or 2."""

    data: bytes
    stream: int = 1


class Exited(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a command. `code` is 128 + n after signal n, as shells have it, and 124 after a time-out."""

    code: int
    timed_out: bool = False


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A file on a terminal's file system, itself and not what a link points at."""

    path: str
    kind: Literal["file", "directory", "link", "other"]
    size: int = 0
    modified: float = 0.0
    """Seconds since the epoch."""
    mode: int = 0o644
    links: int = 1
    identity: str = ""
    """Equal for two names of one file; empty where the backend cannot tell."""


@runtime_checkable
class Terminal(Protocol):
    """A place with processes and files, opened for one session.

    Paths are absolute or relative to the start directory. `read`, `write`, `remove` and `list` follow no symbolic link
    in any part of the path: they fail with `OSError` (`ELOOP`) instead. Call `resolve` first, judge what it gives, and
    use exactly that; a link swapped in between is then an error, never an escape. Errors of the file system are
    `OSError` subclasses (`FileNotFoundError`, `IsADirectoryError`, `PermissionError` …).
    """

    @property
    def directory(self) -> str:
        """The absolute start directory."""
        ...

    @property
    def home(self) -> str:
        """The absolute home directory on this backend."""
        ...

    def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run it; the last event is the only `Exited`. Closing or cancelling the iterator kills the process tree.

        Raises `FileNotFoundError` or `NotADirectoryError` when the program or `cwd` does not exist.
        """
        ...

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and all links resolved; the last parts need not exist."""
        ...

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself (a final link is not followed), or None where there is none."""
        ...

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file. Refuses FIFOs, devices and directories."""
        ...

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically, making parents; keeps the mode of an existing file.

        Never writes through a link or into another name of the same file (hard link): the name gets a new file.
        """
        ...

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        ...

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, sorted by name."""
        ...

    async def hibernate(self) -> None:
        """Free what costs while idle, keeping the files. Raises `Unsupported` without the feature `hibernate`."""
        ...


@runtime_checkable
class TerminalBackend(Protocol):
    """Makes terminals. `key` names the session; the same key finds the same files again where the backend persists.

    The context manager is entered and left in one and the same task; leaving it leaves no process behind.
    """

    def open(self, key: str, directory: str) -> AbstractAsyncContextManager[Terminal]:
        """A terminal that starts in `directory`, or in the backend's own place when that is empty."""
        ...


# -------------------------------------------------------------------------------------------------------- sessions


class SessionWriter(Protocol):
    """The one writer of one session, from `SessionStore.open`. What `append` returned from survives `kill -9`."""

    @property
    def info(self) -> SessionInfo:
        """The conversation as it is now."""
        ...

    def append(self, *records: SessionRecord) -> None:
        """Write in one commit, in order. Raises `SessionError` when the disk refuses; nothing is then half written."""
        ...

    def rename(self, title: str) -> str:
        """Set the title; gives the one really set (trimmed, at most 100 characters, unique)."""
        ...

    def end(self, reason: str) -> None:
        """Mark the conversation as ended."""
        ...

    def close(self) -> None:
        """Release it. May be called twice."""
        ...


@runtime_checkable
class SessionStore(Protocol):
    """Where conversations are kept. Calls are short and synchronous: no network, no waiting beyond the disk."""

    def create(
        self, *, source: str = "cli", model: str = "", directory: str = "", parent: str = "", title: str = ""
    ) -> SessionWriter:
        """Begin a conversation, written to by the caller alone."""
        ...

    def open(self, session_id: str) -> SessionWriter:
        """Go on with a session. Raises `NotFound`, or `SessionError` while another process writes to it."""
        ...

    def load(self, session_id: str) -> Sequence[SessionRecord]:
        """Everything, oldest first, without a torn last line. Raises `NotFound`."""
        ...

    def find(self, reference: str) -> SessionInfo:
        """By id, unique prefix of an id, or title (the newest of its name). Raises `NotFound`, naming near ones."""
        ...

    def list(self, *, limit: int = 50, source: str = "") -> Sequence[SessionInfo]:
        """Newest first. Those of `hermes_host.records.BACKGROUND_SOURCES` only where `source` asks for them."""
        ...

    def search(self, query: str, *, limit: int = 20) -> Sequence[SearchHit]:
        """Where the words of `query` occur, best first; not in sessions of `BACKGROUND_SOURCES`. Never raises for
        what is typed: operators that make no sense are words."""
        ...

    def fork(self, session_id: str, *, until: str = "") -> SessionWriter:
        """A new session with the records up to and including the record `until` (all of them when empty)."""
        ...

    def restore(self, info: SessionInfo, records: Sequence[SessionRecord]) -> None:
        """Bring in a conversation from elsewhere, whole, with the id, the times and the title it had.

        Raises `SessionError` when there is one of that id, or when `info.id` is no session id; nothing is then changed.
        """
        ...

    def delete(self, session_id: str) -> None:
        """Sessions forked from it stay, without a parent. Raises `NotFound`, or `SessionError` while it is in use."""
        ...

    def close(self) -> None:
        """Release it. May be called twice."""
        ...


# ----------------------------------------------------------------------------------------------- memory and skills


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn added to a conversation."""

    messages: tuple[Message, ...]
    """From the user's message to the answer, with all tool calls and results."""
    outcome: str
    """One of the outcomes of `TurnFinished`."""
    turn_id: str = ""


class MemoryProvider(Protocol):
    """What remembers across conversations. Only the methods its spec's `features` name are called.

    Made once per process and used by many sessions at once. A method that fails or takes too long costs the
    conversation nothing but what it would have given.
    """

    async def prompt_section(self, session: SessionContext) -> str:
        """Text for the system prompt, which then stays as it is until compaction; empty for none. At most 5 s."""
        ...

    async def recall(self, message: Message, session: SessionContext) -> str:
        """What the model should know beside this message of the user; it is stored and sent with it. At most 5 s."""
        ...

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """A turn is over. Nobody waits for this; at the end of a session what still runs gets 10 s."""
        ...

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        """The model is about to lose sight of `messages`: keep what is worth keeping. At most 30 s."""
        ...


class SkillFolder(msgspec.Struct, frozen=True, kw_only=True):
    """Where a skill lies: an absolute path to a folder that holds `SKILL.md`."""

    path: str
    category: str = ""


@runtime_checkable
class SkillSource(Protocol):
    """Skills in the format of agentskills.io, on this machine's file system."""

    def folders(self) -> Sequence[SkillFolder]:
        """The skills, without reading them. Empty where there are none; never raises for a missing folder."""
        ...


# ----------------------------------------------------------------------------------------------------------- doctor


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of `hermes doctor`."""

    name: str
    status: Literal["ok", "warning", "error"]
    detail: str = ""
    remedy: str = ""
    """What to do about it: a command where there is one."""
