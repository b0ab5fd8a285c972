"""Reading SKILL.md: the frontmatter as a whole, tolerantly, and what it means to this host.

The format is that of agentskills.io. What this host adds to it (platforms, requirements, conditions) is read from the
top level, where Hermes Agent's skills have it, and from `metadata.hermes`, where the standard wants additions.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hermes_host.errors import HermesError
from hermes_skills.names import identifier_fault

__all__ = [
    "LARGEST_TEXT",
    "Facts",
    "FormatError",
    "Requirement",
    "author_problems",
    "read_facts",
    "split_frontmatter",
]

LARGEST_TEXT = 1_000_000
"""Bytes of a SKILL.md that is read."""

_DESCRIPTION_LIMIT = 1024
_LIST_LIMIT = 50


class FormatError(HermesError):
    """A SKILL.md cannot be used."""


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """An environment variable or a file a skill needs."""

    name: str
    prompt: str = ""
    help: str = ""
    required_for: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the frontmatter says."""

    name: str
    description: str
    version: str = ""
    license: str = ""
    compatibility: str = ""
    tags: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    requires_tools: tuple[str, ...] = ()
    requires_toolsets: tuple[str, ...] = ()
    fallback_for_tools: tuple[str, ...] = ()
    fallback_for_toolsets: tuple[str, ...] = ()
    variables: tuple[Requirement, ...] = ()
    files: tuple[Requirement, ...] = ()
    commands: tuple[str, ...] = ()
    setup_help: str = ""
    warning: str = ""
    """What is wrong with it though it can be used."""
    suspicious: bool = False
    """Its name or description tries to tell the agent what to do; neither is put into a prompt."""


def split_frontmatter(text: str) -> tuple[str, str]:
    """The frontmatter without its fences, and the body. Raises `FormatError`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        raise FormatError(
            "It does not begin with frontmatter.", remedy="Begin with a line of ---, then name and description."
        )
    end = re.compile(r"^---[ \t]*$", re.MULTILINE).search(text, 4)
    if end is None:
        raise FormatError("Its frontmatter does not end.", remedy="Close it with a line of ---.")
    return text[4 : end.start()], text[end.end() :].strip("\n")


def load_mapping(frontmatter: str) -> dict[str, Any]:
    """The frontmatter as a mapping. Raises `FormatError`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(frontmatter, Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 2})" if mark is not None else ""
        reason = getattr(error, "problem", "") or "it is no YAML"
        raise FormatError(
            f"Its frontmatter cannot be read{place}: {reason}.", remedy="Quote values with a colon in them."
        ) from error
    if not isinstance(data, dict):
        raise FormatError("Its frontmatter is no mapping.", remedy="Write it as `key: value` lines.")
    return {str(key): value for key, value in data.items()}


def read_facts(text: str, folder_name: str) -> Facts:
    """What a SKILL.md says. Raises `FormatError` when it cannot be used at all."""
    frontmatter, body = split_frontmatter(text)
    warning = ""
    try:
        data = load_mapping(frontmatter)
    except FormatError as error:
        data, warning = _lines(frontmatter), error.message
        if "name" not in data and "description" not in data:
            raise
    hermes = _mapping(_mapping(data.get("metadata")).get("hermes"))

    def words(*keys: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for key in keys for word in (*_words(data.get(key)), *_words(hermes.get(key)))))

    name = _text(data.get("name")) or folder_name
    fault = identifier_fault(name)
    if fault:
        raise FormatError(f"It cannot be used: {fault}.", remedy="Give it a plain name.")
    description = _text(data.get("description")) or next(
        (line.strip("# ").strip() for line in body.splitlines() if line.strip("# ").strip()), ""
    )
    if not description:
        raise FormatError("It has no description.", remedy="Say in `description` when it is to be used.")
    if name != folder_name and not warning:
        warning = f"Its folder is called {folder_name!r}, not {name!r}."
    setup = _mapping(data.get("setup")) or _mapping(hermes.get("setup"))
    legacy = _mapping(data.get("prerequisites"))
    variables = (
        *_requirements(data.get("required_environment_variables"), "name", "env_var"),
        *_requirements(hermes.get("required_environment_variables"), "name", "env_var"),
        *_requirements(setup.get("collect_secrets"), "env_var", "name"),
        *_requirements(legacy.get("env_vars"), "name", "env_var"),
    )
    files = (
        *_requirements(data.get("required_credential_files"), "path", "name"),
        *_requirements(hermes.get("required_credential_files"), "path", "name"),
    )
    return Facts(
        name=name,
        description=description[:_DESCRIPTION_LIMIT],
        version=_text(data.get("version")) or _text(hermes.get("version")),
        license=_text(data.get("license")),
        compatibility=_text(data.get("compatibility")),
        tags=words("tags"),
        related=words("related_skills"),
        platforms=tuple(word.lower() for word in words("platforms")),
        requires_tools=words("requires_tools"),
        requires_toolsets=words("requires_toolsets"),
        fallback_for_tools=words("fallback_for_tools"),
        fallback_for_toolsets=words("fallback_for_toolsets"),
        variables=tuple({item.name: item for item in reversed(variables)}.values())[::-1],
        files=tuple({item.name: item for item in files}.values()),
        commands=_words(legacy.get("commands")),
        setup_help=_text(setup.get("help")),
        warning=warning,
        suspicious=_suspicious(f"{name}\n{description}"),
    )


