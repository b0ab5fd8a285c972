"""Containers and clusters: what runs inside is judged, what reaches the machine or others is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program, Table, commands
from hermes_terminal.rules.wrappers import elsewhere
from hermes_terminal.shell.script import UNKNOWN, names

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_OTHER_HOST = "It talks to another container host."
_DESTROYS = "It deletes containers, images, volumes or networks."
_REACHES = "It gives a container power over the machine."
_PUBLISHES = "It publishes an image or signs in somewhere."
_CLUSTER = "It changes a cluster."

_RUN_VALUED = (
    "-v --volume --mount -e --env --env-file -w --workdir -p --publish --name -u --user --entrypoint -l "
    "--label --network --net --platform -m --memory --cpus -h --hostname --tmpfs --restart --pid --ipc "
    "--cap-add --cap-drop --device --security-opt --add-host --gpus --pull --userns --uts --cgroupns "
    "--volumes-from --group-add --shm-size --ulimit --dns --log-driver --cidfile --cgroup-parent"
)
_POWERS = dict.fromkeys(
    names(
        "--privileged --cap-add --device --security-opt --volumes-from --userns --cgroupns --cgroup-parent "
        "--ipc --uts --device-cgroup-rule"
    ),
    _REACHES,
)


def _run(case: Case, arguments: Arguments) -> None:
    for option, value in arguments.options:
        text = value.text if value is not None else ""
        if option in ("-v", "--volume"):
            _mount(case, text.partition(":")[0] if ":" in text else "")
        elif option == "--mount":
            fields = dict(field.partition("=")[::2] for field in text.split(","))
            _mount(case, fields.get("source", fields.get("src", "")))
        elif option in ("--pid", "--network", "--net") and text == "host":
            case.ask(_REACHES)
    if arguments.rest and len(arguments.rest) > 1:
        elsewhere(case, arguments.rest[1:])


def _mount(case: Case, source: str) -> None:
    if not source or (source[0] not in "./~" and UNKNOWN not in source):
        return
    for directory in case.state.directories:
        path = case.place.join(directory, source)
        if case.place.zone(path) not in ("workspace", "temporary"):
            case.ask(f"It gives a container access to {source.replace(UNKNOWN, '…')!r}, outside the workspace.")


def _exec(case: Case, arguments: Arguments) -> None:
    elsewhere(case, arguments.rest[1:])


class _Inside(Program):
    """The container's name or image and the program in it follow the options."""

    def apply(self, case: Case) -> None:
        arguments = case.split(self.valued, stop_early=True)
        for option, reason in self.asks.items():
            if arguments.given(option):
                case.ask(reason)
        if arguments.rest and arguments.rest[0].leads_unknown:
            case.ask("A variable stands where options or a container's name belong.")
        assert self.then is not None
        self.then(case, arguments)


_EXEC = _Inside(
    valued="-e --env --env-file -w --workdir -u --user --detach-keys --index",
    asks={"--privileged": _REACHES},
    then=_exec,
)
_RUN = _Inside(valued=_RUN_VALUED, asks=_POWERS, then=_run)
_COMPOSE = Program(
    valued="-f --file -p --project-name --profile --env-file --project-directory",
    commands=commands(
        "ps logs config build up top images ls port version events pull start restart stop create",
        exec=_EXEC,
        run=_RUN,
        down=Program(asks=dict.fromkeys(("-v", "--volumes", "--rmi"), _DESTROYS)),
        rm=_DESTROYS,
        kill=_DESTROYS,
    ),
)
_OBJECTS = Program(commands=commands("ls list inspect history create tag"), other=_DESTROYS)


def _kubectl_exec(case: Case, arguments: Arguments) -> None:
    words = list(arguments.rest)[1:]
    while words and words[0].text.startswith("-") and words[0].text != "--":
        words.pop(0)
    case.ask("It runs a program in a cluster.")
    elsewhere(case, [word for word in words if word.text != "--"])


PROGRAMS: Table = {
    "docker podman nerdctl": Program(
        valued="-H --host --context -c --config -l --log-level --url --connection --identity --root",
        asks=dict.fromkeys(
            names("-H --host --context -c --config --remote -r --url --connection --identity"), _OTHER_HOST
        ),
        commands=commands(
            "ps images logs inspect version info stats top port diff history events search wait tag start "
            "stop restart pull",
            exec=_EXEC,
            run=_RUN,
            create=_RUN,
            compose=_COMPOSE,
            build=Program(
                asks=dict.fromkeys(("--allow", "--secret", "--ssh"), _REACHES),
                valued="-t -f --build-arg --target --platform",
                variables=True,
            ),
            buildx=Program(commands=commands("ls inspect du version build bake")),
            container=Program(
                commands=commands("ls list inspect logs top stats start stop restart", exec=_EXEC, run=_RUN),
                other=_DESTROYS,
            ),
            image=_OBJECTS,
            volume=_OBJECTS,
            network=_OBJECTS,
            system=Program(commands=commands("df info events"), other=_DESTROYS),
            context=Program(commands=commands("ls show inspect"), other=_OTHER_HOST),
            rm=_DESTROYS,
            rmi=_DESTROYS,
            prune=_DESTROYS,
            kill=_DESTROYS,
            push=_PUBLISHES,
            login=_PUBLISHES,
            cp="It copies between a container and this machine.",
            commit="",
            save="It writes an image to a file.",
            load="It brings in an image from a file.",
            swarm=_CLUSTER,
            service=_CLUSTER,
            stack=_CLUSTER,
            node=_CLUSTER,
            secret=_CLUSTER,
            plugin=_REACHES,
            machine=_REACHES,
        ),
    ),
    "docker-compose podman-compose": _COMPOSE,
    "kubectl oc": Program(
        valued="-n --namespace --context --kubeconfig --cluster -s --server --token",
        asks=dict.fromkeys(("--context", "--kubeconfig", "--server", "-s", "--token"), "It talks to another cluster."),
        commands=commands(
            "get describe logs top version api-resources explain cluster-info diff",
            exec=_Inside(valued="-c --container -n", then=_kubectl_exec),
            config=Program(commands=commands("view get-contexts current-context"), other=_CLUSTER),
        ),
        other=_CLUSTER,
    ),
    "helm": Program(
        commands=commands("list status get show search template lint version history dependency"), other=_CLUSTER
    ),
    "terraform tofu terragrunt": Program(
        commands=commands("plan validate fmt show output version graph providers init"),
        other="It changes what runs somewhere else.",
    ),
    "pulumi ansible ansible-playbook packer vagrant minikube kind k3d lxc virsh qemu-system-x86_64 "
    "multipass colima": Program(always="It changes what runs somewhere else."),
    "aws gcloud az doctl heroku fly flyctl vercel netlify wrangler firebase supabase": Program(
        always="It reaches somebody's cloud account."
    ),
}
