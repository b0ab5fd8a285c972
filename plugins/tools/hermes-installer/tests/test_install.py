"""Installing into the environment the host runs in: what is agreed to, and what is refused with nothing changed."""

from __future__ import annotations

import functools
import hashlib
import stat
import threading
import zipfile
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
from hermes_installer.confinement import has_sandbox
from packaging.version import Version

SETUP = """
import pathlib, setuptools
pathlib.Path.home().joinpath("ran").touch()
setuptools.setup(name="hermes-acme")
"""


def untouched(place) -> bool:
    return not place.lock and not list(place.site.glob("hermes_acme*")) and not (place.folder / "ran").exists()


def test_an_installed_plugin_is_loaded_written_down_and_shown(place):
    place.plugin(secrets=("ACME_KEY",))
    done = place.install("hermes-acme", "--yes")
    assert "Installed hermes-acme 1.0 (plugin acme)." in done.out
    assert "ACME_KEY" in done.err
    assert "api.acme.test" in done.err
    assert "--only-binary :all:" in done.err
    assert place.state("acme")["state"] == "loaded"
    entry = place.lock["acme"]
    assert entry["distribution"] == "hermes-acme"
    assert entry["capabilities"] == {
        "network": ["api.acme.test"],
        "secrets": ["ACME_KEY"],
        "hooks": ["hermes_plugin_info", "hermes_tools"],
        "effects": ["net"],
    }
    assert "hermes_acme/plugin.py" in entry["files"]
    tool = entry["description"]["tools"][0]
    assert tool["name"] == "hermes_acme_greet"
    assert "name" in tool["parameters"]["properties"]
    assert stat.S_IMODE((place.home / "plugins.lock").stat().st_mode) == 0o600
    again = place.install("hermes-acme", "--yes", "--json").json
    assert again["changed"] is False
    shown = place.hermes("plugins", "lock", "--json").json
    assert shown["acme"]["problems"] == []


def test_without_a_terminal_and_without_consent_nothing_is_installed_and_nothing_ran(place):
    place.plugin(more="import pathlib\npathlib.Path.home().joinpath('ran').touch()\n", secrets=("ACME_KEY",))
    refused = place.install("hermes-acme", code=1)
    assert "gets the secrets: ACME_KEY" in refused.err
    assert "--yes" in refused.err
    assert untouched(place) or not has_sandbox()


def test_a_source_package_is_not_built(place):
    project = place.folder / "project"
    project.mkdir()
    (project / "setup.py").write_text(SETUP, encoding="utf-8")
    with zipfile.ZipFile(place.wheels / "hermes_acme-1.0.zip", "w") as archive:
        archive.writestr("hermes_acme-1.0/setup.py", SETUP)
    refused = place.install("hermes-acme", "--yes", code=1)
    assert "Only wheels are taken" in refused.err
    refused = place.install(str(project), "--yes", code=1)
    assert "--allow-build" in refused.err
    refused = place.install(str(place.wheels / "hermes_acme-1.0.zip"), "--yes", code=1)
    assert "neither a wheel nor a project folder" in refused.err
    assert untouched(place)


@pytest.mark.parametrize(
    ("wheel", "said"),
    [
        ({"points": ""}, "no entry point"),
        ({"points": "[hermes.v9]\nacme = hermes_acme.plugin\n"}, "speaks hermes.v9"),
        ({"points": "[hermes.v1]\nacme = hermes_acme.nothing\n"}, "No module named 'hermes_acme.nothing'"),
        ({"points": "[hermes.v1]\na = hermes_acme.plugin\nb = hermes_acme.plugin\n"}, "holds 2 plugins"),
        ({"files": {"acme.pth": b"import os"}}, "at every start of Python"),
        ({"files": {"click/extra.py": b""}}, "in the place of another's"),
        ({"files": {"json/__init__.py": b""}}, "in the place of another's"),
        ({"plugin": "installer"}, "already, of hermes-installer"),
        ({"more": "raise SystemExit(3)"}, "cannot be loaded: SystemExit: 3"),
        ({"more": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}, "ended"),
    ],
)
def test_a_wheel_that_is_no_sound_plugin_is_refused(place, wheel, said):
    path = place.plugin(**wheel)
    refused = place.hermes("plugins", "install", str(path), "--yes", code=1)
    assert said in refused.err
    assert untouched(place)


