"""Plugins of Hermes 0.5 (`register(ctx)`) and gateway hooks (`handle(event, context)`), loaded, ready to be called."""

from __future__ import annotations

import inspect
import logging
import os
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_bridges.python_import import Package
from hermes_bridges.reading_hermes import PYTHON_HOOKS
from hermes_bridges.threads import Threads
from hermes_host.errors import HermesError, PluginError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_bridges.bridges import Bridge
    from hermes_bridges.settings import Settings

__all__ = ["PythonPlugin", "PythonTool", "RegistrationContext", "accepted"]

log = logging.getLogger(__name__)

_TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FAILURES_BEFORE_MUTE = 3
_SUMMARY = 2_000


class PythonTool(msgspec.Struct, frozen=True):
    """A tool as a plugin registered it."""

    name: str
    summary: str
    parameters: dict[str, Any]
    handler: Any
    toolset: str = ""
    check: Any = None
    requires: tuple[str, ...] = ()


class RegistrationContext:
    """The `ctx` that `register` receives: what Hermes 0.5 offers, and a clear line for everything else."""

    def __init__(self, plugin: PythonPlugin) -> None:
        self._plugin = plugin
        bundle = plugin.bundle
        self.manifest = SimpleNamespace(
            name=bundle.name,
            version=bundle.version,
            description=bundle.summary,
            requires_env=list(bundle.requires),
            provides_tools=list(bundle.tools),
            provides_hooks=list(bundle.events),
            path=plugin.root,
            source="user",
        )

    def register_tool(
        self,
        name: str,
        toolset: str = "",
        schema: dict[str, Any] | None = None,
        handler: Callable[..., Any] | None = None,
        check_fn: Callable[[], Any] | None = None,
        requires_env: list[str] | None = None,
        is_async: bool = False,
        description: str = "",
        emoji: str = "",
    ) -> None:
        """Offer a tool; a schema that cannot be used leaves out this tool alone."""
        self._plugin.add_tool(name, toolset, schema, handler, check_fn, requires_env or [], description)

    def register_hook(self, hook_name: str, callback: Callable[..., Any]) -> None:
        """Be told of something; a hook that there is not is noted."""
        if hook_name not in PYTHON_HOOKS or not callable(callback):
            self._plugin.note(f"its hook {hook_name!r} does not exist here and is never called.")
            return
        self._plugin.hooks.setdefault(hook_name, []).append(callback)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"ctx.{name} does not exist in Hermes 0.5: there are register_tool, register_hook, manifest"
        )


