"""Finding, loading and quarantining plugins: one record for each, errors kept as values.

`import_foreign` is the only function of the host that imports code of plugins. Everything a plugin does while it is
loaded runs on a worker thread with a time limit, so that a plugin that raises, exits or sleeps for ever costs only
itself.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pluggy

from hermes_host import hookspecs
from hermes_host.errors import PluginError, PluginUnavailable
from hermes_host.specs import API_GROUP, HookSpec, PluginInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from hermes_host.installed import Installed

__all__ = ["Implementation", "PluginProblem", "PluginRecord", "Plugins", "import_foreign", "run_guarded"]

TIME_LIMIT = 5.0
"""Seconds a plugin may take to be imported, or for one of its contribution hooks."""

_KIND_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")

State = Literal["loaded", "failed", "disabled", "unsupported", "isolated"]


class PluginProblem(msgspec.Struct, frozen=True):
    """Something that is wrong with a plugin, kept as a value and shown in one line."""

    plugin: str
    distribution: str
    version: str
    where: str
    message: str
    remedy: str = ""

    def line(self) -> str:
        """The problem in one line: plugin, distribution, version, what is wrong, and what to do."""
        origin = f" ({self.distribution} {self.version})" if self.distribution else ""
        return f"plugin {self.plugin!r}{origin}: {self.where}: {self.message} {self.remedy}".rstrip()


class PluginRecord(msgspec.Struct, eq=False):
    """What is known about one plugin: where it comes from, what became of it, what it brought."""

    name: str
    module: str
    distribution: str = ""
    version: str = ""
    state: State = "loaded"
    info: PluginInfo | None = None
    hooks: tuple[str, ...] = ()
    contributions: list[tuple[str, str]] = []
    """Pairs of kind and name that are in the registries."""
    problems: list[PluginProblem] = []
    import_ms: float = 0.0
    plugin: ModuleType | object | None = None

    @property
    def summary(self) -> str:
        """What the plugin says about itself, in one sentence."""
        return self.info.summary if self.info else ""

    @property
    def builtin(self) -> bool:
        """Whether it is the host's own part."""
        return not self.distribution

    @property
    def remedy(self) -> str:
        """What to do when the plugin as it is does not work."""
        return "" if self.builtin else f"Upgrade it, or `hermes plugins disable {self.name}`."

    def add_problem(self, where: str, message: str, remedy: str = "") -> PluginProblem:
        """Note a problem and give it back."""
        problem = PluginProblem(self.name, self.distribution, self.version, where, message, remedy)
        self.problems.append(problem)
        return problem


class Implementation(msgspec.Struct, frozen=True):
    """One plugin's function for one hook."""

    record: PluginRecord
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    def call(self, values: Mapping[str, Any]) -> Any:
        """Call it with those of `values` that it names."""
        return self.function(*[values[name] for name in self.arguments])


