"""The rules alone, as functions over paths."""

from __future__ import annotations

import unicodedata

import pytest
from hermes_files.policy import Places, fold, judge_read, judge_write

HOME = "/home/ada"
PLACES = Places(HOME, f"{HOME}/project", (f"{HOME}/.hermes", "/srv/hermes"))
EVERYWHERE = Places("/root", "/", ("/root/.hermes",))

DENIED = [
    "~/.bashrc",
    "~/.zshrc",
    "~/.profile",
    "~/.zshenv",
    "~/.bash_aliases",
    "~/.gitconfig",
    "~/.ripgreprc",
    "~/.netrc",
    "~/.pgpass",
    "~/.npmrc",
    "~/.pypirc",
    "~/.ssh",
    "~/.ssh/authorized_keys",
    "~/.ssh/new/deep/file",
    "~/.aws/config",
    "~/.gnupg/gpg.conf",
    "~/.kube/config",
    "~/.docker/config.json",
    "~/.config/fish/config.fish",
    "~/.config/systemd/user/x.service",
    "~/.config/autostart/x.desktop",
    "~/.config/git/config",
    "~/.config",
    "~/Library/LaunchAgents/x.plist",
    "~/.local/share/keyrings/login.keyring",
    "~/project/.bashrc",
    "~/project/.gitmodules",
    "~/project/.mcp.json",
    "~/project/.vscode/settings.json",
    "~/project/.idea/x.xml",
    "~/project/sub/.vscode",
    "~/project/.claude/settings.json",
    "~/project/.cursor/mcp.json",
    "~/project/.hermes/config.yaml",
    "~/project/.npmrc",
    "~/project/.envrc/../.ripgreprc",
    "~/project/.git",
    "~/project/.git/hooks/pre-commit",
    "~/project/.git/config",
    "~/project/.git/hooks",
    "~/project/sub/.git/config",
    "~/project/.git/config.worktree",
    "~/project/.git/worktrees/w/config.worktree",
    "~/project/.git/worktrees/w/gitdir",
    "~/project/.git/modules/a/b/hooks/post-checkout",
    "~/project/.git/modules/a/config",
    "~/project/.git/modules/objects/config",
    "~/project/.git/info/attributes",
    "~/project/.git/rebase-merge/git-rebase-todo",
    "~/project/.git/objects/../config",
    "~/.hermes/config.yaml",
    "~/.hermes/.env",
    "~/.hermes/auth.json",
    "~/.hermes/plugins/x.py",
    "~/.hermes/approvals.json",
    "~/.hermes",
    "~/.hermes/sessions.db",
    "~/.hermes/skills/.hub/x",
    "~/.hermes/cron/jobs.json",
    "~/.hermes/new_state_of_tomorrow",
    "/srv/hermes/config.yaml",
    "/srv/hermes",
    "/srv",
    "/home/bob/.ssh/id_rsa",
    "/home/bob/.bashrc",
    "/root/.bashrc",
    "/root/.ssh/x",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/sudoers.d/x",
    "/etc/cron.d/x",
    "/etc/crontab",
    "/etc/systemd/system/x.service",
    "/etc/ld.so.preload",
    "/etc/profile.d/x.sh",
    "/etc/pam.d/sshd",
    "/etc/ssh/sshd_config",
    "/etc",
    "/var/spool/cron/root",
    "/lib/systemd/system/x.service",
    "/usr/lib/systemd/x",
    "/proc/self/mem",
    "/proc/1/root/etc/x",
    "/sys/x",
    "/dev/sda",
    "/boot/grub/grub.cfg",
]

ALLOWED = [
    "~/project/a.py",
    "~/project/deep/new/file.txt",
    "~/project/.github/workflows/ci.yml",
    "~/project/.gitignore",
    "~/project/.env",
    "~/project/.hermes/plans/today.md",
    "~/project/.git/objects/ab/cdef",
    "~/project/.git/refs/heads/main",
    "~/project/.git/HEAD",
    "~/project/.git/refs/heads/config",
    "~/project/.git/logs/HEAD",
    "~/project/.git/modules/a/objects/ab/cd",
    "~/project/.git/COMMIT_EDITMSG",
    "~/project/.git/info/exclude",
    "~/project/etc/passwd",
    "~/project/gitconfig",
    "~/project/ssh/config",
    "~/project/.prettierrc",
    "~/project/vscode.json",
    "~/project/a:b.txt",
]

ASKED = [
    "~/notes.txt",
    "~/other/a.py",
    "/tmp/x",
    "/usr/local/bin/tool",
    "/opt/x",
    "/etc/nginx/nginx.conf",
    "~/.hermes/skills/a/SKILL.md",
    "~/.hermes/memories/MEMORY.md",
    "~/.hermes/SOUL.md",
    "~/project2/a.py",
    "~/.hermes/cache/x",
]


def full(path: str) -> str:
    return path.replace("~", HOME, 1) if path.startswith("~") else path


