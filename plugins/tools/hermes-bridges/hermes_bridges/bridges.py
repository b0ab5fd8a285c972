"""The folders of one host: which are used, which are off and why, and the live parts of those that hold code."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_bridges.bundle import KINDS, Bundle
from hermes_bridges.reading import read_bundle
from hermes_bridges.settings import Settings
from hermes_bridges.tree import Tree, read_tree, stamp_of
from hermes_bridges.trust import Consent, TrustStore
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_bridges.python_plugins import PythonPlugin, PythonTool
    from hermes_host.context import PluginContext, SessionContext

__all__ = ["Bridge", "Bridges", "State", "connect", "waiting_folders"]

log = logging.getLogger(__name__)

State = Literal["on", "changed", "missing", "broken"]

KEY = "bridges"
"""Where a session's memory holds the `Bridges`."""


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """One folder the owner consented to, as it is now."""

    consent: Consent
    state: State
    reason: str = ""
    tree: Tree | None = None
    bundle: Bundle | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.consent.name


_LARGE = 500
_SHARE = 10
"""In a folder of more files than that, a look is good for this many times the work it took, so that looking does not
take up a conversation. Before a program of a folder runs, there is always a new one."""


class _Known(msgspec.Struct):
    consent: Consent
    bridge: Bridge
    looked: float = 0.0
    """When it was looked at again, by the monotonic clock, and how much work that was."""
    seconds: float = 0.0


def connect(context: PluginContext, spec: object) -> Bridges:
    """The service."""
    return Bridges(context)


