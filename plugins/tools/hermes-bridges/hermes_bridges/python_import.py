"""Importing the Python files of a folder: exactly the bytes that were accepted, no compiled files, nothing else.

The folder becomes a package of a name of its own, so relative imports work and two plugins cannot meet. Its `print`
goes to the log, for the host's standard output may belong to a program that reads it.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import posixpath
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from hermes_bridges.reading_hermes import foreign_module
from hermes_host.errors import HermesError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from hermes_bridges.tree import Tree

__all__ = ["Package"]

_NUMBERS = itertools.count(1)


class Package(MetaPathFinder, Loader):
    """One folder as a package, from `open` to `close`."""

    def __init__(self, name: str, tree: Tree) -> None:
        word = "".join(char if char.isalnum() else "_" for char in name)
        self.name = f"hermes_plugins_{next(_NUMBERS)}_{word}"
        self._tree = tree
        self._log = logging.getLogger(f"hermes_bridges.plugin.{name}")

    def load(self, module: str = "") -> ModuleType:
        """Import the package, or a module of it. Raises `PluginError` with what is missing."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)  # before the one that would read the files, and compiled ones, by itself
        try:
            return importlib.import_module(f"{self.name}.{module}" if module else self.name)
        except ModuleNotFoundError as error:
            missing = error.name or "?"
            if foreign_module(missing):
                raise PluginError(
                    f"it imports {missing!r}, a module of Hermes Agent that does not exist here.",
                    remedy="Only `ctx` and what it offers can be used; ask its author for a version without it.",
                ) from error
            raise PluginError(
                f"it needs the package {missing!r}, which is not installed.", remedy=f"pip install {missing}"
            ) from error
        except ImportError as error:
            if foreign_module(error.name or ""):
                raise PluginError(f"it imports from {error.name!r}, which is not Hermes Agent's here.") from error
            raise

    def close(self) -> None:
        """Forget everything that was imported."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name in sys.modules if name == self.name or name.startswith(f"{self.name}.")]:
            del sys.modules[name]

    # ------------------------------------------------------------------------------------- what Python's import asks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of that name, where it is one of this folder."""
        if fullname == self.name:
            # Without an __init__.py (a gateway hook) it is an empty package.
            return self._spec(fullname, "__init__.py" if "__init__.py" in self._tree.files else "", package=True)
        if not fullname.startswith(f"{self.name}."):
            return None
        place = fullname[len(self.name) + 1 :].replace(".", "/")
        if f"{place}/__init__.py" in self._tree.files:
            return self._spec(fullname, f"{place}/__init__.py", package=True)
        if f"{place}.py" in self._tree.files:
            return self._spec(fullname, f"{place}.py", package=False)
        return self._spec(fullname, "", package=True) if self._tree.below(f"{place}/", ".py") else None

    def _spec(self, name: str, path: str, *, package: bool) -> ModuleSpec:
        spec = ModuleSpec(name, self, origin=posixpath.join(self._tree.root, path), is_package=package)
        spec.loader_state = path
        spec.has_location = bool(path)
        if package:
            # Plugins find the files beside them by it.
            inner = name[len(self.name) + 1 :].replace(".", "/")
            spec.submodule_search_locations = [posixpath.join(self._tree.root, inner).rstrip("/")]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a file, after a look whether it is still what was accepted."""
        spec = module.__spec__
        assert spec is not None
        module.__dict__["print"] = self._print
        if spec.loader_state:
            try:
                source = self._tree.read(spec.loader_state)
            except HermesError as error:
                raise ImportError(str(error), name=module.__name__) from error
            exec(compile(source, spec.origin or "?", "exec", dont_inherit=True), module.__dict__)

    def _print(self, *values: Any, sep: str | None = " ", end: str | None = "", **_: Any) -> None:
        self._log.info("%s", (" " if sep is None else sep).join(map(str, values))[:2000])
