"""The host's own sections of config.yaml. Names and defaults are those of Hermes Agent where it has the setting."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hermes_host.config.secret import Secret

__all__ = [
    "HOST_SECTIONS",
    "AgentSection",
    "ApprovalsSection",
    "DisplaySection",
    "ModelSection",
    "PlatformToolsets",
    "PluginsSection",
    "SecretsSection",
    "SessionsSection",
    "TerminalSection",
]

_PROJECT = {"project": True}


class ModelSection(msgspec.Struct, frozen=True, kw_only=True):
    """The model to use. A bare string in place of the mapping is the default model."""

    default: Annotated[
        str,
        Meta(
            description="The model, as the provider names it; `provider:model` names both.",
            extra={"shorthand": True, "aliases": ("model",), "environment": ("HERMES_MODEL",), **_PROJECT},
        ),
    ] = ""
    provider: Annotated[
        str,
        Meta(
            description="The provider; empty or `auto`: the first one that can be used.",
            extra={"environment": ("HERMES_INFERENCE_PROVIDER",)},
        ),
    ] = ""
    base_url: Annotated[
        str, Meta(description="The address of an endpoint that speaks chat completions, up to /v1.")
    ] = ""
    api_key: Annotated[
        Secret, Meta(description="The key for base_url, and for nothing else; best a placeholder such as ${MY_KEY}.")
    ] = Secret()


class AgentSection(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn runs."""

    max_turns: Annotated[
        int,
        Meta(
            description="Model requests in one turn.",
            ge=1,
            extra={"environment": ("HERMES_MAX_ITERATIONS",), **_PROJECT},
        ),
    ] = 90
    deadline: Annotated[
        float, Meta(description="Seconds one turn may take, with all retries; 0: no limit.", ge=0, extra=_PROJECT)
    ] = 0.0
    system_prompt: Annotated[str, Meta(description="Text added to the system prompt.")] = ""
    reasoning_effort: Annotated[
        Literal["", "none", "minimal", "low", "medium", "high", "xhigh"],
        Meta(description="How much the model is to think; empty: the model's own default.", extra=_PROJECT),
    ] = ""


class TerminalSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where commands run."""

    backend: Annotated[
        str,
        Meta(
            description="The terminal backend; see `hermes tools`.",
            extra={"aliases": ("env_type",), "environment": ("TERMINAL_ENV",)},
        ),
    ] = "local"
    cwd: Annotated[
        str,
        Meta(
            description="Where commands start; `.` is the directory hermes was started in.",
            extra={"environment": ("TERMINAL_CWD",)},
        ),
    ] = "."
    timeout: Annotated[
        float,
        Meta(description="Seconds a command may run.", gt=0, extra={"environment": ("TERMINAL_TIMEOUT",), **_PROJECT}),
    ] = 180.0
    env_passthrough: Annotated[
        list[str], Meta(description="Names of environment variables that commands may see besides the harmless ones.")
    ] = []


class ApprovalsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked before a tool acts."""

    mode: Annotated[
        Literal["manual", "smart", "off"],
        Meta(
            description="manual: a person is asked; smart: a model looks first and may refuse (with a plugin that does "
            "it, else as manual); off: nobody is asked, everything runs."
        ),
    ] = "manual"
    timeout: Annotated[float, Meta(description="Seconds until silence counts as no.", gt=0)] = 60.0


class SessionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where conversations are kept."""

    store: Annotated[str, Meta(description="The session store; empty: the one with the highest priority.")] = ""


class SecretsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where secrets are kept besides `.env` and the environment."""

    stores: Annotated[
        list[str], Meta(description="Secret stores to ask for what is set nowhere else, in this order.")
    ] = []


class PluginsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins are used."""

    disabled: Annotated[list[str], Meta(description="Names of plugins that are not loaded.")] = []
    prefer: Annotated[list[str], Meta(description="Plugins that win when two offer the same name, best first.")] = []


class DisplaySection(msgspec.Struct, frozen=True, kw_only=True):
    """What the terminal shows."""

    show_reasoning: Annotated[bool, Meta(description="Show what the model thinks.", extra=_PROJECT)] = False
    streaming: Annotated[bool, Meta(description="Show the answer while it is written.", extra=_PROJECT)] = True
    tool_progress: Annotated[
        Literal["off", "new", "all", "verbose"],
        Meta(description="Tool calls to show: none, the first of each kind, all, all with arguments.", extra=_PROJECT),
    ] = "all"


PlatformToolsets = Annotated[
    dict[str, list[str]], Meta(description="The toolsets of each surface, such as `cli: [file, terminal]`.")
]


class AuxiliaryTask(msgspec.Struct, frozen=True, kw_only=True):
    """The model for one kind of side work."""

    provider: Annotated[str, Meta(description="The provider; empty, `auto` or `main`: that of the conversation.")] = ""
    model: Annotated[str, Meta(description="The model; empty: that of the conversation.")] = ""
    timeout: Annotated[float, Meta(description="Seconds an answer may take.", gt=0)] = 120.0


Auxiliary = Annotated[
    dict[str, AuxiliaryTask],
    Meta(description="Models for side work by task: vision, compression, title, session_search, web_extract …"),
]

HOST_SECTIONS: dict[str, Any] = {
    "model": ModelSection,
    "agent": AgentSection,
    "terminal": TerminalSection,
    "approvals": ApprovalsSection,
    "sessions": SessionsSection,
    "secrets": SecretsSection,
    "plugins": PluginsSection,
    "display": DisplaySection,
    "platform_toolsets": PlatformToolsets,
    "auxiliary": Auxiliary,
}
