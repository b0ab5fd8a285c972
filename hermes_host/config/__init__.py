"""Configuration: layers, sections, secrets, files.

For plugin authors
------------------
A plugin declares a section of config.yaml once, as a `msgspec.Struct` whose fields all have defaults, and names it in
`PluginInfo.sections`. What people need to know about a field stands in its `msgspec.Meta`::

    from typing import Annotated

    import msgspec

    from hermes_host.config import Secret

    class Settings(msgspec.Struct, frozen=True, kw_only=True):
        '''One sentence about the section, for the reference page.'''

        timeout: Annotated[float, msgspec.Meta(description="Seconds to wait.", gt=0, extra={"project": True})] = 30.0
        api_key: Annotated[Secret, msgspec.Meta(description="The key; best ${EXAMPLE_API_KEY}.")] = Secret()

`description` and the limits are used in `hermes config schema`, in error messages and in the reference. `extra` takes:

`project: True`
    A trusted project file may set it. Never for addresses, keys, proxies, approvals, or what decides where code runs.
`shorthand: True`
    One field of a section: a plain value in place of the whole section means this field (`model: some-name`).
`aliases: ("old_name",)`
    Older names of the key, still read.
`default: …`
    For a section that is no Struct (a list, a mapping, text): its default, else the type's empty value.

At run time `PluginContext.section(Settings)` gives the settings in force. A wrong value never raises there: it is
reported with its path and replaced by its default, and everything else holds.

Importing this package imports neither a YAML library nor msgspec; they are imported when there is something to read.
"""

from __future__ import annotations

from hermes_host.config.configuration import Config
from hermes_host.config.problems import Problem
from hermes_host.config.secret import Secret, is_dummy_key
from hermes_host.config.secrets import Secrets

__all__ = ["Config", "Problem", "Secret", "Secrets", "is_dummy_key"]
