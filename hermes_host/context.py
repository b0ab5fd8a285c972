"""What a part may touch: its own configuration, its declared secrets, its own folders, and services by protocol."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from hermes_host.errors import ConfigError, HermesError, NotFound, PluginError
from hermes_host.registry import Contribution, Kind, Registry

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from hermes_host.background import Background
    from hermes_host.catalogue import Catalogue
    from hermes_host.events import Notice
    from hermes_host.messages import Provenance, ToolResult
    from hermes_host.protocols import Chat, Questioner, Terminal
    from hermes_host.terminals import Shell, Terminals

__all__ = ["PluginContext", "Services", "SessionContext", "ToolContext", "private_directory"]

T = TypeVar("T")


def private_directory(path: Path) -> Path:
    """Make `path` and its parents, readable by the owner alone from the first moment, and give it back."""
    missing = []
    current = path
    while not current.exists():
        missing.append(current)
        current = current.parent
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)
    return path


class Services:
    """What plugins offer each other at run time, found by protocol and never by a plugin's name."""

    def __init__(self, find_all: Callable[[type[Any]], Awaitable[Sequence[Any]]] | None = None) -> None:
        """`find_all` makes the parts for a protocol, the one with the highest priority first."""
        self._parts: dict[type[Any], Any] = {}
        self._find_all = find_all or _nothing

    def provide(self, protocol: type[T], part: T) -> None:
        """Offer `part` as the one implementation of `protocol`. Raises `PluginError` when there is one already."""
        if protocol in self._parts:
            raise PluginError(f"Two plugins offer the service {protocol.__name__!r}.")
        self._parts[protocol] = part

    async def get(self, protocol: type[T]) -> T:
        """The part that implements `protocol`, made at first use. Raises `NotFound` when no plugin offers it."""
        part = await self.find(protocol)
        if part is None:
            raise NotFound(
                f"No installed plugin offers the service {protocol.__name__!r}.",
                remedy="See `hermes plugins list`.",
            )
        return part

    async def all(self, protocol: type[T]) -> Sequence[T]:
        """Every part that implements `protocol`, the one with the highest priority first."""
        provided = [self._parts[protocol]] if protocol in self._parts else []
        return [*provided, *(part for part in await self._find_all(protocol) if part not in provided)]

    async def find(self, protocol: type[T]) -> T | None:
        """The part that implements `protocol`, or None when no plugin offers it."""
        if protocol not in self._parts:
            found = await self._find_all(protocol)
            if found:
                self._parts.setdefault(protocol, found[0])
        return self._parts.get(protocol)


async def _nothing(protocol: type[Any]) -> Sequence[Any]:
    return ()


