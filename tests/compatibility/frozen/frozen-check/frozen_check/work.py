"""Frozen: never edit."""

from __future__ import annotations

from hermes_host.protocols import CheckResult


async def check(context):
    return [CheckResult(name="ice", status="warning", detail="It melts.", remedy="Cool it.")]