def author_problems(text: str, name: str, folder_name: str) -> list[str]:
    """What keeps a text from being the SKILL.md of the skill `name`: this host's rules and the standard's validator.

    The keys that Hermes Agent added at the top level are no fault.
    """
    from pathlib import Path

    from skills_ref.validator import validate_metadata  # type: ignore[import-untyped]

    try:
        frontmatter, body = split_frontmatter(text)
        data = load_mapping(frontmatter)
    except FormatError as error:
        return [str(error)]
    standard = {key: value for key, value in data.items() if key not in _ADDED}
    for key in ("name", "description", "compatibility"):
        if key in standard and not isinstance(standard[key], str):
            return [f"The field {key!r} has to be a text."]
    problems = list(validate_metadata(standard, Path(folder_name)))
    if _text(data.get("name")) != name:
        problems.append(f"The field 'name' has to be {name!r}.")
    if not body.strip():
        problems.append("There are no instructions after the frontmatter.")
    return problems


_ADDED = frozenset(
    {
        "version",
        "author",
        "platforms",
        "required_environment_variables",
        "setup",
        "prerequisites",
        "required_credential_files",
        "tags",
        "related_skills",
    }
)


def _suspicious(text: str) -> bool:
    from hermes_host.visible import visible

    if visible(text) != text:
        return True
    # The scanner costs some milliseconds; descriptions without any of its words need none of it.
    if not re.search(
        r"ignore|disregard|system prompt|instruction|you are now|tell|pretend|override|bypass|<!--|mode", text, re.I
    ):
        return False
    from hermes_skills.scan import scan_text

    return any(item.category == "injection" and item.severity in ("critical", "high") for item in scan_text(text))


def _lines(frontmatter: str) -> dict[str, Any]:
    """`key: value` lines, for frontmatter that is no YAML."""
    found = re.findall(r"^([A-Za-z][\w-]*):[ \t]+(\S.*)$", frontmatter, re.MULTILINE)
    return {key: value.strip().strip("\"'") for key, value in found}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [word.strip() for word in value.strip("[]").split(",")]
    if not isinstance(value, list):
        return ()
    return tuple(text for item in value[:_LIST_LIMIT] if (text := _text(item)[:120]))


def _requirements(value: Any, *name_keys: str) -> tuple[Requirement, ...]:
    if isinstance(value, (str, dict)):
        value = [value]
    found = []
    for item in value[:_LIST_LIMIT] if isinstance(value, list) else ():
        if isinstance(item, str):
            item = {name_keys[0]: item}
        item = _mapping(item)
        name = next((text for key in name_keys if (text := _text(item.get(key)))), "")
        if name:
            help_text = next(
                (text for key in ("help", "description", "provider_url", "url") if (text := _text(item.get(key)))), ""
            )
            found.append(Requirement(name, _text(item.get("prompt")), help_text, _text(item.get("required_for"))))
    return tuple(found)
