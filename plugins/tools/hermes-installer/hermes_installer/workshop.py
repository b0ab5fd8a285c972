"""What installing, updating and removing share: the home, the installing program, the catalogue, the origin."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import HermesError
from hermes_host.specs import API_GROUP
from hermes_installer.catalogue import Catalogue, load_catalogue
from hermes_installer.environment import Origin, Tool, find_tool, site_packages
from hermes_installer.wheels import metadata_name, metadata_version, same_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hermes_installer.settings import Settings

__all__ = ["Workshop"]


class Workshop:
    """One run of a command."""

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        say: Callable[[str], None],
        catalogue: str = "",
        index: str = "",
        wheels: str = "",
    ) -> None:
        """`catalogue`, `index` and `wheels` (a folder of wheels in place of every index) are what the user says now;
        `say` shows a line."""
        if index and wheels:
            raise HermesError("An index and a folder of wheels are two different places.", remedy="Say one of them.")
        self.home = home
        self.say = say
        self._settings = settings
        self._catalogue = catalogue
        self.elsewhere = bool(catalogue)
        """Whether the catalogue is another than the configured one."""
        folder = str(Path(wheels).expanduser().absolute()) if wheels else ""
        self.said_origin = Origin(index=index, folder=folder)
        """Where distributions come from, as the user says now."""

    @property
    def origin(self) -> Origin:
        """Where distributions come from: as the user says now, else as the settings say."""
        return self.said_origin if self.said_origin.text else Origin(index=self._settings.index)

    @cached_property
    def tool(self) -> Tool:
        """The installing program."""
        return find_tool()

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue; read at the first look."""
        catalogue = load_catalogue(self._settings, self.cache, self._catalogue)
        if catalogue.note:
            self.say(f"! {catalogue.note}")
        return catalogue

    @property
    def cache(self) -> Path:
        """This plugin's folder for what can be made again."""
        return private_directory(self.home / "cache" / "installer")

    @property
    def environments(self) -> Path:
        """Where isolated plugins live, each in an environment of its own."""
        return private_directory(self.home / "plugins" / "installer" / "environments")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of one's own, gone afterwards. Not in the system's, where others could leave settings for uv."""
        with tempfile.TemporaryDirectory(prefix="work-", dir=self.cache, ignore_cleanup_errors=True) as folder:
            yield Path(folder).resolve()

    def installed(self, name: str) -> Distribution | None:
        """A distribution of the running environment, read anew."""
        return next((found for found in self._distributions() if same_name(metadata_name(found), name)), None)

    def owner_of(self, plugin: str) -> str:
        """The distribution of the running environment that has a plugin of this name; empty for none."""
        for found in self._distributions():
            if any(point.group == API_GROUP and point.name == plugin for point in found.entry_points):
                return metadata_name(found)
        return ""

    def plugin_versions(self) -> dict[str, str]:
        """The host and every plugin of the running environment, with its version."""
        return {
            metadata_name(found): metadata_version(found)
            for found in self._distributions()
            if same_name(metadata_name(found), "hermes-host")
            or any(point.group == API_GROUP for point in found.entry_points)
        }

    def versions(self) -> dict[str, str]:
        """All distributions of the running environment, with their versions."""
        return {metadata_name(found): metadata_version(found) for found in self._distributions()}

    def _distributions(self) -> list[Distribution]:
        found = distributions(path=[str(site_packages())])
        return [each for each in found if metadata_name(each) and metadata_version(each)]
