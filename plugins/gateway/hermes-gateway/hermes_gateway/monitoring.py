"""How the gateway fares, for programs that watch it: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_gateway.service import Service

__all__ = ["PREFIXES", "routes"]

PREFIXES = ("/healthz", "/readyz", "/metrics")

_LATE = 5.0
"""Seconds the event loop may be late before the gateway calls itself unhealthy."""


def routes(service: Service) -> web.UrlDispatcher:
    """The three pages."""
    router = web.UrlDispatcher()

    async def healthz(request: web.BaseRequest) -> web.Response:
        """The process lives and its loop turns."""
        return web.json_response({"status": "ok" if service.lag < _LATE else "slow"})

    async def readyz(request: web.BaseRequest) -> web.Response:
        """Messages are taken in and answered; 503 while starting, stopping, or with something given up."""
        snapshot = service.snapshot()
        parts = {part["name"]: part.get("state", "starting") for part in snapshot["parts"]}
        ready = snapshot["state"] == "running" and "failed" not in parts.values()
        body = {"ready": ready, "state": snapshot["state"], "parts": parts}
        return web.json_response(body, status=200 if ready else 503)

    async def metrics(request: web.BaseRequest) -> web.Response:
        """Numbers in Prometheus' text format, for programs on this machine."""
        if not service.serves_metrics or not _local(request):
            raise web.HTTPForbidden
        return web.Response(body=_exposition(service.snapshot()), content_type="text/plain", charset="utf-8")

    for path, handler in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        router.add_route("GET", path, handler)
    return router


def _local(request: web.BaseRequest) -> bool:
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _exposition(snapshot: dict[str, Any]) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily

    class Numbers:
        def collect(self) -> Iterable[GaugeMetricFamily]:
            for name, text in _NUMBERS.items():
                if name in snapshot:
                    yield GaugeMetricFamily(f"hermes_gateway_{name}", text, value=float(snapshot[name]))
            running = GaugeMetricFamily(
                "hermes_gateway_part_running", "Whether an adapter, a daemon or a part runs.", labels=["name", "kind"]
            )
            for part in snapshot["parts"]:
                running.add_metric([part["name"], part["kind"]], float(part.get("state") == "running"))
            yield running

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers())
    found: bytes = generate_latest(registry)
    return found


_NUMBERS = {
    "started": "When the gateway started, in seconds since the epoch.",
    "loop_lag": "How late the event loop was at the last look, in seconds.",
    "turns_running": "Turns at work.",
    "updates_waiting": "Messages that were taken in and wait for their turn.",
    "conversations_open": "Conversations held in memory.",
    "outbox_pending": "Messages that wait to be sent.",
    "outbox_failed": "Messages that could not be delivered.",
}