class PluginContext:
    """Handed to every part of one plugin.

    `sections` maps the plugin's section names to decoded settings, `secrets` looks up a declared secret's value.
    """

    def __init__(
        self,
        plugin: str,
        *,
        home: Path,
        section: Callable[[str], Any] | Mapping[str, Any] | None = None,
        secret: Callable[[str], str] | None = None,
        declared_secrets: frozenset[str] = frozenset(),
        services: Services | None = None,
        catalogue: Catalogue | None = None,
        background: Background | None = None,
    ) -> None:
        self.plugin = plugin
        self.home = home
        """The host's home directory (`$HERMES_HOME`)."""
        self.services = services if services is not None else Services()
        self._catalogue = catalogue
        self._background = background
        self._section = section.__getitem__ if isinstance(section, Mapping) else section
        self._secret = secret
        self._declared = declared_secrets

    def section(self, kind: type[T], name: str = "", *, strict: bool = False) -> T:
        """The plugin's settings, decoded and validated as the declared `kind`; defaults where nothing is set.

        `name` is the section's name where the plugin declares several; the default is the plugin's own name. What is
        wrong is replaced by its default and reported; with `strict`, for settings whose default would allow more than
        was asked for, it raises `ConfigError` instead.
        """
        if strict and self._catalogue is not None:
            for fault in self._catalogue.config.faults(name or self.plugin):
                raise ConfigError(f"{fault.path}: {fault.message}", remedy=fault.remedy)
        if self._section is None:
            return kind()
        settings = self._section(name or self.plugin)
        if not isinstance(settings, kind):
            raise PluginError(f"Plugin {self.plugin!r} did not declare {kind.__name__} for section {name!r}.")
        return settings

    def secret(self, name: str) -> str:
        """The value of a secret the plugin declares, empty where it is not set. Raises `PluginError` otherwise."""
        if name not in self._declared:
            raise PluginError(
                f"Plugin {self.plugin!r} asked for the secret {name!r}, which it does not declare.",
                remedy="Add it to PluginInfo.secrets.",
            )
        return self._secret(name) if self._secret is not None else ""

    def redact(self, text: str) -> str:
        """The text with every known secret of 8 characters or more replaced by `[secret NAME]`."""
        return self._catalogue.secrets.redact(text) if self._catalogue is not None else text

    def registry(self, kind: str) -> Registry[Any]:
        """What all plugins contribute of one kind: one of the host's, such as `skill_sources`, or one that a plugin
        brought by `hermes_addhooks`. Empty where there is no such kind."""
        if self._catalogue is not None:
            return self._catalogue.registry(kind)
        return Registry(Kind(f"hermes_{kind}", object, kind))

    async def part(self, contribution: Contribution[Any]) -> Any:
        """The live part behind a contribution, made at first use and then kept. Raises `HermesError`."""
        if self._catalogue is None:
            raise NotFound(f"There is no {contribution.title} here.")
        return await self._catalogue.part(contribution)

    def lacking(self, contribution: Contribution[Any]) -> str:
        """What a contribution needs before it can be used, as its spec's `available` or `configured` says; empty when
        it can be used."""
        target = getattr(contribution.spec, "available", "") or getattr(contribution.spec, "configured", "")
        if not target or self._catalogue is None:
            return ""
        try:
            return str(self._catalogue.target(contribution, target)(self._catalogue.context(contribution.plugin)))
        except HermesError as error:
            return str(error)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Do something beside the conversation. A failure is logged; at the end of the host it is cancelled."""
        if self._background is None:
            import asyncio

            return asyncio.get_running_loop().create_task(work, name=f"{self.plugin}: {name}")
        return self._background.spawn(work, name=f"{self.plugin}: {name}")

    def with_secrets(self, secret: Callable[[str], str]) -> PluginContext:
        """The same context with another source of the declared secrets, as pools of keys need it."""
        return PluginContext(
            self.plugin,
            home=self.home,
            section=self._section,
            secret=secret,
            declared_secrets=self._declared,
            services=self.services,
            catalogue=self._catalogue,
            background=self._background,
        )

    @property
    def state_directory(self) -> Path:
        """The plugin's own folder for what must be kept; made on first use, mode 0700."""
        return private_directory(self.home / "plugins" / self.plugin)

    @property
    def cache_directory(self) -> Path:
        """The plugin's own folder for what can be made again; made on first use, mode 0700."""
        return private_directory(self.home / "cache" / self.plugin)


class SessionContext:
    """What belongs to one conversation. Nothing here is shared between conversations."""

    def __init__(
        self,
        session_id: str,
        *,
        directory: str = "",
        source: str = "cli",
        terminal: str = "",
        record_state: Callable[[str, dict[str, Any]], None] | None = None,
        recorded_state: Mapping[str, dict[str, Any]] | None = None,
        announce: Callable[[Notice], None] | None = None,
        chat: Chat | None = None,
    ) -> None:
        self.id = session_id
        self.directory = directory or os.getcwd()
        """Where its commands and file tools start, as a path on the terminal backend."""
        self.source = source
        """The surface: `cli`, `cron`, a chat platform …"""
        self.chat = chat
        """Where it is held and with whom, when that is a chat; it may change with the speaker from turn to turn."""
        self.terminal = terminal
        """The terminal backend of this conversation; empty for the one that is configured."""
        self.memory: dict[str, Any] = {}
        """For plugins to keep live objects of this conversation; keys begin with the plugin's name. Gone at its end."""
        self.passed_environment: frozenset[str] = frozenset()
        """Names of variables that this session's commands may see besides those that all may."""
        self._record_state = record_state
        self._recorded = dict(recorded_state or {})
        self._announce = announce

    def pass_environment(self, *names: str) -> None:
        """Let this session's commands see these variables of the host's environment and `.env`, from the next on."""
        self.passed_environment |= frozenset(names)

    def announce(self, text: str, *, level: Literal["info", "warning", "error"] = "info", code: str = "") -> None:
        """Tell the user something in a line, also when no turn is running."""
        if self._announce is not None:
            from hermes_host.events import Notice

            self._announce(Notice(text=text, level=level, code=code))

    def recorded(self, name: str) -> dict[str, Any]:
        """What was last recorded under `name`, also before a restart; empty where nothing was."""
        return self._recorded.get(name, {})

    def record(self, name: str, data: dict[str, Any]) -> None:
        """Write JSON values into the session's log; they survive a restart. `name` begins with the plugin's name."""
        if self._record_state is not None:
            self._record_state(name, data)
        self._recorded[name] = data