class PythonPlugin:
    """One folder with Python code: what it registered, and its threads."""

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        assert bridge.bundle is not None
        assert bridge.tree is not None
        self.name = bridge.name
        self.hash = bridge.consent.hash
        self.root = bridge.consent.path
        self.bundle = bridge.bundle
        self.tools: dict[str, PythonTool] = {}
        self.hooks: dict[str, list[Callable[..., Any]]] = {}
        self.handle: Callable[..., Any] | None = None
        self.problems: list[str] = []
        self.settings = settings
        self.threads = Threads(self.name)
        self._package = Package(self.name, bridge.tree)
        self._failures: dict[str, int] = {}

    def note(self, problem: str) -> None:
        """Keep what is wrong, for the owner to see."""
        if problem not in self.problems:
            self.problems.append(problem)
            log.info("bridge %r: %s", self.name, problem)

    # -------------------------------------------------------------------------------------------------- loading

    async def load(self) -> None:
        """Import it and let it register. What goes wrong is noted and leaves nothing of it behind."""
        try:
            await self.threads.call(self._load, limit=self.settings.load_timeout)
        except TimeoutError:
            self._clear(f"it did not load within {self.settings.load_timeout:g} s (bridges.load_timeout).")
        except HermesError as error:
            cause = error.__cause__
            self._clear(str(cause) if isinstance(cause, HermesError) else str(error))
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        if self.bundle.kind == "gateway-hook":
            handle = getattr(self._package.load("handler"), "handle", None)
            if not callable(handle):
                raise PluginError("its handler.py has no function handle(event_type, context).")
            self.handle = handle
            return
        register = getattr(self._package.load(), "register", None)
        if not callable(register):
            raise PluginError("its __init__.py has no function register(ctx).")
        missing = [name for name in self.bundle.requires if not os.environ.get(name)]
        if missing:
            raise PluginError(f"it needs the environment variables {', '.join(missing)}.", remedy="Set them.")
        register(RegistrationContext(self))

    def _clear(self, problem: str) -> None:
        self.tools.clear()
        self.hooks.clear()
        self.handle = None
        self._package.close()
        self.note(f"it could not be loaded: {problem}")

    def add_tool(
        self,
        name: Any,
        toolset: Any,
        schema: Any,
        handler: Any,
        check: Any,
        requires: list[str],
        description: Any,
    ) -> None:
        """Take a tool, or note why not."""
        body = schema.get("function", schema) if isinstance(schema, dict) else {}
        plain = re.sub(r"[^a-z0-9_]", "_", str(name).lower())
        if not _TOOL_NAME.fullmatch(plain) or not callable(handler):
            self.note(f"its tool {name!r} cannot be used: it has no usable name, or no handler.")
            return
        if plain in self.tools:
            self.note(f"it registers two tools {plain!r}; the first one counts.")
            return
        parameters = body.get("parameters")
        if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
            parameters = {"type": "object", "properties": {}}
        summary = str(body.get("description") or description or f"The tool {name} of {self.name}.")
        try:
            parameters = msgspec.json.decode(msgspec.json.encode({"type": "object", **parameters}))
        except (TypeError, msgspec.MsgspecError) as error:
            self.note(f"its tool {name!r} cannot be used: its schema is no JSON ({error}).")
            return
        if self._suspicious(plain, f"{summary}\n{msgspec.json.encode(parameters).decode()}"):
            summary, parameters = f"The tool {plain} of the bridge {self.name}.", {"type": "object"}
        self.tools[plain] = PythonTool(
            plain,
            summary if len(summary) <= _SUMMARY else f"{summary[: _SUMMARY - 1]}…",
            parameters,
            handler,
            toolset if isinstance(toolset, str) else "",
            check if callable(check) else None,
            tuple(map(str, requires)),
        )

    def _suspicious(self, tool: str, text: str) -> bool:
        from hermes_skills.scan import scan_text

        found = [item for item in scan_text(text, tool) if item.category == "injection" and item.severity != "low"]
        if found:
            self.note(
                f"the description of its tool {tool!r} is withheld from the model: {found[0].description} "
                f"({one_line(found[0].match, 60)})"
            )
        return bool(found)

    def unavailable(self, tool: PythonTool) -> str:
        """Why a tool cannot be used now; empty when it can. Calls foreign code: only on a thread."""
        missing = [name for name in tool.requires if not os.environ.get(name)]
        if missing:
            return f"it needs {', '.join(missing)}"
        return "" if tool.check is None or tool.check() else "its own check says so"

    # -------------------------------------------------------------------------------------------------- calling

    async def tell(self, hook: str, **facts: Any) -> list[Any]:
        """Call the hooks of a name, in order, and give what they return. A failure is noted and costs nothing else."""
        if hook not in self.hooks or self._failures.get(hook, 0) >= _FAILURES_BEFORE_MUTE:
            return []
        found = []
        for callback in self.hooks[hook]:
            # Two of the hooks come with two sets of facts; one that insists on those of a turn means the turn.
            if not _satisfied(callback, facts):
                continue
            value = await self._tell(hook, callback, {**facts})
            if value is not None:
                found.append(value)
        return found

    async def tell_event(self, event: str, context: dict[str, Any]) -> None:
        """Have a gateway hook know of an event it asked for."""
        stem = event.partition(":")[0]
        wanted = event in self.bundle.events or f"{stem}:*" in self.bundle.events
        if self.handle is not None and wanted and self._failures.get(event, 0) < _FAILURES_BEFORE_MUTE:
            await self._tell(event, self.handle, {"event_type": event, "context": context}, named=False)

    async def _tell(self, what: str, function: Callable[..., Any], facts: dict[str, Any], *, named: bool = True) -> Any:
        limit = self.settings.callback_timeout
        try:
            if named:
                return await self.threads.call(function, limit=limit, **accepted(function, facts))
            return await self.threads.call(function, *facts.values(), limit=limit)
        except TimeoutError:
            failure = f"it did not return within {limit:g} s"
        except HermesError as error:
            failure = error.message
        self._failures[what] = self._failures.get(what, 0) + 1
        muted = "; it is not called again" if self._failures[what] >= _FAILURES_BEFORE_MUTE else ""
        self.note(f"its hook {what} failed: {one_line(failure, 200)}{muted}.")
        return None

    def close(self) -> None:
        """Forget its modules."""
        self._package.close()
        self.threads.close()


def _satisfied(function: Callable[..., Any], facts: dict[str, Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return all(item.default is not item.empty or item.name in facts for item in parameters if item.kind in named)


def accepted(function: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Those facts a function can be called with: all of them, unless it names what it wants."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return facts
    if any(item.kind is item.VAR_KEYWORD for item in parameters):
        return facts
    names = {item.name for item in parameters if item.kind is not item.POSITIONAL_ONLY}
    return {name: value for name, value in facts.items() if name in names}
