"""What `hermes doctor` looks at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_singularity.instances import find_program, list_names, ours, run_client
from hermes_singularity.settings import Settings, TerminalSettings, combined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the command line is there and answers, the image exists, and nothing was left behind.

    Starts no container: that may fetch a large image. Says nothing where neither program nor image is configured.
    """
    section, terminal = context.section(Settings, "singularity"), context.section(TerminalSettings, "terminal")
    settings = combined(section, terminal)
    try:
        program = find_program(settings)
        version = (await run_client([program, "--version"], timeout=20)).strip()
        names = await list_names(program)
    except HermesError as error:
        if not (section.image or section.program or terminal.singularity_image):
            return []
        return [CheckResult(name="singularity", status="error", detail=error.message, remedy=error.remedy)]
    results = [CheckResult(name="singularity", status="ok", detail=f"{version} at {program}")]
    if "://" not in settings.image and not _exists(settings.image):
        results.append(
            CheckResult(
                name="singularity image",
                status="error",
                detail=f"There is no {settings.image!r}.",
                remedy=f"Set `singularity.image`, or make it: `{program} build {settings.image} docker://debian:12`.",
            )
        )
    left = [name for name in names if ours(name) is False]
    if left:
        results.append(
            CheckResult(
                name="singularity instances",
                status="warning",
                detail=f"{len(left)} belong to processes that are gone.",
                remedy="hermes terminal gc",
            )
        )
    return results


def _exists(image: str) -> bool:
    return os.path.exists(os.path.expanduser(image))