class ToolContext:
    """Handed to a tool with each call."""

    def __init__(
        self,
        plugin: PluginContext,
        session: SessionContext,
        *,
        call_id: str = "",
        turn_id: str = "",
        tool: str = "",
        deadline: float | None = None,
        progress: Callable[[str], None] | None = None,
        terminals: Terminals | None = None,
        questioner: Questioner | None = None,
        can_approve: bool = False,
        call_tool: Callable[[str, dict[str, Any]], Awaitable[ToolResult]] | None = None,
        effects: frozenset[str] = frozenset(),
        origin: Callable[[], Provenance] = lambda: "owner",
    ) -> None:
        self.plugin = plugin
        self.session = session
        self.call_id = call_id
        self.turn_id = turn_id
        self.tool = tool
        self._deadline = deadline
        self._progress = progress
        self._terminals = terminals
        self._questioner = questioner
        self._call_tool = call_tool
        self.can_approve = can_approve
        """Whether somebody can be asked for consent on this surface."""
        self.effects = effects
        """The effects the tool declares."""
        self._origin = origin

    @property
    def origin(self) -> Provenance:
        """Who may stand behind this call: `external` as soon as this turn read something from the network, or was
        begun by words from outside; `member` when someone other than the owner began it. What outlives the turn
        (memory, skills, jobs) must not be written for them without the owner's consent."""
        return self._origin()

    @property
    def remaining(self) -> float | None:
        """Seconds left for this call, or None without a limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def progress(self, text: str) -> None:
        """Show live output while the call runs."""
        if self._progress is not None:
            self._progress(text)

    @property
    def terminals(self) -> Terminals:
        """The host's terminals. Raises `NotFound` where no terminal backend is installed."""
        if self._terminals is None:
            raise NotFound("No terminal backend is installed.", remedy="Try `pip install hermes-local`.")
        return self._terminals

    @property
    def has_terminal(self) -> bool:
        """Whether a terminal backend is installed."""
        return self._terminals is not None

    async def terminal(self) -> Terminal:
        """This session's terminal, opened on first use."""
        return await self.terminals.open(self.session)

    async def shell(self) -> Shell:
        """This session's shell on its terminal: it keeps directory and environment from command to command."""
        return await self.terminals.shell(self.session)

    async def ask(
        self, text: str, choices: tuple[str, ...] = (), *, timeout: float = 120.0, secret: bool = False
    ) -> str | None:
        """Put a question to the user. None when nobody answers, or when nobody can be asked on this surface.

        A `secret` answer is not shown while it is typed; it must not be given to the model.
        """
        if self._questioner is None:
            return None
        from hermes_host.protocols import Question

        question = Question(
            id=self.call_id,
            session_id=self.session.id,
            text=text,
            choices=choices,
            timeout=timeout,
            secret=secret,
        )
        return await self._questioner.ask(question)

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Make a call of another tool of this session, on the same path as the model's own: checked, judged, approved,
        limited. Failures are results with `is_error`. Raises `NotFound` outside a session."""
        if self._call_tool is None:
            raise NotFound("There are no tools to call here.")
        return await self._call_tool(name, arguments)

    @property
    def can_ask(self) -> bool:
        """Whether somebody can be asked on this surface."""
        return self._questioner is not None

    def keep(self, name: str, data: bytes) -> Path:
        """Keep bytes that are too long for the model in a file of this session; gives its path."""
        folder = private_directory(self.plugin.home / "cache" / "results" / self.session.id)
        path = folder / f"{self.call_id or self.tool}-{name}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        return path
