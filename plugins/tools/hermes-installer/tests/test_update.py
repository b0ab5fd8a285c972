"""Updates, and everything that must not pass for one."""

from __future__ import annotations


def replace(path, text: str) -> None:
    """Another file of that name, as programs write them."""
    path.unlink()
    path.write_text(text, encoding="utf-8")


def test_an_update_that_wants_nothing_new_is_made_without_a_question(acme):
    acme.plugin("1.1")
    done = acme.hermes("plugins", "update", "--all")
    assert "Updated hermes-acme 1.1 (plugin acme), was 1.0." in done.out

    assert acme.state("acme")["version"] == "1.1"
    assert "is up to date" in acme.hermes("plugins", "update", "acme").out


def test_an_update_that_wants_more_waits_for_consent_and_the_old_one_stays(acme):
    acme.plugin("1.1", secrets=("BANK_KEY",))
    refused = acme.hermes("plugins", "update", "acme", code=1)
    assert "now also gets the secrets: BANK_KEY" in refused.err
    assert acme.state("acme")["version"] == "1.0"
    assert acme.state("acme")["state"] == "loaded"
    acme.hermes("plugins", "update", "acme", "--yes")
    assert acme.state("acme")["version"] == "1.1"
    assert acme.lock["acme"]["capabilities"]["secrets"] == ["BANK_KEY"]


def test_an_update_by_other_means_is_off_until_it_is_agreed_to(acme):
    acme.plugin("1.1", secrets=("BANK_KEY",))
    acme.uv("install", "--upgrade", "hermes-acme")
    state = acme.state("acme")
    assert state["state"] == "failed"
    assert "version 1.1 is there, agreed was 1.0" in state["problems"][0]["message"]
    refused = acme.hermes("plugins", "accept", "acme", code=1)
    assert "now also gets the secrets: BANK_KEY" in refused.err
    acme.hermes("plugins", "accept", "acme", "--yes")
    assert acme.state("acme")["state"] == "loaded"


def test_an_older_version_is_no_update(acme):
    acme.plugin("0.9")
    refused = acme.install("hermes-acme==0.9", "--yes", code=1)
    assert "older than the 1.0 that is installed" in refused.err
    assert acme.state("acme")["version"] == "1.0"


def test_another_place_is_no_update(acme):
    other = acme.folder / "other"
    acme.wheels.rename(other)
    acme.plugin("2.0")
    elsewhere = acme.hermes("plugins", "update", "acme", "--yes", "--wheels", str(other), code=1)
    assert "could not be fetched" not in elsewhere.out
    assert "was installed from" in elsewhere.out
    wheel = acme.plugin("3.0")
    assert "was installed from" in acme.hermes("plugins", "install", str(wheel), "--yes", code=1).err
    assert acme.state("acme")["version"] == "1.0"


def test_another_publisher_is_no_update(place):
    place.plugin()
    known = {"name": "acme", "distribution": "hermes-acme"}
    place.catalogue({**known, "publisher": "Acme"})
    place.install("acme", "--yes")
    place.plugin("2.0")
    place.catalogue({**known, "publisher": "Emca"})
    assert "published by Acme, this is by Emca" in place.hermes("plugins", "update", "--all", "--yes", code=1).out


def test_other_bytes_under_the_same_version_are_no_update(acme):
    acme.plugin("1.0", work="evil = 1\n")
    refused = acme.hermes("plugins", "update", "acme", "--yes", code=1)
    assert "other bytes now than when it was installed" in refused.out
    assert acme.state("acme")["state"] == "loaded"


def test_a_changed_byte_switches_the_plugin_off_until_it_is_put_right(acme):
    replace(acme.site / "hermes_acme" / "work.py", "evil = 1\n")
    state = acme.state("acme")
    assert state["state"] == "failed"
    assert "hermes_acme/work.py" in state["problems"][0]["message"]
    shown = acme.hermes("plugins", "lock", code=1)
    assert "changed: hermes_acme/work.py" in shown.out
    assert "hermes_acme/work.py" in acme.hermes("doctor", code=None).out
    acme.hermes("plugins", "update", "acme")
    assert acme.state("acme")["state"] == "loaded"
    assert "evil" not in (acme.site / "hermes_acme" / "work.py").read_text(encoding="utf-8")


def test_a_revoked_plugin_is_switched_off_and_not_installed_again(acme):
    bad = {"distribution": "hermes-acme", "versions": ["1.0"], "reason": "It sent keys away."}
    acme.catalogue(revoked=(bad,))
    acme.hermes("plugins", "search")
    state = acme.state("acme")
    assert state["state"] == "failed"
    assert "It sent keys away." in state["problems"][0]["message"]
    assert "was revoked" in acme.hermes("plugins", "accept", "acme", "--yes", code=1).err
    acme.plugin("1.1")
    acme.hermes("plugins", "update", "acme")
    assert acme.state("acme")["state"] == "loaded"
    acme.hermes("plugins", "remove", "acme", "--yes")
    refused = acme.install("hermes-acme==1.0", "--yes", code=1)
    assert "was revoked: It sent keys away." in refused.err


def test_what_pip_installed_is_loaded_as_ever_and_can_be_taken_in(place):
    place.plugin()
    place.uv("install", "hermes-acme")
    assert place.state("acme")["state"] == "loaded"
    assert "was not installed with" in place.hermes("plugins", "update", "acme", code=1).err
    place.hermes("plugins", "accept", "acme", "--yes")
    replace(place.site / "hermes_acme" / "work.py", "evil = 1\n")
    assert place.state("acme")["state"] == "failed"


def test_a_folder_dropped_where_plugins_keep_things_is_not_loaded(acme):
    dropped = acme.home / "plugins" / "evil"
    dropped.mkdir(parents=True)
    (dropped / "plugin.py").write_text("import pathlib; pathlib.Path.home().joinpath('ran').touch()", encoding="utf-8")
    (dropped / "__init__.py").touch()
    assert acme.state("evil")["state"] == "absent"
    assert not (acme.folder / "ran").exists()


def test_a_half_installed_distribution_harms_nothing_and_is_not_agreed_to(acme):
    info = acme.site / "hermes_half-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[hermes.v1]\nhalf = hermes_half.plugin\n", encoding="utf-8")
    refused = acme.hermes("plugins", "accept", "half", "--yes", code=1)
    assert "There is no plugin 'half'" in refused.err
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hermes-half\nVersion: 1.0\n", encoding="utf-8")
    refused = acme.hermes("plugins", "accept", "half", "--yes", code=1)
    assert "only half installed" in refused.err
    assert acme.state("acme")["state"] == "loaded"
    assert list(acme.lock) == ["acme"]
