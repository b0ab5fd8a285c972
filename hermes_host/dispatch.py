"""How a running conversation calls plugins: notify, decide, chain. Each isolates one plugin from the rest.

Contributions are collected by `hermes_host.registry`, which a command line without a conversation needs too.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from hermes_host.errors import PluginError
from hermes_host.plugins import Implementation, Plugins, describe
from hermes_host.protocols import Assessment, ModelMiddleware, ModelRequest, ToolMiddleware, ToolOutput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from hermes_host.context import ToolContext
    from hermes_host.messages import ToolCall
    from hermes_host.stream import ProviderEvent

__all__ = ["chain_model", "chain_tool", "decide", "notify"]

log = logging.getLogger(__name__)

OBSERVER_LIMIT = 5.0
"""Seconds an observer may take."""

DECISION_LIMIT = 5.0
"""Seconds a decision may take before it counts as ask."""

FAILURES_BEFORE_MUTE = 3


async def _call(impl: Implementation, values: Mapping[str, Any], limit: float) -> Any:
    async with asyncio.timeout(limit):
        if inspect.iscoroutinefunction(impl.function):
            return await impl.call(values)
        result = await _in_daemon_thread(lambda: impl.call(values))
        return await result if inspect.isawaitable(result) else result


async def _in_daemon_thread(function: Callable[[], Any]) -> Any:
    # Not `asyncio.to_thread`: its pool is joined at exit, and one function that sleeps for ever would hang the host.
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def finish(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def work() -> None:
        value, failure = None, None
        try:
            value = function()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary to foreign code
            failure = PluginError(describe(error))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, value, failure)

    try:
        _idle.pop().put(work)
    except IndexError:
        queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        queue.put(work)
        threading.Thread(target=_serve, args=(queue,), name="hermes-hook", daemon=True).start()
    return await future


_MOST_IDLE = 4
_idle: list[SimpleQueue[Callable[[], None]]] = []
"""The queues of threads that wait for work: starting one takes longer than most hooks. The last takes the next."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # the threads stay behind in the parent


def _serve(queue: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        queue.get()()
        if len(_idle) >= _MOST_IDLE:
            return
        _idle.append(queue)


async def notify(plugins: Plugins, hook: str, **values: Any) -> None:
    """Tell every observer, all at once. Never raises for an observer's fault."""
    implementations = [impl for impl in plugins.implementations(hook) if not _muted(impl, hook)]
    if implementations:
        await asyncio.gather(*(_observe(impl, hook, values) for impl in implementations))


def _muted(impl: Implementation, hook: str) -> bool:
    return sum(problem.where == hook for problem in impl.record.problems) >= FAILURES_BEFORE_MUTE


async def _observe(impl: Implementation, hook: str, values: Mapping[str, Any]) -> None:
    try:
        await _call(impl, values, OBSERVER_LIMIT)
    except TimeoutError:
        problem = impl.record.add_problem(hook, f"it did not return within {OBSERVER_LIMIT:g} s.")
        log.warning("%s", problem.line())
    except Exception as error:
        problem = impl.record.add_problem(hook, describe(error))
        log.warning("%s", problem.line(), exc_info=error)


async def decide(plugins: Plugins, hook: str, **values: Any) -> Sequence[tuple[str, Assessment]]:
    """Every plugin's judgement, with the plugin's name. A failure or a time-out counts as ask."""
    implementations = plugins.implementations(hook)
    if not implementations:
        return ()
    judged = await asyncio.gather(*(_judge(impl, hook, values) for impl in implementations))
    return [
        (impl.record.name, assessment)
        for impl, assessment in zip(implementations, judged, strict=True)
        if assessment is not None
    ]


async def _judge(impl: Implementation, hook: str, values: Mapping[str, Any]) -> Assessment | None:
    try:
        assessment = await _call(impl, values, DECISION_LIMIT)
    except Exception as error:  # noqa: BLE001 - the boundary to foreign code
        reason = "it took too long" if isinstance(error, TimeoutError) else describe(error)
        impl.record.add_problem(hook, reason)
        return Assessment(verdict="ask", reason=f"Plugin {impl.record.name!r} could not judge this call ({reason}).")
    if assessment is None or isinstance(assessment, Assessment):
        return assessment
    impl.record.add_problem(hook, f"it returned {type(assessment).__name__}, not an Assessment.")
    return Assessment(verdict="ask", reason=f"Plugin {impl.record.name!r} gave no usable judgement of this call.")


def chain_model(
    middleware: Sequence[ModelMiddleware], innermost: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
) -> Callable[[ModelRequest], AsyncIterator[ProviderEvent]]:
    """`innermost` wrapped by `middleware`, the first one outermost."""
    call = innermost
    for layer in reversed(middleware):
        call = _wrap_model(layer, call)
    return call


def _wrap_model(
    layer: ModelMiddleware, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
) -> Callable[[ModelRequest], AsyncIterator[ProviderEvent]]:
    return lambda request: layer(request, call_next)


def chain_tool(
    middleware: Sequence[ToolMiddleware],
    context: ToolContext,
    innermost: Callable[[ToolCall], Awaitable[ToolOutput]],
) -> Callable[[ToolCall], Awaitable[ToolOutput]]:
    """`innermost` wrapped by `middleware`, the first one outermost."""
    call = innermost
    for layer in reversed(middleware):
        call = _wrap_tool(layer, context, call)
    return call


def _wrap_tool(
    layer: ToolMiddleware, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
) -> Callable[[ToolCall], Awaitable[ToolOutput]]:
    return lambda call: layer(call, context, call_next)
