"""An endpoint of the user's own: its address and key, tried out before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

from hermes_host.cli.application import application
from hermes_host.cli.picker_prompts import WentBack, ask_line

if TYPE_CHECKING:
    from hermes_host.cli.picker_terminal import PickerTerminal
    from hermes_host.host import Host

__all__ = ["Endpoint", "ask_endpoint", "probed", "save_endpoint"]

_LOCAL = ("localhost", "127.0.0.1", "::1")


class Endpoint(NamedTuple):
    """An address and its key. `key` None: the one that is stored for this very address stays."""

    url: str
    key: str | None = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"


async def ask_endpoint(host: Host, terminal: PickerTerminal, earlier: Endpoint | None) -> Endpoint:
    """Ask for the address, then for its key. Esc at the key goes back to the address. Raises `WentBack`, `Left`."""
    settings = host.config.section("model")
    url = earlier.url if earlier else settings.base_url
    while True:
        url = await ask_line(
            terminal,
            "Address",
            [
                "The address of an endpoint that speaks chat completions, up to /v1: http://127.0.0.1:8000/v1",
                "Enter goes on, Esc goes back, Ctrl+C leaves.",
            ],
            text=url,
            refusal=_fault,
        )
        url = url.rstrip("/")
        keeps = bool(settings.api_key) and _same_place(url, settings.base_url)
        try:
            key = await ask_line(terminal, f"Key for {urlsplit(url).netloc}", _key_notes(url, keeps), hidden=True)
        except WentBack:
            continue
        return Endpoint(url, None if keeps and not key else key)


def probed(host: Host, endpoint: Endpoint) -> Host:
    """A host of the same configuration but for this endpoint, which is not written down; to be entered and left."""
    from hermes_host.host import Host as AnotherHost

    overrides = {"model.base_url": _literal(endpoint.url)}
    if endpoint.key is not None:
        overrides["model.api_key"] = _literal(endpoint.key)
    return AnotherHost(
        home=host.home,
        environ=host.environ,
        project=host.project,
        blocked=application().blocked,
        overrides=overrides,
    )


def save_endpoint(host: Host, endpoint: Endpoint) -> None:
    """Write the address into config.yaml and the key into `.env`. A key of another address is forgotten first."""
    from hermes_host.config.assignment import assign

    # In this order no moment's failure leaves a key beside an address that it was not made for.
    if endpoint.key is not None and host.config.origin("model.api_key") == "file":
        host.config.unset("model.api_key")
    host.config.set("model.base_url", _literal(endpoint.url))
    if endpoint.key:
        assign(host.config, "model.api_key", endpoint.key)
        host.secrets.reload()


def _key_notes(url: str, keeps: bool) -> list[str]:
    parts = urlsplit(url)
    notes = ["Nothing is shown while you type or paste."]
    notes.append("Enter alone keeps the key that is stored." if keeps else "Enter alone: it needs no key.")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        notes.append("This address is not encrypted: others on the way can read the key and the conversation.")
    return notes


def _fault(address: str) -> str:
    """What is wrong with an address; empty when it can be used."""
    parts = _split(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(map(str.isspace, address)):
        return "That is not a web address; it begins with http:// or https://."
    if parts.username or parts.password:
        return "Leave user name and password out of the address; the key is asked for next."
    return ""


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises for what is no number
        return parts
    except ValueError:
        return urlsplit("")


def _same_place(one: str, other: str) -> bool:
    first, second = _split(one), _split(other)
    return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)


def _literal(text: str) -> str:
    """`text` as a setting, in which nothing is taken for a placeholder."""
    return text.replace("${", "$${")
