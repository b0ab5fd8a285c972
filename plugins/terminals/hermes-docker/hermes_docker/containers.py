"""Making, finding and removing the containers of conversations.

Everything made here bears labels: that it is ours, of which hermes home (a random number kept there, for two machines
may share a service and have homes of the same path), and of which session. Nothing else is ever touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_docker.daemon import DaemonError, ImageMissing, reason, sdk
from hermes_docker.supervisor import KEEPER
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_docker.settings import Settings, TerminalSettings

__all__ = ["Blueprint", "Labels", "blueprint", "fetch", "find", "make", "name_of", "remove", "remove_volume"]


_HELPER_SECONDS = 30


class Labels:
    """Names of the labels of containers and volumes."""

    PLUGIN = "hermes.plugin"
    HOME = "hermes.home"
    HOME_PATH = "hermes.home.path"
    SESSION = "hermes.session"
    OPTIONS = "hermes.options"
    PERSISTENT = "hermes.persistent"


class Blueprint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what a session's container is like."""

    name: str
    image: str
    volume: str
    """The volume with the workspace; empty where a folder of the host is mounted there."""
    workspace: str
    user: str
    labels: dict[str, str]
    options: dict[str, Any]
    """As `containers.create` of the SDK takes them."""
    persistent: bool
    disk: int


