"""The environment commands get: an allow-list, so that a secret of the host's is never in it by oversight."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["login_environment", "scrubbed"]

_HARMLESS = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TERM COLORTERM TZ TMPDIR TEMP TMP EDITOR VISUAL PAGER MANPATH
    INFOPATH NO_COLOR FORCE_COLOR CI HOSTNAME HOSTTYPE OSTYPE LD_LIBRARY_PATH DYLD_LIBRARY_PATH PKG_CONFIG_PATH
    CPATH LIBRARY_PATH CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS AR LD MAKEFLAGS CMAKE_PREFIX_PATH CMAKE_GENERATOR
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_EXE CONDA_SHLVL PYTHONPATH PYTHONHOME PYTHONUTF8
    PYTHONIOENCODING PYTHONDONTWRITEBYTECODE PYENV_ROOT PYENV_VERSION PIPX_HOME PIPX_BIN_DIR POETRY_HOME
    UV_CACHE_DIR UV_PYTHON RUSTUP_HOME CARGO_HOME RUST_BACKTRACE RUSTFLAGS GOPATH GOROOT GOBIN GOFLAGS JAVA_HOME
    JDK_HOME MAVEN_HOME M2_HOME GRADLE_HOME GRADLE_USER_HOME ANDROID_HOME ANDROID_SDK_ROOT NODE_PATH NODE_ENV
    NVM_DIR NVM_BIN VOLTA_HOME PNPM_HOME BUN_INSTALL DENO_DIR RBENV_ROOT GEM_HOME GEM_PATH BUNDLE_PATH COMPOSER_HOME
    PERL5LIB PERL_LOCAL_LIB_ROOT R_HOME R_LIBS JULIA_DEPOT_PATH DOTNET_ROOT GHCUP_INSTALL_BASE_PREFIX
    OPAM_SWITCH_PREFIX SDKMAN_DIR ASDF_DIR ASDF_DATA_DIR MISE_DATA_DIR HOMEBREW_PREFIX HOMEBREW_CELLAR
    HOMEBREW_REPOSITORY NIX_PATH NIX_PROFILES NIX_SSL_CERT_FILE SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE
    CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO CUDA_HOME CUDA_PATH CUDA_VISIBLE_DEVICES ROCM_PATH LS_COLORS
    LESS LESSCHARSET COLUMNS LINES
"""
_ALLOWED = frozenset(_HARMLESS.split())
_ALLOWED_PREFIXES = ("LC_", "XDG_")
_FORBIDDEN = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "COOKIE")


def scrubbed(environ: Mapping[str, str], passthrough: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environ` a command may see: known harmless names, and those a person listed in `passthrough`.

    A name that reads like a secret's never passes by itself, whatever its prefix.
    """
    listed = frozenset(passthrough)
    found = {name: value for name, value in environ.items() if name in listed or _harmless(name)}
    found.setdefault("TERM", "dumb")
    return found


def _harmless(name: str) -> bool:
    if name not in _ALLOWED and not name.startswith(_ALLOWED_PREFIXES):
        return False
    return not any(word in name.upper() for word in _FORBIDDEN)


def login_environment(shell: str, environ: Mapping[str, str], *, timeout: float = 10.0) -> dict[str, str]:
    """The environment as the user's login shell sets it up: runs its start-up files, which may take a while.

    `environ` is what the shell starts with. Raises `OSError` or `subprocess.SubprocessError` when the shell fails.
    """
    # Start-up files may print: what counts comes after a NUL that no text holds.
    finished = subprocess.run(
        [shell, "-lc", "printf '\\0'; exec env -0"],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout,
        start_new_session=True,
        check=True,
    )
    text = finished.stdout.decode("utf-8", "surrogateescape").partition("\0")[2]
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
