"""What the parts of an agent host must be able to do: the contracts between the host and its plugins.

Each protocol has a conformance class in `hermes_host.testing`; a part that passes it can be used wherever the protocol
is asked for. Optional abilities are words in the spec's `features`, never `hasattr`.
"""

from __future__ import annotations

from hermes_host.protocols.checks import CheckResult
from hermes_host.protocols.gateway import (
    Adapter,
    AdapterLimits,
    Address,
    Attachment,
    Button,
    Chat,
    CommandEntry,
    Daemon,
    Inbound,
    Inbox,
    Outbound,
    Place,
    Receipt,
    Role,
    Sender,
)
from hermes_host.protocols.memory import Exchange, MemoryProvider, SkillFolder, SkillSource
from hermes_host.protocols.models import (
    ModelInfo,
    ModelMiddleware,
    ModelRequest,
    ModelSettings,
    Provider,
    TimeLimits,
    ToolDefinition,
)
from hermes_host.protocols.secrets import SecretStore
from hermes_host.protocols.sessions import SessionStore, SessionWriter
from hermes_host.protocols.terminals import (
    Command,
    DetachingTerminal,
    Exited,
    FileInfo,
    Output,
    Terminal,
    TerminalBackend,
)
from hermes_host.protocols.tools import (
    ApprovalCase,
    ApprovalChoice,
    ApprovalRequest,
    Approver,
    Assessment,
    ChangingToolSource,
    Decision,
    Question,
    Questioner,
    ToolMiddleware,
    ToolOutput,
    ToolSource,
)

__all__ = [
    "Adapter",
    "AdapterLimits",
    "Address",
    "ApprovalCase",
    "ApprovalChoice",
    "ApprovalRequest",
    "Approver",
    "Assessment",
    "Attachment",
    "Button",
    "ChangingToolSource",
    "Chat",
    "CheckResult",
    "Command",
    "CommandEntry",
    "Daemon",
    "Decision",
    "DetachingTerminal",
    "Exchange",
    "Exited",
    "FileInfo",
    "Inbound",
    "Inbox",
    "MemoryProvider",
    "ModelInfo",
    "ModelMiddleware",
    "ModelRequest",
    "ModelSettings",
    "Outbound",
    "Output",
    "Place",
    "Provider",
    "Question",
    "Questioner",
    "Receipt",
    "Role",
    "SecretStore",
    "Sender",
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
    "ToolSource",
]
