"""Keeps the matcher going: begins, steps, and begins again after whatever went wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from breezeway import cancellation
from breezeway.errors import BreezewayError
from trading_service.application.closing import Housekeeping
from trading_service.application.groups import LastPrice, OrderGroups
from trading_service.application.gtt_routing import GttKeeper
from trading_service.application.live_routing import LiveRouter
from trading_service.application.matcher import ClockSetBack, FeedChanged, Matcher
from trading_service.application.reconciling import Reconciler
from trading_service.application.recording import Superseded

_STEP_SECONDS: Final = 0.25
"""How long a command waits when its ring was lost."""
_SPACING_SECONDS: Final = 0.05
"""Between the beginnings of two rounds: what comes meanwhile shares the second one's transaction."""
_ADVANCE_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_HOUSEKEEPING_SECONDS: Final = 5.0
_GROUPS_SECONDS: Final = 0.5

_log = structlog.get_logger()


async def run_matcher(matcher: Matcher, leading: Callable[[], Awaitable[None]]) -> None:
    """Match until cancelled.

    Args:
        leading: returns when this process may match, and raises BreezewayError when it may no longer.
    """
    while True:
        try:
            await leading()
            await matcher.begin()
            await _go_on(matcher, leading)
        except FeedChanged:
            _log.info("matcher_moves_to_another_feed")
        except ClockSetBack:
            _log.info("matcher_follows_the_clock_back")
        except Superseded:
            _log.warning("matcher_superseded")
            await asyncio.sleep(_PAUSE_SECONDS)
        except (BreezewayError, OSError) as error:
            # Memory is ahead of the database now, so it is thrown away and built anew from what was committed.
            _log.warning("matcher_restarts", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            matcher.forget()
        cancellation.heed()


async def _go_on(matcher: Matcher, leading: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    advance_at = watch_at = loop.time()
    while True:
        cancellation.heed()
        began = loop.time()
        await matcher.step()
        now = loop.time()
        if now >= advance_at:
            advance_at = now + _ADVANCE_SECONDS
            await leading()
            await matcher.advance()
        if now >= watch_at:
            watch_at = now + _WATCH_SECONDS
            await matcher.watch()
        await matcher.wait(_STEP_SECONDS)
        await asyncio.sleep(max(0.0, began + _SPACING_SECONDS - loop.time()))


async def run_housekeeping(housekeeping: Housekeeping, leads: asyncio.Event) -> None:
    """Do what is due, again and again while this process leads, until cancelled."""
    while True:
        cancellation.heed()
        await leads.wait()
        try:
            await housekeeping.run()
        except (BreezewayError, OSError) as error:
            _log.warning("housekeeping_waits", error=repr(error))
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)


async def run_sending(router: LiveRouter, reconciler: Reconciler, leads: asyncio.Event, wake: asyncio.Event) -> None:
    """Send what live accounts want while this process leads, until cancelled."""

    async def ring() -> None:
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()

    await _lead(leads, reconciler.recover, router.begin, ring, "live_routing_waits")


async def run_live(work: Callable[[], Awaitable[object]], name: str, seconds: float, leads: asyncio.Event) -> None:
    """Hear the broker, or reconcile with it, again and again while this process leads, until cancelled."""
    while True:
        cancellation.heed()
        await leads.wait()
        try:
            await work()
        except (BreezewayError, OSError) as error:
            _log.warning("live_work_waits", work=name, error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.sleep(seconds)


async def run_keeping(keeper: GttKeeper, leads: asyncio.Event) -> None:
    """Keep live accounts' GTT while this process leads, until cancelled."""
    await _lead(leads, keeper.recover, keeper.begin, lambda: asyncio.sleep(_GROUPS_SECONDS), "gtts_wait")


async def _lead(
    leads: asyncio.Event,
    recover: Callable[[], Awaitable[object]],
    begin: Callable[[], Awaitable[object]],
    pause: Callable[[], Awaitable[object]],
    failure: str,
) -> None:
    """Round after round while this process leads: the first after each change of leader recovers what another left.

    Args:
        failure: what a round that could not be done is called in the log.
    """
    leading = False
    while True:
        cancellation.heed()
        leading = leading and leads.is_set()
        await leads.wait()
        try:
            if not leading:
                await recover()
                leading = True
            await begin()
        except (BreezewayError, OSError) as error:
            _log.warning(failure, error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
        await pause()


async def run_groups(groups: OrderGroups, matcher: Matcher, last: LastPrice, leads: asyncio.Event) -> None:
    """Keep the order groups while this process leads, until cancelled."""
    while True:
        cancellation.heed()
        await leads.wait()
        try:
            matcher.also_watched = await groups.keep(last)
        except (BreezewayError, OSError) as error:
            _log.warning("groups_wait", error=repr(error))
        await asyncio.sleep(_GROUPS_SECONDS)