class Bridges:
    """Made once per host. Reads a folder when it is first needed, and again whenever something in it was touched."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        self.store = TrustStore(context.home / "plugins" / context.plugin)
        self._known: dict[str, _Known] = {}
        self._loaded: dict[str, PythonPlugin] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._told: set[tuple[str, str]] = set()
        self.routes: dict[str, tuple[PythonPlugin, PythonTool]] = {}
        """What is behind each tool that conversations were offered."""
        self._change = asyncio.Event()

    @property
    def settings(self) -> Settings:
        """The section `bridges`."""
        return self.context.section(Settings)

    # ----------------------------------------------------------------------------------------------- the folders

    def all(self) -> list[Bridge]:
        """Every folder that was accepted once, as it is at this moment. Raises `ConfigError` for a broken record."""
        return [self._now(consent) for consent in self.store.all()]

    def on(self) -> list[Bridge]:
        """Those that are used: what lies in them is what was accepted, to the byte. A broken record gives none."""
        try:
            return [bridge for bridge in self.all() if bridge.state == "on"]
        except HermesError as error:
            log.warning("%s", error)
            return []

    def get(self, name: str) -> Bridge:
        """The one of that name. Raises `NotFound`."""
        consent = self.store.find(name)
        if consent is None:
            known = ", ".join(item.name for item in self.store.all()) or "none"
            raise NotFound(f"There is no bridge {name!r}.", remedy=f"There are: {known}. See `hermes bridges list`.")
        return self._now(consent)

    def still_on(self, bridge: Bridge) -> bool:
        """Whether what lies in the folder is still what was accepted. Looked at again before anything of it runs."""
        consent = self.store.find(bridge.name)
        if consent is None or consent.hash != bridge.consent.hash:
            return False
        return self._now(consent, anew=True).state == "on"

    def _now(self, consent: Consent, *, anew: bool = False) -> Bridge:
        known = self._known.get(consent.name)
        if known is not None and known.consent == consent:
            tree = known.bridge.tree
            large = tree is not None and len(tree.files) > _LARGE
            if large and not anew and time.monotonic() - known.looked < _SHARE * known.seconds:
                return known.bridge
            began = time.thread_time()
            if tree is not None and stamp_of(consent.path) == tree.stamp:
                known.looked, known.seconds = time.monotonic(), time.thread_time() - began
                return known.bridge
        bridge = _looked_at(consent)
        self._known[consent.name] = _Known(consent, bridge)
        return bridge

    # --------------------------------------------------------------------------------------------- code of folders

    def python(self) -> Sequence[PythonPlugin]:
        """The loaded Python plugins of folders that are on."""
        on = {bridge.name: bridge.consent.hash for bridge in self.on() if bridge.name in self._loaded}
        return [plugin for name, plugin in self._loaded.items() if on.get(name) == plugin.hash]

    async def load(self, wait: float | None = None) -> None:
        """Load the Python plugins that are on and were not yet loaded; give up waiting after `wait` seconds."""
        for bridge in await asyncio.to_thread(self.on):
            loaded = self._loaded.get(bridge.name)
            if bridge.bundle is None or bridge.bundle.kind not in ("hermes-plugin", "gateway-hook"):
                continue
            if (loaded is None or loaded.hash != bridge.consent.hash) and bridge.name not in self._loading:
                self._loading[bridge.name] = asyncio.create_task(self._load(bridge), name=f"bridge {bridge.name}")
        if self._loading:
            await asyncio.wait(self._loading.values(), timeout=wait)

    async def _load(self, bridge: Bridge) -> None:
        from hermes_bridges.python_plugins import PythonPlugin

        try:
            old = self._loaded.pop(bridge.name, None)
            if old is not None:
                old.close()
            plugin = PythonPlugin(bridge, self.settings)
            await plugin.load()
            self._loaded[bridge.name] = plugin
        finally:
            self._loading.pop(bridge.name, None)
            self._tell_of_change()

    def offer(self, routes: dict[str, tuple[PythonPlugin, PythonTool]]) -> None:
        """Note what is behind each tool from now on."""
        if routes != self.routes:
            self._tell_of_change()
        self.routes = routes

    async def changed(self) -> None:
        """Wait until there are other tools, or a plugin was loaded that may bring some. Folders are looked at when
        somebody asks for the tools, as every conversation does when it begins; they are not watched."""
        await self._change.wait()

    def _tell_of_change(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    # ------------------------------------------------------------------------------------------------ conversations

    def attend(self, session: SessionContext) -> None:
        """Have a conversation know of this, and tell it once of every folder that is off."""
        session.memory[KEY] = self
        try:
            bridges = self.all()
        except HermesError as error:
            self._tell(session, "", f"{error}")
            return
        for bridge in bridges:
            if bridge.state != "on":
                self._tell(session, bridge.name, f"The bridge {bridge.name!r} is off: {bridge.reason}")
        for plugin in self._loaded.values():
            for problem in plugin.problems:
                self._tell(session, plugin.name, f"The bridge {plugin.name!r}: {problem}")

    def _tell(self, session: SessionContext, name: str, text: str) -> None:
        if (name, text) not in self._told:
            self._told.add((name, text))
            session.announce(text, level="warning", code="bridges")

    async def aclose(self) -> None:
        """Let go of what was loaded."""
        for task in list(self._loading.values()):
            task.cancel()
        for plugin in self._loaded.values():
            plugin.close()
        self._loaded.clear()


def _looked_at(consent: Consent) -> Bridge:
    try:
        tree = read_tree(Path(consent.path))
    except NotFound:
        reason = f"There is no folder {consent.path}. hermes bridges remove {consent.name}"
        return Bridge(consent=consent, state="missing", reason=reason)
    except HermesError as error:
        return Bridge(consent=consent, state="broken", reason=str(error))
    if tree.hash != consent.hash:
        reason = f"its files were changed since you accepted them. Look at them: hermes bridges accept {consent.name}"
        return Bridge(consent=consent, state="changed", reason=reason, tree=tree)
    try:
        bundle = read_bundle(tree, consent.name)
    except HermesError as error:
        return Bridge(consent=consent, state="broken", reason=str(error), tree=tree)
    return Bridge(consent=consent, state="on", tree=tree, bundle=bundle)


def waiting_folders(home: Path, settings: Settings, consents: Sequence[Consent]) -> list[tuple[str, str, str]]:
    """Folders that could be used and were never accepted: path, what it is, where it was named.

    Those of `bridges.folders`, and those where Hermes 0.5 kept its plugins and hooks.
    """
    accepted = {consent.path for consent in consents}
    found: dict[str, tuple[str, str, str]] = {}
    for folder in settings.folders:
        path = os.path.realpath(os.path.expanduser(folder))
        if path not in accepted:
            found[path] = (path, "", "bridges.folders")
    for place, files, kind in (
        ("plugins", ("plugin.yaml", "plugin.yml"), KINDS["hermes-plugin"]),
        ("hooks", ("HOOK.yaml",), KINDS["gateway-hook"]),
    ):
        root = home / place
        for name in sorted(os.listdir(root)) if root.is_dir() else ():
            path = os.path.realpath(root / name)
            if path not in accepted and any((root / name / file).is_file() for file in files):
                found.setdefault(path, (path, kind, f"$HERMES_HOME/{place}"))
    return list(found.values())
