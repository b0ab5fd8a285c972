"""The store `command`: the command line of a password manager."""

from __future__ import annotations

import os
import re
import subprocess
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError, HermesError, Unsupported
from hermes_host.visible import one_line
from hermes_secrets.settings import Recipe, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.specs import SecretStoreSpec

__all__ = ["CommandStore", "connect", "environment"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTH(?!ORITY|_SOCK)")
_LARGEST = 1 << 20


def connect(context: PluginContext, spec: SecretStoreSpec) -> CommandStore:
    """The target of the spec. Raises `ConfigError` where the settings name no command."""
    return CommandStore(context.section(Settings, "secret_command"))


def environment(environ: Mapping[str, str], allowed: Sequence[str]) -> dict[str, str]:
    """What the program may see: everything but names that read like secrets, unless they are allowed."""
    return {
        name: value
        for name, value in environ.items()
        if not _SECRET.search(name.upper()) or any(fnmatchcase(name, pattern) for pattern in allowed)
    }


class CommandStore:
    """Runs a program for each secret. Its errors are told without what it printed of the value."""

    def __init__(self, settings: Settings, *, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is this process's by default."""
        self._recipe = Recipe.of(settings)
        self._timeout = settings.timeout
        self._environ = os.environ if environ is None else environ
        if not self._recipe.get:
            raise ConfigError(
                "The secret store 'command' has no command to read with.",
                remedy="Set `secret_command.preset` to pass, 1password or bitwarden, or `secret_command.get`.",
            )

    def get(self, name: str) -> str:
        """The value without the line break at its end; empty where the program says that there is none."""
        done = self._run(self._recipe.get, name, b"")
        if done.returncode:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            if any(phrase in said for phrase in self._recipe.missing):
                return ""
            raise self._failed(self._recipe.get, done)
        if len(done.stdout) > _LARGEST:
            raise HermesError(f"{self._recipe.get[0]!r} printed more than a secret can be.")
        try:
            value = done.stdout.decode("utf-8")
        except UnicodeDecodeError:
            raise HermesError(f"{self._recipe.get[0]!r} printed something for {name} that is no text.") from None
        return value.removesuffix("\n").removesuffix("\r")

    def set(self, name: str, value: str) -> None:
        """Keep it; the program reads the value from standard input. Raises `Unsupported` where none is known."""
        self._change(self._recipe.set, name, value)

    def unset(self, name: str) -> None:
        """Forget it."""
        if not self._recipe.unset or self.get(name):
            self._change(self._recipe.unset, name, "")

    def _change(self, words: Sequence[str], name: str, value: str) -> None:
        if not words:
            raise Unsupported(
                "The secret store 'command' is only read.",
                remedy="Use the password manager itself, or set `secret_command.set` and `secret_command.unset`.",
            )
        done = self._run(words, name, value.encode("utf-8"))
        if done.returncode:
            raise self._failed(words, done, value)

    def _run(self, words: Sequence[str], name: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        if not _NAME.fullmatch(name):
            raise HermesError(f"{one_line(name, 80)!r} is not the name of a secret.")
        argv = [word.replace("{name}", name) for word in words]
        try:
            return subprocess.run(
                argv,
                input=given,
                capture_output=True,
                timeout=self._timeout,
                env=environment(self._environ, self._recipe.environment),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HermesError(
                f"{argv[0]!r} took longer than {self._timeout:g} s and was ended.",
                remedy="Unlock the password manager first, or raise `secret_command.timeout`.",
            ) from None
        except OSError as error:
            raise HermesError(
                f"{argv[0]!r} could not be started: {error.strerror}.",
                remedy="Install it, or correct the section `secret_command`.",
            ) from None

    def _failed(self, words: Sequence[str], done: subprocess.CompletedProcess[bytes], value: str = "") -> HermesError:
        said = done.stderr.decode("utf-8", "replace").strip()
        for hidden in (value, done.stdout.decode("utf-8", "replace").strip()):
            said = said.replace(hidden, "[secret]") if hidden else said
        why = f": {one_line(said, 200)}" if said else ""
        return HermesError(
            f"{words[0]!r} ended with exit code {done.returncode}{why}",
            remedy="Unlock the password manager, or try the command by hand.",
        )
