"""What `hermes doctor` and `hermes terminal doctor` look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_docker.backend import backend_of
from hermes_docker.daemon import reason, sdk
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_docker.backend import DockerBackend
    from hermes_host.context import PluginContext

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """The service, its version, whether it runs without root's rights; the image; what weakens the isolation."""
    backend = backend_of(context)
    try:
        version, information = await backend.daemon.call(lambda client: (client.version(), client.info()))
    except (HermesError, OSError) as error:
        remedy = error.remedy if isinstance(error, HermesError) else ""
        message = error.message if isinstance(error, HermesError) else reason(error)
        return [CheckResult(name="docker service", status="warning", detail=message, remedy=remedy)]
    try:
        return [
            _service(backend, version, information),
            _limits(information),
            await _image(backend),
            *_exposures(backend),
        ]
    finally:
        await backend.daemon.close()


def _service(backend: DockerBackend, version: dict[str, Any], information: dict[str, Any]) -> CheckResult:
    components = [part.get("Name", "") for part in version.get("Components") or []]
    name = "Podman" if any("podman" in part.lower() for part in components) else "Docker"
    options = [str(option) for option in information.get("SecurityOptions") or []]
    rootless = any("rootless" in option for option in options)
    rights = "without root's rights" if rootless else "with root's rights"
    return CheckResult(
        name="docker service",
        status="ok",
        detail=f"{name} {version.get('Version', '?')} at {backend.daemon.url}, {rights}",
    )


def _limits(information: dict[str, Any]) -> CheckResult:
    wanted = {"memory": "MemoryLimit", "processes": "PidsLimit", "processors": "CpuCfsQuota"}
    # A service that does not say leaves nothing to complain of.
    missing = [name for name, key in wanted.items() if information.get(key) is False]
    if missing:
        return CheckResult(
            name="docker limits",
            status="warning",
            detail=f"The service cannot limit: {', '.join(missing)}.",
            remedy="Give it cgroups version 2 with delegation; see the service's documentation on rootless mode.",
        )
    return CheckResult(name="docker limits", status="ok", detail="memory, processes and processors can be limited")


async def _image(backend: DockerBackend) -> CheckResult:
    docker = sdk()

    image = backend.terminal.docker_image
    try:
        found = await backend.daemon.call(lambda client: client.images.get(image))
    except docker.errors.ImageNotFound:
        return CheckResult(
            name="docker image",
            status="warning",
            detail=f"{image!r} is not on the service.",
            remedy="hermes docker pull",
        )
    except docker.errors.APIError as error:
        return CheckResult(
            name="docker image",
            status="error",
            detail=f"{image!r}: {reason(error)}",
            remedy="Correct `terminal.docker_image`.",
        )
    size = int(found.attrs.get("Size") or 0) / 1_000_000
    return CheckResult(name="docker image", status="ok", detail=f"{image}, {size:,.0f} MB")


def _exposures(backend: DockerBackend) -> Iterable[CheckResult]:
    """Settings that give commands in a container a way out of it."""
    opened = []
    for text in backend.terminal.docker_volumes:
        source = text.partition(":")[0].rstrip("/")
        if source == "" or source.endswith((".sock", "/run", "/proc", "/sys", "/dev", "/etc")):
            opened.append(f"the volume {text!r}")
    risky = {"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "NET_ADMIN", "DAC_READ_SEARCH"}
    kept = [name.upper().removeprefix("CAP_") for name in backend.settings.capabilities]
    opened += [f"the capability {name}" for name in kept if name in risky]
    if backend.settings.network == "host":
        opened.append("the network 'host'")
    if opened:
        yield CheckResult(
            name="docker isolation",
            status="warning",
            detail=f"Commands can leave the container by {', '.join(opened)}.",
            remedy="Take that out of `terminal.docker_volumes` and the section `docker`, unless it is meant so.",
        )
