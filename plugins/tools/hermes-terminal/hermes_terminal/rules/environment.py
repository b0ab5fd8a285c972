"""Variables that make harmless programs run something else."""

from __future__ import annotations

from hermes_terminal.places import SYSTEM_BINARIES, Place
from hermes_terminal.shell.script import UNKNOWN, Word, names

__all__ = ["judge_assignment", "obeyed"]

_OBEYED = names(
    "BASH_ENV ENV IFS HOME PWD OLDPWD CDPATH SHELLOPTS BASHOPTS PROMPT_COMMAND PS1 PS2 PS4 SHELL GLOBIGNORE "
    "EXECIGNORE BASH_COMPAT PAGER EDITOR VISUAL BROWSER LESSOPEN LESSCLOSE LESS MANPAGER MANOPT MORE "
    "SUDO_ASKPASS SSH_ASKPASS PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS "
    "PYTHONUSERBASE NODE_OPTIONS NODE_PATH PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS "
    "_JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH MAKEFLAGS MAKEFILES MFLAGS GREP_OPTIONS TAR_OPTIONS RSYNC_RSH "
    "RSYNC_OLD_ARGS CVS_RSH DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG CONTAINER_HOST KUBECONFIG OPENSSL_CONF "
    "OPENSSL_MODULES TERMINFO HTTP_PROXY HTTPS_PROXY ALL_PROXY CURL_HOME WGETRC NPM_CONFIG_SCRIPT_SHELL "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_INDEX_URL RUSTC RUSTC_WRAPPER RUSTFLAGS RUSTDOC GOFLAGS GOPROXY "
    "GONOSUMDB GOTOOLCHAIN CC CXX LD AR RIPGREP_CONFIG_PATH HERMES_HOME HERMES_PLUGINS HERMES_YOLO_MODE"
)
_FAMILIES = ("LD_", "DYLD_", "GIT_", "BASH_FUNC_", "CARGO_TARGET_", "NPM_CONFIG_", "npm_config_", "HERMES_")
_HARMLESS = names(
    "GIT_PAGER= GIT_PAGER=cat PAGER=cat PAGER= LESS=-R LESS=-FRX GIT_TERMINAL_PROMPT=0 GIT_AUTHOR_NAME "
    "GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE "
    "GIT_MERGE_AUTOEDIT=no GIT_EDITOR=true GIT_EDITOR=: EDITOR=true EDITOR=: VISUAL=true CC=gcc CC=clang "
    "CXX=g++ CXX=clang++ MANPAGER=cat PYTHONWARNINGS=ignore PYTHONWARNINGS=error GOFLAGS=-mod=mod "
    "GOFLAGS=-mod=vendor IFS=, IFS=: MAKEFLAGS=-j MAKEFLAGS=-j2 MAKEFLAGS=-j4 MAKEFLAGS=-j8"
)
_PATH_ENDINGS = (
    "/node_modules/.bin",
    "/.venv/bin",
    "/venv/bin",
    "/.cargo/bin",
    "/.local/bin",
    "/go/bin",
    "/.bun/bin",
    "/.deno/bin",
)


def judge_assignment(name: str, value: Word, place: Place) -> str:
    """Why setting the variable deserves a look; empty where it does not."""
    if "$(" in value.text or "`" in value.text:
        return f"It keeps shell code as text in the variable {name}."
    if name == "PATH":
        return "" if _ordinary_path(value, place) else "It changes where programs are looked for (PATH)."
    if name == "PYTHONPATH":
        inside = all(_inside(part, place) for part in value.text.split(":"))
        return "" if inside else "It makes Python load modules from elsewhere (PYTHONPATH)."
    if name in _HARMLESS or (value.known and f"{name}={value.text}" in _HARMLESS):
        return ""
    if obeyed(name):
        return f"It sets {name}, which changes what other programs do."
    return ""


def obeyed(name: str) -> bool:
    """Whether other programs or the shell act on this variable."""
    return name == "PATH" or name.upper() in _OBEYED or name.startswith(_FAMILIES)


def _inside(part: str, place: Place) -> bool:
    path = place.join(place.workspace or None, part)
    return part in ("", UNKNOWN) or place.zone(path) == "workspace" or path == place.workspace


def _ordinary_path(value: Word, place: Place) -> bool:
    for part in value.text.split(":"):
        inside = part.startswith((f"{place.workspace}/", "./")) if place.workspace else False
        ordinary = part == UNKNOWN or part in SYSTEM_BINARIES or (place.home and part == f"{place.home}/bin")
        ending = f"/{part}".endswith(_PATH_ENDINGS) and (
            inside or part.startswith((place.home or "/home/", "/usr/local/"))
        )
        if not (ordinary or ending) or ".." in part:
            return False
    return True