class Outcome(msgspec.Struct):
    """What became of one guarded step: a value, an error, or neither when it ran out of time."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    seconds: float = 0.0


def run_guarded(steps: Sequence[Callable[[], Any]], limit: float = TIME_LIMIT) -> list[Outcome]:
    """Run `steps` in order on a worker thread; a step that takes longer than `limit` seconds is left behind.

    A thread cannot be ended, so the one with the endless step stays (it is a daemon) and a new one does the rest.
    """
    outcomes = [Outcome() for _ in steps]
    position = 0
    while position < len(steps):
        position = _run_until_stuck(steps, outcomes, position, limit)
    return outcomes


def _run_until_stuck(steps: Sequence[Callable[[], Any]], outcomes: list[Outcome], first: int, limit: float) -> int:
    """Run from `first`; give the index to go on with, which is `len(steps)` when all are done."""
    done = threading.Event()
    current = [first, time.monotonic()]
    abandoned = False

    def work() -> None:
        for index in range(first, len(steps)):
            started = time.monotonic()
            current[:] = [index, started]
            outcome = Outcome()
            try:
                outcome.value = steps[index]()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary to foreign code
                outcome.error = error
            outcome.seconds = time.monotonic() - started
            if abandoned:
                return
            outcomes[index] = outcome
        done.set()

    threading.Thread(target=work, name="hermes-plugins", daemon=True).start()
    while True:
        index, started = current
        remaining = started + limit - time.monotonic()
        if done.wait(max(remaining, 0.001)):
            return len(steps)
        if current[0] == index and time.monotonic() - started >= limit:
            abandoned = True
            outcomes[int(index)] = Outcome(timed_out=True, seconds=limit)
            return int(index) + 1


def import_foreign(target: str) -> Any:
    """Import what `target` names: `"package.module"` or `"package.module:attribute"`.

    Raises `PluginUnavailable` when a package the plugin needs is not installed, and `PluginError` for anything else.
    """
    module_name, _, attribute = target.partition(":")
    try:
        value = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            value = getattr(value, part)
    except ModuleNotFoundError as error:
        missing = error.name or "?"
        if missing == module_name or module_name.startswith(f"{missing}."):
            raise PluginError(f"There is no module {missing!r} for the target {target!r}.") from error
        raise PluginUnavailable(
            f"{target!r} needs the package {missing!r}, which is not installed.", remedy=f"pip install {missing}"
        ) from error
    except (Exception, SystemExit) as error:
        raise PluginError(f"{target!r} could not be imported: {describe(error)}") from error
    return value


def describe(error: BaseException) -> str:
    """An exception as a short phrase: its kind and its first line, with the place of a syntax error."""
    if isinstance(error, SyntaxError):
        return f"syntax error in {error.filename}, line {error.lineno}: {error.msg}"
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    if isinstance(error, PluginError) and error.__cause__ is not None:
        return describe(error.__cause__)
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


class _HookManager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        # Hooks are called hermes_…; to look at everything else a module holds takes longer than to import it.
        return super().parse_hookimpl_opts(plugin, name) if name.startswith("hermes_") else None


class Plugins:
    """All plugins of one host: discovered and loaded at the first look."""

    def __init__(
        self,
        *,
        builtin: Mapping[str, str] | None = None,
        only: Sequence[str] | None = None,
        blocked: Callable[[], Iterable[str]] = tuple,
        strict: bool = False,
        time_limit: float | None = None,
        lock: Path | None = None,
    ) -> None:
        """`builtin` maps names to modules of the host itself; `only` limits the others to these names (an empty
        sequence: none); `blocked` gives names to leave out, asked once; `strict` re-raises the first error; `lock` is
        where what was agreed to at install is written down."""
        self._builtin = dict(builtin or {})
        self._only = None if only is None else frozenset(only)
        self._blocked = blocked
        self._strict = strict
        self._limit = TIME_LIMIT if time_limit is None else time_limit
        self._lock = lock
        self._installed: Installed | None = None
        self._manager = _HookManager("hermes")
        self._manager.add_hookspecs(hookspecs)
        self._records: dict[str, PluginRecord] = {}
        self._loaded = False
        self._tracing = False
        self.added_hooks: list[tuple[PluginRecord, HookSpec]] = []
        """The hooks that plugins brought, and who did."""
        self.known_hooks = frozenset(name for name in vars(hookspecs) if name.startswith("hermes_"))

    # ------------------------------------------------------------------------------------------------- looking

    @property
    def records(self) -> Sequence[PluginRecord]:
        """Every plugin found, the host's own first, then by name."""
        self.load()
        return sorted(self._records.values(), key=lambda record: (not record.builtin, record.name))

    def record(self, name: str) -> PluginRecord:
        """The record of the plugin `name`. Raises `KeyError`."""
        self.load()
        return self._records[name]

    @property
    def problems(self) -> Sequence[PluginProblem]:
        """The problems of all plugins."""
        return [problem for record in self.records for problem in record.problems]

    def implementations(self, hook: str) -> Sequence[Implementation]:
        """The functions for `hook`, in the order of `records`."""
        self.load()
        caller = getattr(self._manager.hook, hook, None)
        if caller is None:
            return ()  # a hook brought by a plugin, which nobody implements
        by_plugin = {id(record.plugin): record for record in self._records.values() if record.plugin is not None}
        found = [
            Implementation(by_plugin[id(impl.plugin)], impl.function, impl.argnames) for impl in caller.get_hookimpls()
        ]
        if self._tracing:
            asked = ", ".join(impl.record.name for impl in found)
            sys.stderr.write(f"hermes: {hook}: {asked or 'nobody'}\n")
        return sorted(found, key=lambda impl: (not impl.record.builtin, impl.record.name))

    def trace(self) -> None:
        """Write every hook implementation that is asked for to standard error (`HERMES_TRACE_PLUGINS=1`)."""
        self._tracing = True

    # ------------------------------------------------------------------------------------------------- loading

    def add(self, name: str, plugin: object) -> PluginRecord:
        """Add a plugin object of the embedding program, or of a test. Raises `PluginError` when it is not valid."""
        self.load()
        module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
        record = PluginRecord(name=name, module=module, distribution="(added)", version="")
        if name in self._records:
            raise PluginError(f"There is a plugin {name!r} already.")
        self._register(record, plugin)
        if record.state == "failed":
            raise PluginError(record.problems[0].line())
        self._records[name] = record
        self._add_hooks(record)
        self._check_hooks(record)
        self._read_info(record)
        return record

    def load(self) -> None:
        """Discover and import; done once. Never raises for a plugin's fault unless `strict`."""
        if self._loaded:
            return
        self._loaded = True
        for name, module in self._builtin.items():
            self._records[name] = PluginRecord(name=name, module=module)
        if self._only is None or self._only:
            self._discover()
        self._apply_selection()
        if self._installed is not None:
            self._installed.refuse(list(self._records.values()))
        wanted = [record for record in self._records.values() if record.state == "loaded"]
        outcomes = run_guarded([partial(import_foreign, record.module) for record in wanted], self._limit)
        for record, outcome in zip(wanted, outcomes, strict=True):
            record.import_ms = outcome.seconds * 1000
            if self._accept(record, outcome, "import"):
                self._register(record, outcome.value)
        self._add_hooks()
        for record in wanted:
            self._check_hooks(record)
        self._read_info()
        for record in wanted:
            if self._installed is not None and (more := self._installed.exceeding(record)):
                message = f"it asks for what nobody agreed to: {more}."
                self.quarantine(record, "plugins.lock", message, f"See `hermes plugins accept {record.name}`.")

    def _discover(self) -> None:
        from importlib.metadata import entry_points

        if self._lock is not None and self._lock.exists():
            from hermes_host.installed import Installed

            self._installed = Installed(self._lock)
        points = entry_points()
        groups = [group for group in points.groups if group.startswith("hermes.v")]
        found = [point for group in groups for point in points.select(group=group)]
        for point in sorted(found, key=lambda point: (point.group != API_GROUP, point.name, point.value)):
            self._add_entry(point)

    def _add_entry(self, point: EntryPoint) -> None:
        distribution, version = _origin(point)
        record = PluginRecord(name=point.name, module=point.value, distribution=distribution, version=version)
        earlier = self._records.get(point.name)
        repeated = earlier is not None and earlier.distribution == distribution
        if earlier is not None and repeated and (earlier.module == record.module or point.group != API_GROUP):
            return  # the same distribution seen twice on the path, or one for this API and a later one
        owner = self._installed.owner(point.name) if self._installed is not None else ""
        rival = owner if earlier is None else earlier.distribution or "the host"
        if rival not in ("", distribution) or earlier is not None:
            record.state = "failed"
            record.name = f"{point.name} ({distribution})"
            remedy = f"Uninstall one of {rival} and {distribution}."
            record.add_problem("entry point", f"there is another plugin named {point.name!r};", remedy)
        elif point.group != API_GROUP:
            record.state = "unsupported"
            record.add_problem(
                "entry point", f"it speaks {point.group}, this host {API_GROUP}.", "Upgrade hermes-host."
            )
        self._records[record.name] = record

    def _apply_selection(self) -> None:
        blocked = frozenset(self._blocked())
        for record in self._records.values():
            if record.builtin or record.state != "loaded":
                continue
            names = {record.name, record.distribution}
            if names & blocked or (self._only is not None and not names & self._only):
                record.state = "disabled"

    def _accept(self, record: PluginRecord, outcome: Outcome, where: str) -> bool:
        """Whether a guarded step went well; if not, the whole plugin is quarantined."""
        if outcome.error is None and not outcome.timed_out:
            return True
        if self._strict and outcome.error is not None:
            raise outcome.error
        message = describe(outcome.error) if outcome.error else f"it did not return within {self._limit:g} s."
        self.quarantine(record, where, message, record.remedy)
        return False

    def quarantine(self, record: PluginRecord, where: str, message: str, remedy: str = "") -> None:
        """Switch a plugin off for this process and note why."""
        record.state = "failed"
        record.add_problem(where, message, remedy)
        if record.plugin is not None:
            self._manager.unregister(record.plugin)
            record.plugin = None

    def _register(self, record: PluginRecord, plugin: Any) -> None:
        try:
            self._manager.register(plugin, name=record.name)
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._strict:
                raise
            record.state = "failed"
            text = " ".join(str(error).split())
            record.add_problem("hooks", text, record.remedy)
            return
        record.plugin = plugin

    def _check_hooks(self, record: PluginRecord) -> None:
        """Note which hooks the plugin implements, and those that nobody has."""
        plugin = record.plugin
        callers = (self._manager.get_hookcallers(plugin) or []) if plugin is not None else []
        record.hooks = tuple(sorted(caller.name for caller in callers if caller.name in self.known_hooks))
        for caller in callers:
            if caller.name not in self.known_hooks and not _is_optional(caller, plugin):
                record.add_problem(
                    "hooks", f"this host has no hook {caller.name!r}.", "Upgrade hermes-host, or correct the name."
                )

    def _add_hooks(self, only: PluginRecord | None = None) -> None:
        """Learn the hooks that plugins bring."""
        found = self.implementations("hermes_addhooks")
        implementations = [impl for impl in found if only is None or impl.record is only]
        outcomes = run_guarded([_lister(impl) for impl in implementations], self._limit)
        for impl, outcome in zip(implementations, outcomes, strict=True):
            if self._accept(impl.record, outcome, "hermes_addhooks"):
                for spec in outcome.value:
                    self._add_hook(impl.record, spec)

    def _add_hook(self, record: PluginRecord, spec: Any) -> None:
        if not isinstance(spec, HookSpec) or not _KIND_NAME.fullmatch(spec.name):
            record.add_problem("hermes_addhooks", f"{spec!r} is no usable HookSpec.", "Only this one is left out.")
        elif f"hermes_{spec.name}" in self.known_hooks:
            record.add_problem("hermes_addhooks", f"there is a hook 'hermes_{spec.name}' already.")
        else:
            self.known_hooks |= {f"hermes_{spec.name}"}
            self.added_hooks.append((record, spec))

    def _read_info(self, only: PluginRecord | None = None) -> None:
        found = self.implementations("hermes_plugin_info")
        implementations = [impl for impl in found if only is None or impl.record is only]
        outcomes = run_guarded([partial(impl.call, {}) for impl in implementations], self._limit)
        for impl, outcome in zip(implementations, outcomes, strict=True):
            if not self._accept(impl.record, outcome, "hermes_plugin_info"):
                continue
            if isinstance(outcome.value, PluginInfo):
                impl.record.info = outcome.value
            else:
                impl.record.add_problem("hermes_plugin_info", "it did not return a PluginInfo.")


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution an entry point is from.

    `Distribution.name` and `.version` each parse the whole metadata, the README in it included; with many plugins that
    would cost more than importing them.
    """
    text = (point.dist.read_text("METADATA") or point.dist.read_text("PKG-INFO") or "") if point.dist else ""
    head = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line)
    return head.get("Name", "?"), head.get("Version", "?")


def _lister(impl: Implementation) -> Callable[[], Any]:
    return lambda: list(impl.call({}))


def _is_optional(caller: pluggy.HookCaller, plugin: Any) -> bool:
    return any(impl.optionalhook for impl in caller.get_hookimpls() if impl.plugin is plugin)
