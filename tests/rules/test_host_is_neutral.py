"""The host knows no vendor, no plugin and no heavy library."""

from __future__ import annotations

import re

VENDORS = [
    *("openai", "anthropic", "claude", "gemini", "openrouter", "ollama", "mistral", "groq", "deepseek", "qwen"),
    *("moonshot", "kimi", "minimax", "huggingface", "copilot", "elevenlabs", "firecrawl", "tavily"),
    *("telegram", "discord", "slack", "whatsapp", "signal-cli", "mattermost", "dingtalk", "twilio", "honcho"),
    *("docker", "podman", "modal", "daytona", "singularity", "apptainer", "playwright", "atropos", "openclaw"),
]
"""Words of companies and products, matched as whole words."""

FILES_OF_THE_ORIGINAL = {"hermes_host/config/original.py"}
"""What the settings of Hermes Agent are called, so that its files are read without a warning for each."""

BANNED_IMPORTS = {
    "openai", "anthropic", "httpx", "httpx2", "httpcore", "requests", "urllib3", "aiohttp", "mcp",
    "http.client", "urllib.request", "sqlite3", "sqlalchemy", "textual", "prompt_toolkit", "pydantic",
}  # fmt: skip

SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|CREATE\s+TABLE|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\b")


def test_no_module_of_the_host_holds_a_vendors_word(host_modules):
    pattern = re.compile(r"(?<![a-z])(" + "|".join(VENDORS) + r")(?![a-z])", re.IGNORECASE)
    found = [
        f"{module.shown}:{number}: {word}"
        for module in host_modules
        if not module.name.startswith("hermes_host.testing") and module.shown not in FILES_OF_THE_ORIGINAL
        for number, line in enumerate(module.text.splitlines(), 1)
        for word in pattern.findall(line)
    ]
    assert found == []


def test_the_host_imports_no_plugin(host_modules, plugins):
    packages = {folder.package for folder in plugins}
    found = [
        f"{module.shown}:{line}: {name}"
        for module in host_modules
        for name, line in module.imports()
        if name.partition(".")[0] in packages
    ]
    assert found == []


def test_the_host_asks_for_no_plugin_by_name(host_modules, plugins):
    packages = re.compile(r"\b(" + "|".join(folder.package for folder in plugins) + r")\b")
    found = [f"{module.shown}: {name}" for module in host_modules for name in packages.findall(module.text)]
    assert found == []


def test_the_host_imports_no_sdk_no_http_client_and_no_database(host_modules):
    found = [
        f"{module.shown}:{line}: {name}"
        for module in host_modules
        if not module.name.startswith("hermes_host.testing")
        for name, line in module.imports()
        if name in BANNED_IMPORTS or name.partition(".")[0] in BANNED_IMPORTS
    ]
    assert found == []


def test_the_host_holds_no_sql(host_modules):
    found = [f"{module.shown}: {match.group()}" for module in host_modules for match in SQL.finditer(module.text)]
    assert found == []


def test_one_function_imports_foreign_code(host_modules):
    # A name written out is one's own module, imported late.
    importers = re.compile(r"\bimport_module\((?![\"'])|\b__import__\(|\bentry_point\.load\(|\bexec_module\(")
    found = {
        module.shown
        for module in host_modules
        if importers.search(module.text) and not module.name.startswith("hermes_host.testing")
    }
    assert found == {"hermes_host/plugins.py"}
    (loader,) = (module for module in host_modules if module.shown == "hermes_host/plugins.py")
    assert len(importers.findall(loader.text)) == 1
