"""Names that Hermes Agent's users have on disk and in their environment: data, no behaviour."""

from __future__ import annotations

from typing import Final

__all__ = ["ENVIRONMENT", "FEATURES", "REPLACED"]

ENVIRONMENT: Final = {
    "HERMES_INFERENCE_PROVIDER": "model.provider",
    "HERMES_MODEL": "model.default",
    "HERMES_MAX_ITERATIONS": "agent.max_turns",
    "TERMINAL_ENV": "terminal.backend",
    "TERMINAL_CWD": "terminal.cwd",
    "TERMINAL_TIMEOUT": "terminal.timeout",
}
"""Environment variables with names of their own, and the settings they stand for."""

FEATURES: Final = {
    "_config_version": "the format of this file",
    "known_plugin_toolsets": "the tool configurator",
    "timezone": "cron",
    "model.api_mode": "the providers' wire formats",
    "model.context_length": "the model catalogue",
    "agent.tool_use_enforcement": "prompt guidance",
    "agent.personalities": "personalities",
    "agent.verbose": "verbose logging",
    "agent.prefill_messages_file": "prefilled messages",
    "terminal.lifetime_seconds": "terminal backends that hibernate",
    "terminal.docker_image": "the Docker terminal",
    "terminal.docker_forward_env": "the Docker terminal",
    "terminal.docker_volumes": "the Docker terminal",
    "terminal.docker_mount_cwd_to_workspace": "the Docker terminal",
    "terminal.singularity_image": "the Singularity terminal",
    "terminal.modal_image": "the Modal terminal",
    "terminal.daytona_image": "the Daytona terminal",
    "terminal.container_cpu": "container terminals",
    "terminal.container_memory": "container terminals",
    "terminal.container_disk": "container terminals",
    "terminal.container_persistent": "container terminals",
    "terminal.ssh_host": "the SSH terminal",
    "terminal.ssh_user": "the SSH terminal",
    "terminal.ssh_port": "the SSH terminal",
    "terminal.ssh_key": "the SSH terminal",
    "terminal.sandbox_dir": "container terminals",
    "terminal.scratch_dir": "container terminals",
    "terminal.disk_warning_gb": "container terminals",
    "terminal.sudo_password": "sudo in the terminal",
    "terminal.credential_files": "container terminals",
    "display.compact": "the banner",
    "display.personality": "personalities",
    "display.resume_display": "the full-screen terminal interface",
    "display.busy_input_mode": "the full-screen terminal interface",
    "display.bell_on_complete": "the full-screen terminal interface",
    "display.skin": "skins",
    "display.tool_progress_command": "the messaging gateway",
    "display.background_process_notifications": "the messaging gateway",
    "browser": "browser tools",
    "checkpoints": "checkpoints",
    "compression": "context compression",
    "smart_model_routing": "model routing",
    "provider_routing": "the OpenRouter provider",
    "fallback_model": "model fallback",
    "custom_providers": "custom providers",
    "privacy": "the messaging gateway",
    "tts": "speech output",
    "stt": "speech recognition",
    "voice": "voice mode",
    "human_delay": "the messaging gateway",
    "memory": "memory",
    "delegation": "subagents",
    "skills": "skills",
    "honcho": "Honcho memory",
    "discord": "Discord",
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "slack": "Slack",
    "signal": "Signal",
    "matrix": "Matrix",
    "mattermost": "Mattermost",
    "quick_commands": "quick commands",
    "personalities": "personalities",
    "security": "content scanning",
    "mcp_servers": "MCP servers",
    "session_reset": "the messaging gateway",
    "group_sessions_per_user": "the messaging gateway",
    "unauthorized_dm_behavior": "the messaging gateway",
    "reset_triggers": "the messaging gateway",
    "always_log_local": "the messaging gateway",
    "streaming": "the messaging gateway",
    "platforms": "the messaging gateway",
    "code_execution": "code execution",
    "clarify": "questions to the user",
    "web": "web search",
    "worktree": "git worktrees",
    "prefill_messages_file": "prefilled messages",
}
"""Sections and settings of Hermes Agent that this host does not have by itself, and the feature each belongs to.

They are kept in the file and cause no complaint; a plugin that declares the name takes it over.
"""

REPLACED: Final = {
    "toolsets": "`platform_toolsets` says which tools each surface has.",
    "command_allowlist": "Remembered approvals are listed by `hermes approvals`; the old list never had an effect.",
    "compression.summary_model": "`auxiliary.compression` names the model that writes summaries.",
    "compression.summary_provider": "`auxiliary.compression` names the model that writes summaries.",
    "compression.summary_base_url": "`auxiliary.compression` names the model that writes summaries.",
    "terminal.persistent_shell": "Shells always keep their state.",
    "display.show_cost": "It never had an effect.",
}
"""Settings of Hermes Agent that do nothing here, and why; kept in the file like those of `FEATURES`."""