def test_a_wheel_that_leads_out_of_its_folder_is_refused_whole(place):
    path = place.plugin(files={"../../escaped.py": b"evil", "hermes_acme/fine.py": b""})
    refused = place.hermes("plugins", "install", str(path), "--yes", code=1)
    assert "leads out of its folder" in refused.err
    assert untouched(place)
    assert not list(place.folder.rglob("escaped.py"))


@pytest.mark.skipif(not has_sandbox(), reason="bubblewrap is not installed or not allowed")
def test_a_plugin_that_is_being_described_has_no_keys_no_files_and_no_network(place):
    (place.folder / "diary").write_text("dear diary", encoding="utf-8")
    spy = (
        "import os, socket\n"
        "found = [name for name in os.environ if 'CANARY' in name]\n"
        f"found += [path for path in ({str(place.folder / 'diary')!r}, '/etc/passwd') if os.path.exists(path)]\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except ConnectionRefusedError:\n    found.append('same loopback')\n"
        "except OSError:\n    pass\n"
        "print('noise on standard output')\n"
        "_info = hermes_plugin_info\n"
        "@hookimpl\n"
        "def hermes_plugin_info():\n    return PluginInfo(summary=f'found {found!r}')\n"
    )
    place.plugin(more=spy, secrets=("A",))
    done = place.install("hermes-acme", "--yes", CANARY_KEY="sk-canary", PIP_CANARY="x")
    summary = place.lock["acme"]["description"]["summary"]
    assert summary in ("found []", "found ['same loopback']")  # its own loopback refuses as well
    assert "sk-canary" not in done.err


def test_a_name_that_could_be_taken_for_a_known_one_needs_to_be_meant(place):
    place.plugin(name="hermes-telegran")
    refused = place.install("hermes-telegran", "--yes", "--catalogue", _known(place), code=1)
    assert "mistaken for 'hermes-telegram'" in refused.err
    assert not place.lock
    place.install("hermes-telegran", "--yes", "--exact", "--catalogue", _known(place))
    assert "telegran" in place.lock


def _known(place) -> str:
    return place.catalogue({"name": "telegram", "distribution": "hermes-telegram"})


def test_a_short_name_is_one_only_where_the_catalogue_knows_it(place):
    place.plugin()
    refused = place.install("acme", "--yes", code=1)
    assert "could not be fetched" in refused.err
    place.catalogue({"name": "acme", "distribution": "hermes-acme"})
    place.install("acme", "--yes")
    assert place.lock["acme"]["distribution"] == "hermes-acme"


def test_what_the_catalogue_pins_is_what_is_installed(place):
    wheel = place.plugin()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    place.plugin("9.0")  # another folder's newer one is not taken
    pinned = {"name": "acme", "distribution": "hermes-acme", "publisher": "Acme"}
    place.catalogue({**pinned, "versions": [{"version": "1.0", "url": f"wheels/{wheel.name}", "sha256": digest}]})
    done = place.hermes("plugins", "install", "acme", "--yes", "--json", UV_FIND_LINKS=str(place.wheels)).json
    assert Version(done["version"]) == Version("1.0")
    assert place.lock["acme"]["publisher"] == "Acme"
    refused = place.hermes("plugins", "install", "acme>=9", "--yes", code=1)
    assert "has no hermes-acme that fits" in refused.err
    place.hermes("plugins", "remove", "acme", "--yes")
    place.plugin(work="evil = 1\n")  # the same name and version, other bytes
    refused = place.hermes("plugins", "install", "acme", "--yes", code=1)
    assert "not the file it should be" in refused.err
    assert not place.lock


def test_an_index_beside_the_one_that_the_catalogue_pins_is_refused(place):
    place.plugin()
    place.catalogue({"name": "acme", "distribution": "hermes-acme", "index": "https://packages.acme.test/simple"})
    assert "not from" in place.install("acme", "--yes", code=1).err
    said = place.hermes("plugins", "install", "acme", "--yes", "--index", "https://packages.example/simple", code=1).err
    assert "comes from https://packages.acme.test/simple" in said


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(place):
    """The folder of wheels as a web server of this machine has it."""
    server = HTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place.wheels)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_wheel_from_the_network_is_the_one_whose_hash_was_said(place, address):
    wheel = place.plugin()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    refused = place.hermes("plugins", "install", f"{address}/{wheel.name}#sha256={'0' * 64}", "--yes", code=1)
    assert "not the file it should be" in refused.err
    assert untouched(place)
    place.hermes("plugins", "install", f"{address}/{wheel.name}?from=here#sha256={digest}", "--yes")
    assert place.lock["acme"]["source"] == "url"
    assert place.state("acme")["state"] == "loaded"


