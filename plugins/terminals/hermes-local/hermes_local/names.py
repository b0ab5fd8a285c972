"""Names of files that run something, are read at the start of a program, or hold secrets; as data."""

from __future__ import annotations

__all__ = ["GIT_DATA", "HOME_SETTINGS", "KEPT_ABSENT", "SECRETS", "SETTINGS", "START_UP"]

_START_UP_NAMES = """
    .bash_aliases .bash_login .bash_logout .bash_profile .bashrc .cshrc .curlrc .gdbinit .git-credentials .gitconfig
    .gitmodules .hgrc .inputrc .kshrc .lldbinit .login .logout .mcp.json .mkshrc .my.cnf .netrc .npmrc
    .pam_environment .pgpass .profile .pypirc .ripgreprc .tcshrc .vault-token .wgetrc .xinitrc .xprofile .xserverrc
    .xsession .xsessionrc .yarnrc .yarnrc.yml .zlogin .zlogout .zprofile .zshenv .zshrc
"""
START_UP = frozenset(_START_UP_NAMES.split())
"""Files protected wherever they lie."""

_SETTINGS_NAMES = """
    .claude .codex .continue .cursor .gemini .hermes .idea .opencode .roo .vscode .windsurf .zed
"""
SETTINGS = frozenset(_SETTINGS_NAMES.split())
"""Directories protected wherever they lie: editors and agents run what stands in them."""

_KEPT_ABSENT_NAMES = """
    .git .gitmodules .mcp.json .bashrc .bash_profile .profile .zshrc .zshenv .gitconfig .ripgreprc .vscode .idea
    .zed .cursor .claude .codex .hermes
"""
KEPT_ABSENT = tuple(_KEPT_ABSENT_NAMES.split())
"""Names of the session's directory that are kept from coming into being, where they are not there."""

_HOME_SETTINGS_NAMES = """
    .ssh .aws .gnupg .kube .docker .azure .cargo/credentials.toml .cargo/config.toml .gem/credentials
    .m2/settings.xml .gradle/init.d .gradle/gradle.properties .config/gcloud .config/gh .config/git .config/fish
    .config/nushell .config/systemd .config/autostart .config/environment.d .config/pip .config/powershell
    .config/containers .pip .oh-my-zsh .zsh .zshrc.d .bashrc.d .password-store .local/share/keyrings
    .local/share/systemd .local/share/dbus-1 .local/bin
"""
HOME_SETTINGS = tuple(_HOME_SETTINGS_NAMES.split())
"""Protected in a home directory."""

_SECRETS_NAMES = """
    ~/.ssh ~/.aws ~/.gnupg ~/.kube ~/.docker ~/.azure ~/.config/gcloud ~/.config/gh ~/.config/git/credentials
    ~/.netrc ~/.pgpass ~/.npmrc ~/.pypirc ~/.git-credentials ~/.vault-token ~/.my.cnf ~/.password-store
    ~/.cargo/credentials ~/.cargo/credentials.toml ~/.gem/credentials ~/.m2/settings.xml ~/.local/share/keyrings
    ~/.mozilla ~/.config/google-chrome ~/.config/chromium ~/.codex/auth.json ~/.claude/.credentials.json
    ~/.claude.json ~/.gemini/oauth_creds.json ~/.bash_history ~/.zsh_history ~/.python_history ~/.psql_history
    ~/.mysql_history /etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- /etc/sudoers /etc/sudoers.d
    /etc/ssl/private /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_dsa_key /etc/ssh/ssh_host_ecdsa_key
    /etc/ssh/ssh_host_ed25519_key /etc/kubernetes/admin.conf /etc/kubernetes/pki
"""
SECRETS = tuple(_SECRETS_NAMES.split())
"""Not to be read."""

_GIT_DATA_NAMES = """
    auto_merge bisect_log cherry_pick_head commit_editmsg description fetch_head gc.log head index lfs logs
    merge_head merge_mode merge_msg objects orig_head packed-refs rebase-apply rebase-merge refs revert_head
    rr-cache sequencer shallow squash_msg tag_editmsg
"""
GIT_DATA = frozenset(_GIT_DATA_NAMES.split())
"""Parts of a git directory that hold data and run nothing."""