def name_of(home: str, key: str) -> str:
    """The name of a session's container: the same for the same key, and no other."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", key)[:40].strip("-.") or "session"
    return f"hermes-{home[:8]}-{readable}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def blueprint(
    settings: Settings, terminal: TerminalSettings, *, home: str, home_path: str, key: str, directory: str
) -> Blueprint:
    """What the container of session `key` shall be like. Raises `ConfigError` for a setting that cannot be used."""
    name = name_of(home, key)
    workspace = posixpath.normpath(settings.workspace)
    user = f"{os.getuid()}:{os.getgid()}" if settings.user == "host" else settings.user
    mounts = [_volume(text) for text in terminal.docker_volumes]
    volume = ""
    if any(target == workspace for _, target, _ in mounts):
        pass
    elif terminal.docker_mount_cwd_to_workspace:
        if not os.path.isdir(directory):
            raise ConfigError(
                f"The directory {directory!r} cannot be mounted as the workspace: there is none.",
                remedy="Start hermes in one, or set `terminal.docker_mount_cwd_to_workspace` to false.",
            )
        mounts.insert(0, (os.path.realpath(directory), workspace, "rw"))
    else:
        volume = f"{name}-workspace"
        mounts.insert(0, (volume, workspace, "rw"))
    options: dict[str, Any] = {
        "entrypoint": ["/bin/sh", "-c", KEEPER],
        "command": [],
        "cap_drop": ["ALL"],
        "cap_add": sorted(settings.capabilities) if user in ("", "0", "root", "0:0") else [],
        "security_opt": ["no-new-privileges"],
        "pids_limit": settings.processes,
        "network_mode": settings.network,
        "volumes": [":".join(mount) for mount in mounts],
        "tmpfs": {target: text for target, text in settings.tmpfs.items() if target != workspace},
        "working_dir": workspace,
        "hostname": "hermes",
        "log_config": {"Type": "none", "Config": {}},
    }
    if terminal.container_memory:
        # The same for memory and swap: what does not fit is ended, and the machine does not begin to swap.
        options["mem_limit"] = options["memswap_limit"] = f"{terminal.container_memory}m"
    if terminal.container_cpu:
        options["nano_cpus"] = int(terminal.container_cpu * 1_000_000_000)
    if settings.read_only:
        options["read_only"] = True
        options["environment"] = {"HOME": workspace}
        for target in ("/tmp", "/var/tmp", "/run"):
            options["tmpfs"].setdefault(target, "rw,nosuid,nodev,size=64m,mode=1777")
    if user:
        options["user"] = user
    described = json.dumps([options, terminal.docker_image, terminal.container_disk], sort_keys=True)
    labels = {
        Labels.PLUGIN: "docker",
        Labels.HOME: home,
        Labels.HOME_PATH: home_path,
        Labels.SESSION: key,
        Labels.PERSISTENT: str(int(terminal.container_persistent)),
        Labels.OPTIONS: hashlib.sha256(described.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    }
    return Blueprint(
        name=name,
        image=terminal.docker_image,
        volume=volume,
        workspace=workspace,
        user=user,
        labels=labels,
        options=options,
        persistent=terminal.container_persistent,
        disk=terminal.container_disk,
    )


def _volume(text: str) -> tuple[str, str, str]:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    source = os.path.expanduser(source)
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", source)
    if not (plain or os.path.isabs(source)) or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise ConfigError(
            f"The volume {text!r} cannot be used.",
            remedy="Write `/folder/here:/folder/there` or `name:/folder/there`, with `:ro` where nothing may be "
            "written, in `terminal.docker_volumes`.",
        )
    if not plain and not os.path.exists(source):
        # The service would make it, as root's.
        raise ConfigError(
            f"The folder {source!r} of `terminal.docker_volumes` does not exist.", remedy="Make it, or mend the path."
        )
    return source, posixpath.normpath(target), mode or "rw"


def make(client: Any, plan: Blueprint, *, pull: bool) -> tuple[Any, str]:
    """The session's container, found or made, and running; blocking. The text says what became of it: `running`,
    `started`, `made`, or `made again` where the settings have changed since.

    Raises `HermesError` for what a person can mend.
    """
    became = "made"
    container = find(client, plan.name)
    if container is not None:
        _expect_ours(container, plan)
        if container.labels.get(Labels.OPTIONS) == plan.labels[Labels.OPTIONS]:
            if container.status == "running":
                return container, "running"
            try:
                _start(container, plan)
            except DaemonError:
                # Whatever a stopped container cannot live with (a network that is gone), a new one may.
                container.remove(force=True)
            else:
                return container, "started"
        else:
            container.remove(force=True)
        became = "made again"
    container = _create(client, plan, pull=pull)
    try:
        _start(container, plan)
    except BaseException:
        container.remove(force=True)
        raise
    return container, became


def find(client: Any, name: str) -> Any:
    """The container of that name or id, or None."""
    docker = sdk()

    try:
        return client.containers.get(name)
    except docker.errors.APIError as error:
        # Podman gives another code than 404 for one that is just being removed.
        if isinstance(error, docker.errors.NotFound) or "no such container" in reason(error).lower():
            return None
        raise


def _expect_ours(container: Any, plan: Blueprint) -> None:
    if any(container.labels.get(name) != plan.labels[name] for name in (Labels.PLUGIN, Labels.HOME, Labels.SESSION)):
        raise DaemonError(
            f"There is a container {plan.name!r} that hermes did not make.", remedy="Rename or remove it."
        )


def _is_going(error: Exception) -> bool:
    return any(part in reason(error) for part in ("already in use", "in progress"))


def _create(client: Any, plan: Blueprint, *, pull: bool) -> Any:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    docker = sdk()
    image = _image(client, plan, pull=pull)
    if plan.volume:
        _make_volume(client, plan)
    options = {"name": plan.name, "labels": plan.labels, **plan.options}
    # The name of a container is taken until the last of it is removed.
    patient = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, docker.errors.APIError) and _is_going(error)),
        wait=wait_exponential(multiplier=0.2),
        stop=stop_after_attempt(5),
        reraise=True,
    )
    try:
        container = patient(_create_limited, client, plan, image, options)
    except docker.errors.APIError as error:
        raise _refused(error, plan) from error
    try:
        if plan.volume and plan.user:
            _give_workspace(client, plan, image)
    except BaseException:
        container.remove(force=True)
        raise
    return container


def _create_limited(client: Any, plan: Blueprint, image: Any, options: dict[str, Any]) -> Any:
    docker = sdk()

    if plan.disk and _may_limit_disk(client):
        try:
            return client.containers.create(image.id, storage_opt={"size": f"{plan.disk}m"}, **options)
        except docker.errors.APIError as error:
            if "storage" not in reason(error).lower():
                raise
    return client.containers.create(image.id, **options)


def _start(container: Any, plan: Blueprint) -> None:
    docker = sdk()

    try:
        container.start()
    except docker.errors.APIError as error:
        raise _refused(error, plan) from error


def _refused(error: Exception, plan: Blueprint) -> Exception:
    said = reason(error)
    if "executable file not found" in said or ("no such file" in said.lower() and "/bin/sh" in said):
        return ConfigError(
            f"The image {plan.image!r} has no shell, so no commands can run in it.",
            remedy="Name an image with a POSIX shell in `terminal.docker_image`.",
        )
    network = plan.options["network_mode"]
    if "network" in said and ("not found" in said or "unable to find" in said):
        return ConfigError(
            f"The container service has no network {network!r}: {said}",
            remedy=f"Make it (`docker network create {network}`), or set `docker.network` to none or bridge.",
        )
    if "no space left" in said.lower():
        return DaemonError(
            f"The disk of the container service is full: {said}", remedy="Free some, e.g. by `docker system prune`."
        )
    return DaemonError(
        f"The container service does not make the container: {said}",
        remedy="See the sections `docker` and `terminal` of config.yaml, and `hermes terminal doctor docker`.",
    )


def _image(client: Any, plan: Blueprint, *, pull: bool) -> Any:
    docker = sdk()

    try:
        return client.images.get(plan.image)
    except docker.errors.ImageNotFound:
        if not pull:
            raise ImageMissing(
                f"The image {plan.image!r} is not on the container service.",
                remedy="Fetch it with `hermes docker pull`, set `docker.pull` to missing, or name another one in "
                "`terminal.docker_image`.",
            ) from None
    except docker.errors.APIError as error:
        raise ConfigError(
            f"{plan.image!r} is no name of an image: {reason(error)}", remedy="Correct `terminal.docker_image`."
        ) from error
    for _ in fetch(client, plan.image):
        pass
    return client.images.get(plan.image)


def fetch(client: Any, image: str) -> Any:
    """Fetch an image; gives what the service says about it, as `{"status": …, "progressDetail": …, "id": …}`.

    Raises `ConfigError` where that fails.
    """
    docker = sdk()

    repository, tag = docker.utils.parse_repository_tag(image)
    try:
        for line in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if "error" in line:
                raise docker.errors.APIError(line["error"])
            yield line
    except docker.errors.APIError as error:
        raise ConfigError(
            f"The image {image!r} cannot be fetched: {reason(error)}",
            remedy="See whether the name in `terminal.docker_image` is right and the registry can be reached.",
        ) from error


def _make_volume(client: Any, plan: Blueprint) -> None:
    docker = sdk()

    try:
        client.volumes.get(plan.volume)
    except docker.errors.NotFound:
        try:
            client.volumes.create(plan.volume, labels=plan.labels)
        except docker.errors.APIError as error:
            raise _refused(error, plan) from error


def _give_workspace(client: Any, plan: Blueprint, image: Any) -> None:
    """Make the workspace belong to the container's user. As that one is not root, it takes a moment as root, without a
    network; and after the container was made, for then Docker gives an empty volume the owner of the image's folder."""
    docker = sdk()

    helper = None
    try:
        helper = client.containers.create(
            image.id,
            [],
            entrypoint=["/bin/sh", "-c", 'chown "$1" "$2"', "sh", plan.user, plan.workspace],
            user="0:0",
            cap_drop=["ALL"],
            cap_add=["CHOWN"],
            security_opt=["no-new-privileges"],
            network_mode="none",
            volumes=[f"{plan.volume}:{plan.workspace}"],
            labels=plan.labels | {Labels.SESSION: ""},
        )
        helper.start()
        code, said = int(helper.wait(timeout=_HELPER_SECONDS)["StatusCode"]), "`chown` failed"
    except docker.errors.APIError as error:
        code, said = 1, reason(error)
    finally:
        if helper is not None:
            helper.remove(force=True)
    if code != 0:
        raise ConfigError(
            f"The workspace cannot be given to the user {plan.user!r}: {said}.",
            remedy="Name a user of the image, or numbers, in `docker.user`.",
        )


def _may_limit_disk(client: Any) -> bool:
    """Whether the service may be able to limit the size of a container. Elsewhere it refuses to make one with a limit,
    as it does where XFS is mounted without `pquota`, which it does not tell beforehand."""
    information = client.info()
    driver, status = information.get("Driver"), dict(information.get("DriverStatus") or [])
    return driver in ("btrfs", "zfs") or (driver == "overlay2" and status.get("Backing Filesystem") == "xfs")


def remove(client: Any, name: str) -> bool:
    """Remove a container with everything that runs in it; False where there is none."""
    container = find(client, name)
    if container is None:
        return False
    with suppress(sdk().errors.NotFound):
        container.remove(force=True)
    return True


def remove_volume(client: Any, name: str) -> bool:
    """Remove a volume; False where there is none or another container uses it."""
    docker = sdk()

    try:
        client.volumes.get(name).remove(force=True)
    except docker.errors.APIError:
        return False
    return True