@pytest.mark.parametrize("path", DENIED)
def test_protected_files_are_denied(path):
    judged = judge_write(full(path), PLACES)
    assert judged.verdict == "deny"
    assert judged.reason


@pytest.mark.parametrize("path", [path for path in DENIED if path.startswith("/") and "srv" not in path])
def test_protected_files_are_denied_also_when_everything_is_the_workspace(path):
    assert judge_write(path, EVERYWHERE).verdict == "deny"


@pytest.mark.parametrize("path", ALLOWED)
def test_ordinary_files_of_the_workspace_are_allowed(path):
    assert judge_write(full(path), PLACES).verdict == "allow"


@pytest.mark.parametrize("path", ASKED)
def test_files_outside_the_workspace_need_consent(path):
    assert judge_write(full(path), PLACES).verdict == "ask"


def _spellings(path: str) -> list[str]:
    folder, _, name = path.rpartition("/")
    return [
        path + "/",
        path.replace("/", "//"),
        f"{folder}/x/../{name}",
        f"{folder}/./{name}",
        path.upper(),
        path.title(),
        unicodedata.normalize("NFD", path),
        f"{folder}/{name[:2]}\u200d{name[2:]}",
        f"{path}::$DATA",
        path + ".",
        path + " ",
        path.replace("/", "\\"),
        "\\\\?\\" + path.replace("/", "\\"),
    ]


@pytest.mark.parametrize(
    "path",
    [full(path) for path in ("~/.bashrc", "~/.ssh/config", "~/project/.git/config", "~/.hermes/.env", "/etc/passwd")],
)
def test_every_spelling_gets_the_same_verdict(path):
    for spelling in _spellings(path):
        assert judge_write(spelling, PLACES).verdict == "deny", spelling


def test_unicode_forms_are_one_name():
    places = Places("/home/zoé", "/home/zoé/p", ("/home/zoé/.hermes",))
    for form in ("NFC", "NFD", "NFKC"):
        assert judge_write(unicodedata.normalize(form, "/home/ZOÉ/.hermes/x"), places).verdict == "deny"
    assert fold("/a/GIT~1/hooks") == ("a", ".git", "hooks")


@pytest.mark.parametrize(
    "path",
    [
        "~/.ssh/id_rsa",
        "~/.ssh/id_work",
        "~/.ssh/deploy.pem",
        "~/.aws/credentials",
        "~/.netrc",
        "~/.pgpass",
        "~/.git-credentials",
        "~/.npmrc",
        "~/.kube/config",
        "~/.docker/config.json",
        "~/.gnupg/private-keys-v1.d/x.key",
        "~/.config/gh/hosts.yml",
        "~/.hermes/.env",
        "~/.hermes/auth.json",
        "~/.hermes/mcp-tokens/x.json",
        "/srv/hermes/.env",
        "~/project/id_ed25519",
        "/home/bob/.ssh/id_x",
        "/etc/shadow",
        "/etc/sudoers",
        "/etc/ssh/ssh_host_rsa_key",
        "/proc/self/environ",
        "/proc/1/mem",
        "/proc/self/fd/3",
        "/dev/sda",
        "~/.SSH/ID_RSA",
        "~//.ssh/../.ssh/id_rsa",
        "/root/.aws/credentials",
    ],
)
def test_keys_and_credentials_are_not_read(path):
    assert judge_read(full(path), PLACES).verdict == "deny"


@pytest.mark.parametrize(
    "path",
    [
        "~/project/a.py",
        "~/.bashrc",
        "~/.ssh/id_rsa.pub",
        "~/.ssh/known_hosts",
        "~/.ssh/config",
        "~/.ssh",
        "~/.aws/config",
        "/etc/passwd",
        "/usr/include/stdio.h",
        "~/project/.env",
        "~/project/.npmrc",
        "~/.hermes/SOUL.md",
        "~/.hermes/logs/errors.log",
        "/proc/cpuinfo",
        "~/.config",
        "~",
        "/",
        "/dev/shm/x",
        "~/project/.git/config",
    ],
)
def test_everything_else_may_be_read(path):
    assert judge_read(full(path), PLACES).verdict == "allow"


def test_the_hosts_configuration_is_read_with_consent():
    assert judge_read(full("~/.hermes/config.yaml"), PLACES).verdict == "ask"


def test_what_a_protected_link_leads_to_is_protected():
    places = Places(
        HOME,
        f"{HOME}/dotfiles",
        (),
        ((f"{HOME}/dotfiles/rc", f"{HOME}/.bashrc"), (f"{HOME}/dotfiles/s", f"{HOME}/.ssh")),
    )
    assert judge_write(f"{HOME}/dotfiles/rc", places).reason == f"is what {HOME}/.bashrc points at"
    assert judge_write(f"{HOME}/dotfiles/s/new", places).verdict == "deny"
    assert judge_read(f"{HOME}/dotfiles/s/id_work", places).verdict == "deny"
    assert judge_read(f"{HOME}/dotfiles/rc", places).verdict == "allow"
    assert judge_write(f"{HOME}/dotfiles/readme", places).verdict == "allow"
