"""The names behind the path rules, as data. All are lower case, because paths are compared without regard to case.

Paths are tuples of parts; a part that ends in `*` matches every name with that beginning. An entry covers the file or
directory itself and everything below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "CREDENTIAL_FILES",
    "CREDENTIAL_READS",
    "GIT_DATA",
    "GIT_HOOKS",
    "GIT_SETTINGS",
    "HERMES_ASK",
    "HERMES_OPEN",
    "HERMES_READ",
    "HOME_READ",
    "HOME_WRITE",
    "PRIVATE_KEYS",
    "PROCESS_INSIDES",
    "SETTINGS_DIRECTORIES",
    "START_UP_FILES",
    "SYSTEM_READ",
    "SYSTEM_WRITE",
    "Tree",
]


Tree = Mapping[str, Sequence[tuple[str, ...]]]
"""Entries by their first part; each value lists what follows it."""


def _tree(*paths: str) -> Tree:
    tree: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        first, *rest = path.split("/")
        tree.setdefault(first, []).append(tuple(rest))
    return tree


START_UP_FILES = frozenset(
    [
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".zlogout",
        ".kshrc",
        ".mkshrc",
        ".cshrc",
        ".tcshrc",
        ".login",
        ".logout",
        ".inputrc",
        ".xprofile",
        ".xinitrc",
        ".xsession",
        ".xsessionrc",
        ".xserverrc",
        ".pam_environment",
        ".gitconfig",
        ".gitmodules",
        ".ripgreprc",
        ".mcp.json",
        ".hgrc",
        ".wgetrc",
        ".curlrc",
        ".gdbinit",
        ".lldbinit",
    ]
)
"""Protected wherever they lie: they are run, or name programs that are."""

SETTINGS_DIRECTORIES = frozenset(
    [
        ".vscode",
        ".idea",
        ".zed",
        ".cursor",
        ".claude",
        ".codex",
        ".gemini",
        ".opencode",
        ".continue",
        ".windsurf",
        ".roo",
    ]
)
"""Settings of editors and agents, protected wherever they lie."""

CREDENTIAL_FILES = frozenset(
    [
        ".netrc",
        "_netrc",
        ".pgpass",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pypirc",
        ".my.cnf",
        ".git-credentials",
        ".vault-token",
        ".dockercfg",
    ]
)
"""Not to be written, wherever they lie."""

CREDENTIAL_READS = frozenset(
    [".netrc", "_netrc", ".pgpass", ".pypirc", ".git-credentials", ".vault-token", ".dockercfg"]
)
"""Not to be read, wherever they lie. (A project's `.npmrc` may be read, the one in the home directory not.)"""

PRIVATE_KEYS = frozenset(["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "id_xmss"])

HOME_WRITE = _tree(
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".azure",
    ".cargo/credentials*",
    ".cargo/config*",
    ".gem/credentials",
    ".m2/settings*",
    ".gradle/init*",
    ".gradle/gradle.properties",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/fish",
    ".config/nushell",
    ".config/systemd",
    ".config/autostart",
    ".config/environment.d",
    ".config/pip",
    ".config/powershell",
    ".config/containers",
    ".pip",
    ".oh-my-zsh",
    ".zsh",
    ".zshrc.d",
    ".bashrc.d",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/systemd",
    ".local/share/dbus-1",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    "library/launchagents",
    "library/keychains",
    "library/preferences",
)

HOME_READ = _tree(
    ".aws/credentials",
    ".aws/sso",
    ".aws/cli",
    ".gnupg/private-keys-v1.d",
    ".gnupg/secring.gpg",
    ".kube/config",
    ".kube/cache",
    ".docker/config.json",
    ".azure",
    ".npmrc",
    ".my.cnf",
    ".cargo/credentials*",
    ".gem/credentials",
    ".m2/settings*",
    ".config/gcloud",
    ".config/gh/hosts.yml",
    ".config/git/credentials",
    ".codex/auth.json",
    ".claude/.credentials.json",
    ".claude.json",
    ".gemini/oauth_creds.json",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    "library/keychains",
)

SYSTEM_WRITE = _tree(
    "proc",
    "sys",
    "boot",
    "etc/passwd*",
    "etc/shadow*",
    "etc/group*",
    "etc/gshadow*",
    "etc/subuid",
    "etc/subgid",
    "etc/sudoers*",
    "etc/sudo*",
    "etc/doas.conf",
    "etc/pam*",
    "etc/security",
    "etc/ssh",
    "etc/ssl",
    "etc/cron*",
    "etc/at.*",
    "etc/anacrontab",
    "etc/systemd",
    "etc/init*",
    "etc/rc*",
    "etc/profile*",
    "etc/bash*",
    "etc/zsh*",
    "etc/fish",
    "etc/csh*",
    "etc/environment*",
    "etc/ld.so*",
    "etc/hosts",
    "etc/hosts.*",
    "etc/nsswitch.conf",
    "etc/resolv.conf",
    "etc/fstab",
    "etc/gitconfig",
    "etc/udev",
    "etc/modprobe.d",
    "etc/modules*",
    "etc/sysctl*",
    "etc/polkit-1",
    "etc/dbus-1",
    "etc/apt",
    "etc/update-motd.d",
    "etc/xdg/autostart",
    "etc/docker",
    "etc/kubernetes",
    "lib/systemd",
    "usr/lib/systemd",
    "usr/local/lib/systemd",
    "run/systemd",
    "var/spool/cron",
    "var/spool/at",
    "var/run/docker.sock",
    "run/docker.sock",
    "run/secrets",
    "var/run/secrets",
    "library/launchagents",
    "library/launchdaemons",
    "library/startupitems",
    "private/etc/passwd*",
    "private/etc/sudoers*",
    "private/etc/master.passwd",
    "private/etc/pam.d",
    "private/etc/ssh",
    "private/etc/profile",
    "private/etc/zshrc",
    "private/etc/zprofile",
    "private/etc/bashrc",
    "private/var/at",
)

SYSTEM_READ = _tree(
    "etc/shadow*",
    "etc/gshadow*",
    "etc/sudoers*",
    "etc/master.passwd",
    "private/etc/master.passwd",
    "etc/ssl/private",
    "etc/ssh/ssh_host_rsa_key",
    "etc/ssh/ssh_host_dsa_key",
    "etc/ssh/ssh_host_ecdsa_key",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/kubernetes/admin.conf",
    "etc/kubernetes/pki",
    "run/secrets",
    "var/run/secrets",
)

PROCESS_INSIDES = frozenset(
    ["mem", "environ", "root", "cwd", "fd", "fdinfo", "map_files", "auxv", "kcore", "kmem", "task"]
)

HERMES_OPEN = frozenset(
    ["cache", "images", "pastes", "workspace", "sandboxes", "image_cache", "audio_cache", "document_cache"]
)
"""Below the host's home directory: ordinary files."""

HERMES_ASK = frozenset(["skills", "memories", "skins", "soul.md"])
"""Below the host's home directory: what shapes the agent and needs a person's consent. All else there is protected."""

HERMES_READ = _tree(
    ".env", "auth.json", "mcp-tokens", "platforms", "pairing", "honcho.json", "webhook_subscriptions.json"
)

GIT_HOOKS = frozenset({"hooks"})
GIT_SETTINGS = frozenset(["config", "config.worktree", "commondir", "gitdir", "attributes", "alternates"])
GIT_DATA = frozenset(
    [
        "objects",
        "refs",
        "logs",
        "head",
        "orig_head",
        "fetch_head",
        "merge_head",
        "packed-refs",
        "index",
        "shallow",
        "description",
        "commit_editmsg",
        "merge_msg",
        "squash_msg",
        "tag_editmsg",
    ]
)
"""Parts of a git directory that hold data and run nothing."""
