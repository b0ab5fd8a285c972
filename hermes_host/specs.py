"""The frozen descriptions that plugins yield from their hooks.

A spec says *what* there is and *where* its code lives (`target`, a `"package.module:attribute"` string); nothing is
imported until the thing is first used. Specs are `msgspec.Struct`s: to define one costs a tenth of what a dataclass
costs, and every start pays for all of them.

Fields that several specs share:

`name`
    What users and configuration call it. Unique within its kind, case-sensitive, matches
    `^[A-Za-z][A-Za-z0-9_.-]{0,63}$` (tools: `^[a-z][a-z0-9_]{0,63}$`).
`summary`
    One plain sentence for listings and help.
`target`
    `"package.module:attribute"`. What the attribute must be is said at each spec.
`priority`
    Higher wins when two plugins offer one name; also the order in which things are composed. Default 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = [
    "API_GROUP",
    "EFFECTS",
    "AdapterSpec",
    "Capabilities",
    "CheckSpec",
    "CommandSpec",
    "DaemonSpec",
    "Effect",
    "FrontendSpec",
    "HookSpec",
    "MemorySpec",
    "MiddlewareSpec",
    "PluginInfo",
    "PromptSectionSpec",
    "ProviderSpec",
    "SecretSpec",
    "SecretStoreSpec",
    "SectionSpec",
    "ServiceSpec",
    "SessionStoreSpec",
    "SkillSourceSpec",
    "SlashCommandSpec",
    "Spec",
    "TerminalSpec",
    "ToolSourceSpec",
    "ToolSpec",
    "ToolsetSpec",
]

API_GROUP = "hermes.v1"
"""The entry-point group this host reads. Its name carries the major version of the plugin API."""

Effect = Literal["read", "write", "process", "net", "send", "ask"]
"""What a tool can do to the world: read data, write files, run programs, reach the network, write to people,
ask the user a question. The approval gate decides by these."""

EFFECTS: frozenset[str] = frozenset({"read", "write", "process", "net", "send", "ask"})


class SecretSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A secret a plugin may ask for. A plugin receives no secret that it does not declare."""

    name: str
    """The environment variable, such as `"ACME_API_KEY"`."""
    summary: str = ""
    url: str = ""
    """Where a person gets one."""
    sensitive: bool = True
    """False for a variable that is not secret, such as an address: it is not hidden where it appears in text."""


class SectionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A section of `config.yaml` that belongs to a plugin."""

    name: str
    """The top-level key."""
    target: str
    """A `msgspec.Struct` class (see `hermes_host.config`), every field with a default; or another type for msgspec."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin needs beyond its own two folders (state and cache) and its declared secrets.

    Shown when it is installed, asked for again when an update wants more, and enforced where it runs isolated. A plugin
    in the host's own process is not confined by it.
    """

    network: tuple[str, ...] = ()
    """Hosts it talks to, such as `"api.acme.test"`; `"*"` for any."""
    read: tuple[str, ...] = ()
    """Folders it reads; `~`, `$HERMES_HOME` and `$WORKSPACE` (where the conversation works) may begin one."""
    write: tuple[str, ...] = ()
    """Folders it writes, which it may then read as well."""
    programs: tuple[str, ...] = ()
    """Programs it starts, such as `"git"`; `"*"` for any."""


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin says about itself as a whole."""

    summary: str
    homepage: str = ""
    sections: tuple[SectionSpec, ...] = ()
    secrets: tuple[SecretSpec, ...] = ()
    capabilities: Capabilities = Capabilities()


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Access to models. Target: `(context: PluginContext, spec: ProviderSpec) -> Provider`, sync or async."""

    name: str
    summary: str
    target: str
    priority: int = 0
    aliases: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Names of the secrets of which one is needed, best first; empty where no key is needed."""
    default_model: str = ""
    """The model used when the user names only the provider."""
    url: str = ""
    """Where a person gets a key, or reads how to start a local server."""
    needs_setup: bool = True
    """False for a provider that works with no configuration at all: it is used when nothing is configured."""
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """Data for the target, so that one target serves many presets."""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the model can call. Target: `async (arguments, call: ToolContext) -> ToolOutput | str | dict`."""

    name: str
    summary: str
    """The description the model reads. It is paid for with every request: say what the model cannot guess, no more."""
    parameters: str | Mapping[str, Any]
    """The target of a `msgspec.Struct` (the handler receives an instance), or a JSON schema (it receives a dict)."""
    target: str
    effects: frozenset[Effect]
    toolset: str = ""
    """The group users switch on and off; empty means the plugin's own name."""
    assess: str = ""
    """Target `async (arguments, call: ToolContext) -> Assessment`: the tool's own judgement of one call. Without it,
    calls with effects other than read, net and ask need a person's consent."""
    available: str = ""
    """Target `(context: PluginContext) -> str`: empty when the tool can be used, else the reason why not. Cheap, no I/O
    beyond a look at the machine."""
    parallel: bool = False
    """True when calls may run beside other calls of the same turn."""
    timeout: float = 0.0
    """Seconds for one call, 0 for no limit but the turn's deadline."""
    shows: str = ""
    """The argument a front end shows on the tool's line, such as `"command"` or `"path"`."""
    priority: int = 0


class ToolSourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Tools that are known only at run time. Target: `(context: PluginContext, spec) -> ToolSource`, sync or async.

    One that can say when its tools change implements `ChangingToolSource`.
    """

    name: str
    summary: str
    target: str
    priority: int = 0


class ToolsetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of tools and of other toolsets."""

    name: str
    summary: str
    tools: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    priority: int = 0


class TerminalSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A place where commands run. Target: `(context: PluginContext, spec: TerminalSpec) -> TerminalBackend`."""

    name: str
    summary: str
    target: str
    features: frozenset[str] = frozenset()
    """Of: `files`, `pty`, `background`, `detached` (background jobs can outlive this process, see `DetachingTerminal`),
    `hibernate`, `network`, `reap` (it can clean up after killed processes) and `local` (its files are those of the
    machine the host runs on)."""
    priority: int = 0


class SessionStoreSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A place where conversations are kept. Target: `(context: PluginContext, spec) -> SessionStore`.

    The store named by `sessions.store` is used, else the one with the highest priority.
    """

    name: str
    summary: str
    target: str
    priority: int = 0


class SecretStoreSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A place where secrets are kept. Target: `(context: PluginContext, spec) -> SecretStore`.

    Those named in `secrets.stores` are asked, in that order, for what neither `.env` nor the environment has.
    """

    name: str
    summary: str
    target: str
    priority: int = 0


class MemorySpec(msgspec.Struct, frozen=True, kw_only=True):
    """Something that remembers across conversations. Target: `(context: PluginContext, spec) -> MemoryProvider`.

    All memories are used, each for what its `features` name.
    """

    name: str
    summary: str
    target: str
    features: frozenset[str]
    """Of: `prompt` (a part of the system prompt), `recall` (words that ride on a message), `observe` (is told of every
    turn), `flush` (is told before the model loses sight of messages)."""
    order: int = 300
    """Its place in the system prompt, as for `PromptSectionSpec`."""
    priority: int = 0


class SkillSourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Skills that a plugin brings. Target: `(context: PluginContext, spec) -> SkillSource`, sync or async.

    They are read where they lie and go away with the plugin; a skill of the same name in the user's own folder wins.
    """

    name: str
    summary: str
    target: str
    priority: int = 0


class PromptSectionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the system prompt. Target: `async (context: PluginContext, session: Session) -> str`, empty for none.

    Called once for each session; what it returns stays in the prompt, byte for byte, until compaction. Sections stand
    in the order of `order`, then of their names.
    """

    name: str
    summary: str
    target: str
    order: int = 500
    """0-99 identity, 100-299 guidance, 300-499 memory and skills, 500-699 project, 700-899 environment."""
    priority: int = 0


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Something a plugin does for other plugins. Target: `(context: PluginContext, spec) -> part`, sync or async.

    Made when somebody first asks for it by `await context.services.get(Protocol)`.
    """

    name: str
    summary: str
    provides: str
    """The protocol it implements, as `"package.module:Protocol"`; one of `hermes_host.services` where that has it."""
    target: str
    priority: int = 0


class HookSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A contribution hook that a plugin brings for other plugins to implement.

    What they yield is found in `context.registry(name)`. They mark theirs `@hookimpl(optionalhook=True)`, so that it
    does no harm where the bringing plugin is not installed.
    """

    name: str
    """The kind, in the plural, such as `skill_hubs`; the hook is then `hermes_skill_hubs`."""
    summary: str
    spec: str
    """The target of the `msgspec.Struct` that is yielded; it has at least `name`, `summary`, `target`, `priority`."""
    word: str
    """The singular, for messages, such as `skill hub`."""


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command `hermes NAME`. Target: a `click.Command`."""

    name: str
    """One word; or two, such as `"plugins publish"`, to add a subcommand to a group of the host's or another plugin's,
    which cannot replace one that is there."""
    summary: str
    target: str
    group: str = ""
    """The heading it stands under in `hermes --help`."""
    priority: int = 0


class SlashCommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command `/NAME` of every front end. Target: `async (call: SlashCall) -> str | None`; the answer is Markdown."""

    name: str
    summary: str
    target: str
    aliases: tuple[str, ...] = ()
    usage: str = ""
    """The arguments, such as `"[provider:model]"`."""
    while_busy: bool = False
    """True when it may run while a turn runs (its own lane; it never waits for the turn)."""
    priority: int = 0


class MiddlewareSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Code around a call. Target: `(context: PluginContext, spec) -> ModelMiddleware | ToolMiddleware`.

    Higher priorities stand further out. Bands by use: 300 cache, 200 retry and route, 100 transform, 0 observe.
    """

    name: str
    summary: str
    target: str
    around: Literal["model", "tool"]
    priority: int = 0


class CheckSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A check of `hermes doctor`. Target: `async (context: PluginContext) -> Iterable[CheckResult]`."""

    name: str
    summary: str
    target: str
    priority: int = 0


class AdapterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A place where people write from outside. Target: `(context: PluginContext, spec: AdapterSpec) -> Adapter`.

    It runs in the gateway once it is configured; its name is the platform in addresses, sessions and settings.
    """

    name: str
    summary: str
    target: str
    features: frozenset[str] = frozenset()
    """Of: `edit`, `delete`, `typing`, `threads`, `buttons`, `media_in`, `media_out`, `voice`, `commands`, `deduplicate`
    (`Outbound.key` is honoured), `external` (nobody writes there: updates are authenticated by the adapter itself and
    count as the outside world's words)."""
    configured: str = ""
    """Target `(context: PluginContext) -> str`: empty when it can run, else what is missing; without it, it can."""
    environment: str = ""
    """The beginning of environment variables about who may talk, such as `ACME` for `ACME_ALLOWED_USERS`."""
    pairing: bool = True
    """Whether strangers usually get a pairing code; False where anybody can write to the agent, as by mail."""
    addresses: str = ""
    """A regular expression that matches a whole id of a chat; other text names one. Without it only ids that are known
    already count as such."""
    hint: str = ""
    """What the agent should know about writing there, in a sentence or two."""
    secrets: tuple[str, ...] = ()
    """What must be set for it, in the order a person is asked."""
    url: str = ""
    """Where a person gets an account for the agent."""
    priority: int = 0


class DaemonSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Something that runs as long as the gateway does. Target: `(context: PluginContext, spec) -> Daemon`."""

    name: str
    summary: str
    target: str
    configured: str = ""
    """As for `AdapterSpec`."""
    priority: int = 0


class FrontendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation surface. Target: `async (host: Host, options: FrontendOptions) -> int` (the exit code).

    Bare `hermes` opens the one with the highest priority.
    """

    name: str
    summary: str
    target: str
    priority: int = 0


Spec = (
    ProviderSpec
    | ToolSpec
    | ToolSourceSpec
    | ToolsetSpec
    | TerminalSpec
    | SessionStoreSpec
    | MemorySpec
    | SecretStoreSpec
    | SkillSourceSpec
    | HookSpec
    | PromptSectionSpec
    | ServiceSpec
    | CommandSpec
    | SlashCommandSpec
    | MiddlewareSpec
    | CheckSpec
    | FrontendSpec
    | AdapterSpec
    | DaemonSpec
)
"""Anything a contribution hook may yield, `PluginInfo` apart."""
