"""Where a path lies, and which files no agent may write."""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass
from typing import Literal

from hermes_terminal.shell.script import UNKNOWN, names

__all__ = ["Place", "Zone", "protected", "secret"]

Zone = Literal["protected", "device", "root", "home", "workspace", "temporary", "outside", "unknown"]

SYSTEM_BINARIES = frozenset(
    {"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"}
)
_HARMLESS_DEVICES = frozenset(
    {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd/1", "/dev/fd/2", "/dev/full"}
)
_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp")

_START_FILES = names(
    ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zprofile .zshenv .zlogin "
    ".zlogout .kshrc .mkshrc .cshrc .tcshrc .login .logout .inputrc .xprofile .xinitrc .xsession "
    ".xsessionrc .pam_environment .envrc_global"
)
_HOME_FILES = names(
    ".gitconfig .ripgreprc .netrc .pgpass .npmrc .yarnrc .pypirc .git-credentials .vimrc .exrc .emacs "
    ".gdbinit .pythonrc .irbrc .psqlrc .sqliterc .wgetrc .curlrc .lesskey .screenrc .tmux.conf .gemrc"
)
_HOME_FOLDERS = names(
    ".ssh .gnupg .aws .kube .docker .bashrc.d .zsh .oh-my-zsh .config/git .config/fish .config/systemd "
    ".config/autostart .config/environment.d .config/gh .config/gcloud .config/pip .local/share/systemd "
    ".claude .codex .cursor .gemini .azure library/launchagents"
)
_ANYWHERE = frozenset({".mcp.json", ".gitmodules", ".ripgreprc"})
_EDITOR_FOLDERS = frozenset({".vscode", ".idea"})
_GIT_PARTS = frozenset({"hooks", "config", "config.worktree", "gitdir", "commondir"})
_AGENT_SECRETS = frozenset({".env", "auth.json", "mcp-tokens", "webhook_subscriptions.json", "*"})
_AGENT_FILES = frozenset({"config.yaml", ".env", "auth.json", "approvals.json", "approvals.yaml", "approvals"})
_AGENT_FOLDERS = frozenset({"plugins", "hooks"})
_SECRET_HOME = names(
    ".netrc .pgpass .git-credentials .pypirc .npmrc .docker/config.json .kube/config .aws/credentials "
    ".config/gh/hosts.yml .config/gcloud/application_default_credentials.json .vault-token"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs: absolute paths on its terminal."""

    workspace: str
    """The folder the session works in; what lies in it may be changed. Empty for none."""
    home: str = ""
    agent_home: str = ""
    """The host's own folder, where it lies on the same file system."""

    def __post_init__(self) -> None:
        workspace = posixpath.normpath(self.workspace) if self.workspace else ""
        if workspace == "/" or (self.home and _within(posixpath.dirname(self.home), workspace)):
            workspace = ""
        object.__setattr__(self, "workspace", workspace)

    def join(self, directory: str | None, path: str) -> str:
        """`path` seen from `directory`, normalised; begins with `UNKNOWN` where the directory is not known."""
        if path.startswith("~"):
            user, slash, rest = path.partition("/")
            path = (self.home if user == "~" and self.home else UNKNOWN) + slash + rest
        if not path.startswith(("/", UNKNOWN)):
            path = f"{UNKNOWN if directory is None else directory}/{path}"
        return "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") else posixpath.normpath(path)

    def contains(self, path: str) -> bool:
        """Whether a path from `join` lies in the workspace."""
        return _within(path, self.workspace)

    def zone(self, path: str) -> Zone:
        """What kind of place a path from `join` is, for somebody who wants to write there."""
        if protected(path, self):
            return "protected"
        if UNKNOWN in path:
            return "unknown"
        if _within(path, "/dev") or _within(path, "/proc") or _within(path, "/sys"):
            return "temporary" if path in _HARMLESS_DEVICES else "device"
        if path == "/":
            return "root"
        if self.home and _within(self.home, path):
            return "home"
        if self.workspace and _within(path, self.workspace):
            return "workspace"
        if any(_within(path, folder) and path != folder for folder in _TEMPORARY):
            return "temporary"
        return "outside"


def _within(path: str, folder: str) -> bool:
    return bool(folder) and (path == folder or path.startswith(folder.rstrip("/") + "/"))


def protected(path: str, place: Place) -> str:
    """Why an agent may not write this path, in every mode; empty where it may.

    `path` comes from `Place.join`. Case does not count, and with an unknown beginning the end of the path decides.
    """
    folded = path.casefold()
    parts = folded.split("/")
    name = parts[-1]
    above = "/".join(parts[:-1])
    home = place.home.casefold()
    if name in _START_FILES and (UNKNOWN in above or above in (home, "/root", "/etc/skel") or _is_a_home(above)):
        return "a start file of the shell"
    if name in _ANYWHERE or (len(parts) > 1 and _EDITOR_FOLDERS.intersection(parts)):
        return "a file that programs obey when a project is opened"
    if name == ".git" or _in_git(parts):
        return "a part of git that can run programs"
    agent_home = place.agent_home.casefold()
    in_agent_home = bool(agent_home) and _within(folded, agent_home)
    if in_agent_home and _agent_part(folded[len(agent_home) :].strip("/").split("/")):
        return "the agent's own configuration"
    if ".hermes" in parts and _agent_part(parts[parts.index(".hermes") + 1 :]):
        return "the agent's own configuration"
    if parts[-2:-1] == [".claude"] and name.startswith("settings"):
        return "the configuration of an agent"
    for start in (home, "/root", UNKNOWN):
        if start and _within(folded, start):
            rest = folded[len(start) :].strip("/")
            if rest in _HOME_FILES or any(_within(rest, folder) for folder in _HOME_FOLDERS):
                return "personal configuration or keys"
    return "a key file" if ".ssh" in parts else ""


def _is_a_home(folder: str) -> bool:
    return posixpath.dirname(folder) in ("/home", "/users")


def _in_git(parts: list[str]) -> bool:
    for index, part in enumerate(parts):
        if part == ".git" or (part.endswith(".git") and index < len(parts) - 1):
            rest = parts[index + 1 :]
            if rest[:1] in (["modules"], ["worktrees"]):
                return bool(_GIT_PARTS.intersection(rest[2:]))
            return bool(rest) and rest[0] in _GIT_PARTS
    return False


def _agent_part(rest: list[str]) -> bool:
    return rest[:1] != [] and (
        rest[0] in _AGENT_FOLDERS or (len(rest) == 1 and (rest[0] in _AGENT_FILES or rest == [""]))
    )


def matches_protected(pattern: str, place: Place) -> bool:
    """Whether a glob directly below the home directory could hit a start file."""
    folder, _, name = pattern.casefold().rpartition("/")
    if folder != place.home.casefold():
        return False
    return any(fnmatch.fnmatchcase(file, name) for file in _START_FILES | _HOME_FILES if name.startswith("."))


def secret(path: str, place: Place) -> str:
    """Why reading this path deserves a look by a person; empty where it does not."""
    folded = path.casefold()
    parts = folded.split("/")
    name = parts[-1]
    if ".ssh" in parts and not name.endswith((".pub", "known_hosts", "config")) and name != ".ssh":
        return "a private key"
    if ".gnupg" in parts or folded in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers"):
        return "keys or password hashes"
    if parts[1:2] == ["proc"] and name in ("environ", "mem", "cmdline") and parts[2:3] != ["self"]:
        return "the memory of another process"
    agent_home = place.agent_home.casefold()
    if (".hermes" in parts or (agent_home and _within(folded, agent_home))) and _AGENT_SECRETS & {name, *parts[-2:-1]}:
        return "the agent's secrets"
    home = place.home.casefold()
    for start in (home, "/root"):
        if start and _within(folded, start) and folded[len(start) :].strip("/") in _SECRET_HOME:
            return "credentials"
    return ""