def test_a_password_in_an_address_never_becomes_an_argument(place):
    said = place.hermes("plugins", "install", "acme", "--yes", "--index", "https://me:hunter2@acme.test/simple", code=1)
    assert "has a password in it" in said.err
    assert "hunter2" not in said.err


def test_an_installation_that_fails_leaves_what_is_there(place):
    place.plugin(requires=("hermes-host", "nowhere-to-be-found"))
    refused = place.install("hermes-acme", "--yes", code=1)
    assert "was not installed" in refused.err
    assert untouched(place)


def test_a_plugin_cannot_change_the_host_or_another_plugin(place):
    place.plugin(requires=("hermes-host<0.0.1",))
    assert "--isolated" in place.install("hermes-acme", "--yes", code=1).err
    assert untouched(place)


BACKEND = """
import pathlib, shutil

def build_wheel(folder, config_settings=None, metadata_directory=None):
    pathlib.Path.home().joinpath("ran").touch()
    wheel = next(pathlib.Path(__file__).parent.glob("*.whl"))
    shutil.copy(wheel, folder)
    return wheel.name
"""


def test_a_project_folder_is_built_only_when_that_is_allowed(place):
    assert "is no project" in place.hermes("plugins", "install", str(place.folder), "--yes", code=1).err
    project = place.folder / "project"
    project.mkdir()
    place.plugin().rename(project / "hermes_acme-1.0-py3-none-any.whl")
    (project / "backend.py").write_text(BACKEND, encoding="utf-8")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "hermes-acme"\nversion = "1.0"\n',
        encoding="utf-8",
    )
    assert "--allow-build" in place.hermes("plugins", "install", str(project), "--yes", code=1).err
    assert untouched(place)
    place.hermes("plugins", "install", str(project), "--yes", "--allow-build")
    assert (place.folder / "ran").exists()
    assert place.lock["acme"]["source"] == "folder"


def test_a_person_at_a_terminal_is_asked(place):
    place.plugin()
    refused = place.typed("plugins", "install", "hermes-acme", "--wheels", str(place.wheels), keys="n")
    assert "Install it? [y/N]" in refused
    assert untouched(place)
    place.typed("plugins", "install", "hermes-acme", "--wheels", str(place.wheels), keys="y")
    assert place.state("acme")["state"] == "loaded"
    assert "Remove plugin 'acme'?" in place.typed("plugins", "remove", "acme", keys="y")
    assert untouched(place)


def test_more_than_the_catalogue_says_is_pointed_out(place):
    place.plugin(secrets=("BANK_KEY",))
    known = {"name": "acme", "distribution": "hermes-acme", "capabilities": {"network": ["*"], "hooks": ["*"]}}
    place.catalogue(known)
    shown = place.install("acme", code=1).err
    assert "beyond what the catalogue says, it gets the secrets: BANK_KEY" in shown
    assert "catalogue says, it talks to" not in shown


def test_removing_takes_what_came_with_it_and_keeps_what_it_kept_unless_purged(place):
    place.library("1.0")
    place.plugin(requires=("hermes-host", "acmelib"))
    for wheel in place.wheels.glob("hermes_host-*"):
        wheel.unlink()  # the host that is there is the host that is used
    place.install("hermes-acme", "--yes")
    assert place.lock["acme"]["brought"] == ["acmelib"]
    kept = place.home / "plugins" / "acme"
    kept.mkdir(parents=True)
    (kept / "notes").write_text("mine", encoding="utf-8")
    refused = place.hermes("plugins", "remove", "acme", code=1)
    assert "--yes" in refused.err
    assert place.state("acme")["state"] == "loaded"
    done = place.hermes("plugins", "remove", "acme", "--yes")
    assert str(kept) in done.out
    assert (kept / "notes").exists()
    assert not [path for path in place.site.iterdir() if "acme" in path.name]
    assert not (place.home / "plugins.lock").exists()
    assert not (place.home / "plugins.lock.seen").exists()
    assert place.hermes("plugins", "remove", "acme", "--yes", code=1).err.count("was not installed with")
    place.install("hermes-acme", "--yes")
    place.hermes("plugins", "remove", "acme", "--yes", "--purge")
    assert not kept.exists()
