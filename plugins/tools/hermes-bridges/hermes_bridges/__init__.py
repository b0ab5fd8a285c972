"""Plugins made for other agents, used through adapters.

`tree` reads a folder whole and gives its hash; `reading` (with `reading_*`) says what a folder is and what of it maps
to what, without running any of it; `trust` keeps what the owner consented to; `bridges` is the service that ties them
together. What runs then: `python_plugins` and `python_tools` (Hermes 0.5), `claude_hooks` with `hook_process` and
`hook_answer`, `slash` (commands), `skills`, and `launch` (MCP servers).
"""
