"""All settings of the gateway: its own section, and those of Hermes Agent that it has taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_gateway.quick import QuickCommand, QuickCommands

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = [
    "SECTIONS",
    "Access",
    "DisplaySection",
    "GatewaySettings",
    "QuickCommands",
    "ResetPolicy",
    "ResetSection",
    "Settings",
    "StreamingSection",
]

Ids = list[str | int]
BusyMode = Literal["interrupt", "queue", "steer"]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may talk on one platform, by the platform's own ids, exactly as it writes them."""

    owners: Annotated[Ids, Meta(description="Ids of the owner's accounts: they may do everything.")] = []
    members: Annotated[Ids, Meta(description="Ids of people with the tools and commands of members.")] = []
    guests: Annotated[Ids, Meta(description="Ids of people who may talk, without tools that act.")] = []
    everyone: Annotated[Literal["", "guest", "member"], Meta(description="What everybody else is; empty: nobody.")] = ""
    unknown: Annotated[
        Literal["", "pair", "ignore"],
        Meta(description="What unknown people get in a direct chat: a pairing code, or no answer; empty: the default."),
    ] = ""
    bots: Annotated[bool, Meta(description="Answer messages of other bots that are allowed to talk.")] = False


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken of files that come with messages."""

    file_bytes: Annotated[int, Meta(description="The largest file that is fetched.", ge=0)] = 20_000_000
    message_bytes: Annotated[int, Meta(description="All files of one message together.", ge=0)] = 50_000_000
    inline_bytes: Annotated[int, Meta(description="Text files up to this size are put into the message.", ge=0)] = (
        100_000
    )
    keep_hours: Annotated[float, Meta(description="How long fetched files are kept.", gt=0)] = 168.0


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """How unknown people ask to be let in."""

    seconds: Annotated[float, Meta(description="How long a code is good.", gt=0)] = 3600.0
    interval: Annotated[float, Meta(description="Seconds between two codes for one person.", ge=0)] = 600.0
    pending: Annotated[int, Meta(description="Codes that may be open on one platform.", ge=1)] = 3
    attempts: Annotated[int, Meta(description="Wrong codes until approving is locked.", ge=1)] = 5
    lock_seconds: Annotated[float, Meta(description="How long it is locked then.", gt=0)] = 3600.0


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway works."""

    access: Annotated[dict[str, Access], Meta(description="Who may talk, by platform.")] = {}
    allow_all_as: Annotated[
        Literal["guest", "member"],
        Meta(description="What everybody is where a variable such as GATEWAY_ALLOW_ALL_USERS lets everybody in."),
    ] = "guest"
    member_tools: Annotated[
        list[str] | None,
        Meta(description="Toolsets and tools of members; unset: those that only ask, or read from the network."),
    ] = None
    guest_tools: Annotated[list[str], Meta(description="Toolsets and tools of guests.")] = []
    member_memory: Annotated[
        Literal["full", "read", "none"], Meta(description="Whether turns of members use the owner's memories.")
    ] = "none"
    members_approve: Annotated[bool, Meta(description="Let members approve calls of turns they began.")] = False
    member_commands: Annotated[
        list[str] | None,
        Meta(description="Slash commands of members; unset: those that act on their own conversation."),
    ] = None
    follow_person: Annotated[
        bool, Meta(description="One conversation for all direct chats of a linked person, wherever it goes on.")
    ] = False
    queue_limit: Annotated[int, Meta(description="Messages that may wait in one conversation.", ge=1)] = 20
    text_pause: Annotated[float, Meta(description="Seconds to wait for more text before answering.", ge=0)] = 0.6
    media_pause: Annotated[float, Meta(description="Seconds to wait for the rest of an album.", ge=0)] = 0.8
    parallel_turns: Annotated[int, Meta(description="Turns that may run at the same time.", ge=1)] = 100
    background_turns: Annotated[int, Meta(description="Background tasks of one chat.", ge=1)] = 3
    turn_seconds: Annotated[float, Meta(description="The time limit of a turn; 0: that of the agent.", ge=0)] = 0.0
    quiet_seconds: Annotated[float, Meta(description="After so long without a sign, /status says so.", gt=0)] = 120.0
    max_resumes: Annotated[int, Meta(description="How often an interrupted turn is taken up again.", ge=0)] = 2
    lease_seconds: Annotated[float, Meta(description="How long a running turn is held without a sign.", gt=0)] = 30.0
    drain_seconds: Annotated[float, Meta(description="Time running turns get when the gateway stops.", ge=0)] = 20.0
    idle_seconds: Annotated[float, Meta(description="How long a conversation stays open after a turn.", ge=0)] = 60.0
    open_conversations: Annotated[int, Meta(description="Conversations that stay open at a time.", ge=1)] = 200
    approval_seconds: Annotated[float, Meta(description="How long a question waits for its answer.", gt=0)] = 300.0
    keep_days: Annotated[float, Meta(description="How long what came in is remembered.", gt=0)] = 14.0
    media: Annotated[Media, Meta(description="Files that come in.")] = Media()
    pairing: Annotated[Pairing, Meta(description="Letting people in.")] = Pairing()
    send_attempts: Annotated[int, Meta(description="How often a message is sent before it is given up.", ge=1)] = 8
    send_hours: Annotated[float, Meta(description="How long a message is tried.", gt=0)] = 24.0
    media_folders: Annotated[
        list[str], Meta(description="Folders whose files may be sent, besides where conversations work and the cache.")
    ] = []
    quiet_hours: Annotated[
        str, Meta(description="When messages nobody asked for wait, such as `22:00-07:00`; answers come at any time.")
    ] = ""
    mirror: Annotated[bool, Meta(description="Tell a chat's conversation what another one sent into it.")] = True


class ResetPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a conversation begins anew; what is unset is as in the default."""

    mode: Annotated[
        Literal["both", "daily", "idle", "none"] | None, Meta(description="Daily, after idleness, both, or never.")
    ] = None
    at_hour: Annotated[
        Annotated[int, Meta(ge=0, le=23)] | None, Meta(description="The hour of the daily reset, local time.")
    ] = None
    idle_minutes: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="Minutes without a message.")] = None


class ResetSection(msgspec.Struct, frozen=True, kw_only=True):
    """When conversations begin anew."""

    mode: Annotated[
        Literal["both", "daily", "idle", "none"], Meta(description="Daily, after idleness, both, or never.")
    ] = "both"
    at_hour: Annotated[
        int,
        Meta(
            description="The hour of the daily reset, local time.",
            ge=0,
            le=23,
            extra={"environment": ("SESSION_RESET_HOUR",)},
        ),
    ] = 4
    idle_minutes: Annotated[
        float,
        Meta(description="Minutes without a message.", gt=0, extra={"environment": ("SESSION_IDLE_MINUTES",)}),
    ] = 1440.0
    notify: Annotated[bool, Meta(description="Say so in the chat.")] = True
    notify_exclude_platforms: Annotated[list[str], Meta(description="Platforms where it is not said.")] = msgspec.field(
        default_factory=lambda: ["api_server", "webhook"]
    )
    by_type: Annotated[
        dict[str, ResetPolicy], Meta(description="Other policies for `direct`, `group` and `channel`.")
    ] = {}
    by_platform: Annotated[dict[str, ResetPolicy], Meta(description="Other policies by platform; they win.")] = {}


class DisplaySection(msgspec.Struct, frozen=True, kw_only=True):
    """What chats show."""

    busy_input_mode: Annotated[
        BusyMode,
        Meta(description="A message during a turn: ends it, waits for its end, or is read at its next step."),
    ] = "interrupt"
    background_process_notifications: Annotated[
        Literal["off", "result", "error", "all"], Meta(description="What chats hear of background processes.")
    ] = "all"
    tool_progress: Annotated[Literal["off", "new", "all", "verbose"], Meta(description="Tool calls to show.")] = "all"


class StreamingSection(msgspec.Struct, frozen=True, kw_only=True):
    """Showing an answer while it is written."""

    enabled: Annotated[bool, Meta(description="Show it where the platform can edit messages.")] = True
    transport: Annotated[Literal["edit", "off"], Meta(description="How.")] = "edit"
    edit_interval: Annotated[
        float, Meta(description="Seconds between two edits; never less than the platform allows.", gt=0)
    ] = 0.3
    buffer_threshold: Annotated[int, Meta(description="New characters before an edit.", ge=1)] = 40
    cursor: Annotated[str, Meta(description="What stands at the end meanwhile.")] = " ▉"


SECTIONS = {
    "gateway": "GatewaySettings",
    "session_reset": "ResetSection",
    "display": "DisplaySection",
    "streaming": "StreamingSection",
    "quick_commands": "QuickCommands",
}
"""The sections of config.yaml and the names of their types in this module."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them together."""

    gateway: GatewaySettings = GatewaySettings()
    session_reset: ResetSection = ResetSection()
    display: DisplaySection = DisplaySection()
    streaming: StreamingSection = StreamingSection()
    quick_commands: dict[str, QuickCommand] = {}
    group_sessions_per_user: bool = True
    unauthorized_dm_behavior: Literal["pair", "ignore"] = "pair"

    @classmethod
    def of(cls, host: Host, gateway: GatewaySettings | None = None) -> Settings:
        """As they are in the host's configuration; `gateway` takes the place of that section."""
        kinds = {name: globals()[kind] for name, kind in SECTIONS.items()}
        found = {name: host.config.section(name, kind) for name, kind in kinds.items()}
        return cls(
            **{**found, **({"gateway": gateway} if gateway is not None else {})},
            # Single words at the top of the file, which no section can declare with a default.
            group_sessions_per_user=host.config.raw("group_sessions_per_user") not in (False, "false", "off", "no"),
            unauthorized_dm_behavior="ignore" if host.config.raw("unauthorized_dm_behavior") == "ignore" else "pair",
        )

    def access(self, platform: str) -> Access:
        """Who may talk on a platform."""
        return self.gateway.access.get(platform, _NO_ACCESS)

    def pairs(self, platform: str, *, usually: bool = True) -> bool:
        """Whether unknown people get a pairing code there; `usually` is the platform's own word on it."""
        otherwise = self.unauthorized_dm_behavior if usually else "ignore"
        return (self.access(platform).unknown or otherwise) == "pair"

    def reset_policy(self, platform: str, kind: str) -> ResetPolicy:
        """When a conversation of that kind begins anew; every field is set."""
        base = self.session_reset
        layers = (
            base.by_platform.get(platform),
            base.by_type.get(kind) or base.by_type.get({"direct": "dm"}.get(kind, kind)),
            ResetPolicy(mode=base.mode, at_hour=base.at_hour, idle_minutes=base.idle_minutes),
        )
        found = [layer for layer in layers if layer is not None]
        return ResetPolicy(
            mode=next(layer.mode for layer in found if layer.mode is not None),
            at_hour=next(layer.at_hour for layer in found if layer.at_hour is not None),
            idle_minutes=next(layer.idle_minutes for layer in found if layer.idle_minutes is not None),
        )


_NO_ACCESS = Access()
