"""Installing into the environment the host runs in."""

from __future__ import annotations

import stat


def test_an_installed_plugin_is_loaded_and_written_down(place):
    place.plugin()
    done = place.install("hermes-acme", "--yes")
    assert "Installed hermes-acme 1.0 (plugin acme)." in done.out
    assert place.state("acme")["state"] == "loaded"
    entry = place.lock["acme"]
    assert entry["distribution"] == "hermes-acme"
    assert entry["capabilities"]["network"] == ["api.acme.test"]
    assert "hermes_acme/plugin.py" in entry["files"]
    assert entry["description"]["tools"][0]["name"] == "hermes_acme_greet"
    assert stat.S_IMODE((place.home / "plugins.lock").stat().st_mode) == 0o600
