"""Takes messages out by their channels.

A delivery is claimed in one transaction, made outside of any, and settled in another. Who dies in between leaves it to
the next claim, when the lease has run out. So nothing is lost, and what is sent a second time carries the same id: the
web channel drops it, mail programs show one mail, and a webhook's receiver can tell.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from breezeway import cancellation
from breezeway.clock import Clock
from breezeway.errors import BreezewayError, RateLimited, Rejected
from breezeway.observability import tracing
from breezeway.observability.red import DELIVERIES
from notifications_service.application.ports import WorkFactory
from notifications_service.domain.model import Attempt, Delivery, DeliveryState
from notifications_service.domain.preferences import ChannelName
from notifications_service.domain.retries import GIVE_UP_AFTER, pause_after

_IDLE_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 1.0
_LANES: Final[Mapping[ChannelName, int]] = {
    # Each waits a second or two for its message to be on disk. They are begun in their order, and written in it.
    ChannelName.WEB: 128,
    ChannelName.EMAIL: 4,
    ChannelName.TELEGRAM: 4,
    ChannelName.WEBHOOK: 32,
}
_LANES_OF_ONE_USER: Final = 4

_log = structlog.get_logger()


class Way(Protocol):
    """How a message leaves by one channel."""

    async def deliver(self, delivery: Delivery) -> int | None:
        """The status that was answered, where the channel has one.

        Raises:
            Rejected, Undeliverable: trying again changes nothing.
            BreezewayError: not now.
        """
        ...

    async def settled(self, delivery: Delivery) -> None:
        """Called after the outcome was written."""
        ...


class Undeliverable(BreezewayError):
    """There is nobody to deliver to any more."""

    default_code = "undeliverable"


class BadStatus(BreezewayError):
    """A webhook's receiver answered something other than 2xx."""

    default_code = "status"

    def __init__(self, answered: int) -> None:
        super().__init__(f"It answered {answered}.", code=f"status_{answered}")
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of the courier. `lease` must be longer than the slowest delivery takes."""

    lease: timedelta = timedelta(seconds=45)
    first_pause: timedelta = timedelta(seconds=5)


class Courier:
    """One of them a channel and process; any number of processes."""

    def __init__(
        self,
        work: WorkFactory,
        channel: ChannelName,
        way: Way,
        clock: Clock,
        patience: Patience,
        jitter: Callable[[], float],
    ) -> None:
        self._work = work
        self.channel = channel
        self._way = way
        self._clock = clock
        self._patience = patience
        self._jitter = jitter
        self._lanes = _LANES[channel]
        self._under_way: dict[asyncio.Task[None], UUID] = {}

    async def run(self) -> None:
        """Begin what is due until cancelled; what is under way then goes on, see `drain`."""
        while True:
            cancellation.heed()
            try:
                begun = await self.begin()
            except (BreezewayError, OSError) as error:
                _log.warning("deliveries_wait", channel=self.channel, error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if not begun:
                await asyncio.sleep(_IDLE_SECONDS)
            elif len(self._under_way) >= self._lanes:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, for so long; a mail that was sent and not noted as sent would be sent again."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        await cancellation.end(list(self._under_way))

    async def begin(self) -> int:
        """Claim what is due and begin to deliver it; how much there was."""
        free = self._lanes - len(self._under_way)
        if free <= 0:
            return self._lanes
        claimed = await self._claim(free)
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery), name=f"deliver-{delivery.id}")
            self._under_way[task] = delivery.user_id
            task.add_done_callback(self._ended)
        return len(claimed)

    async def _claim(self, limit: int) -> list[Delivery]:
        # A user whose receivers are slow must not take every lane from all others.
        lanes = Counter(self._under_way.values()) if self.channel is not ChannelName.WEB else Counter[UUID]()
        busy = [user for user, taken in lanes.items() if taken >= _LANES_OF_ONE_USER]
        async with self._work() as work:
            now = self._clock.now()
            claimed = await work.claim_deliveries(self.channel, now, self._patience.lease, limit, busy)
            await work.commit()
        return list(claimed)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out and it is tried again.
            _log.error("delivery_failed", channel=self.channel, error=type(error).__name__)

    async def _deliver(self, delivery: Delivery) -> None:
        began = time.monotonic()
        status: int | None = None
        failure: BreezewayError | None = None
        try:
            with tracing.span(f"deliver {self.channel.value}", "producer", parent=delivery.event.traceparent):
                status = await self._way.deliver(delivery)
        except BreezewayError as error:
            failure = error
            status = error.answered if isinstance(error, BadStatus) else None
        milliseconds = int((time.monotonic() - began) * 1000)
        now = self._clock.now()
        attempt = Attempt(now, status, failure.code if failure else None, milliseconds)
        if failure is None:
            ended = replace(delivery, state=DeliveryState.DELIVERED, finished_at=now)
        elif _is_final(failure) or now - delivery.created_at > GIVE_UP_AFTER:
            ended = replace(delivery, state=DeliveryState.FAILED, finished_at=now)
        else:
            pause = pause_after(delivery.attempts, self._patience.first_pause, self._jitter())
            if failure.retry_after is not None:
                pause = max(pause, timedelta(seconds=min(failure.retry_after, 3_600)))
            ended = replace(delivery, due_at=now + pause)
            _log.info("delivery_delayed", channel=self.channel, delivery=str(delivery.id), code=failure.code)
        DELIVERIES.observe((self.channel.value, ended.state.value), milliseconds / 1000)
        await self._settle(replace(ended, last_status=status), attempt)

    async def _settle(self, delivery: Delivery, attempt: Attempt) -> None:
        while True:
            cancellation.heed()
            try:
                async with self._work() as work:
                    await work.settle_delivery(delivery, attempt)
                    await work.commit()
                break
            except BreezewayError as error:
                # It has been delivered: to forget that now would be to deliver it again.
                _log.warning("outcome_waits", channel=self.channel, code=error.code)
                await asyncio.sleep(_PAUSE_SECONDS)
        try:
            await self._way.settled(delivery)
        except BreezewayError as error:
            # Only counts failures; the next outcome counts again.
            _log.warning("aftermath_failed", channel=self.channel, code=error.code)


def _is_final(failure: BreezewayError) -> bool:
    return isinstance(failure, Rejected | Undeliverable) and not isinstance(failure, RateLimited)
