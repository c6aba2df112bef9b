"""What becomes of a delivery whose channel, or whose database, fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, cast
from uuid import UUID

import pytest

from breezeway.contracts.events import Event
from breezeway.errors import BreezewayError, RateLimited, Rejected, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.testing.clock import FixedClock
from breezeway.testing.eventually import eventually
from notifications_service.application.courier import BadStatus, Courier, Patience, Undeliverable
from notifications_service.application.ports import Work
from notifications_service.domain.model import Attempt, Delivery, DeliveryState
from notifications_service.domain.preferences import ChannelName
from notifications_service.domain.retries import GIVE_UP_AFTER

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)


@dataclass
class Desk:
    """A database of one delivery, which is `away` so many times, and its channel, which does what `does` says."""

    delivery: Delivery
    does: int | Exception | None = None
    away: int = 0
    aftermath: BreezewayError | None = None
    made: int = 0
    claimed: bool = False
    outcomes: list[tuple[Delivery, Attempt]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def claim_deliveries(self, *_how: object) -> Sequence[Delivery]:
        waiting = [] if self.claimed else [self.delivery]
        self.claimed = True
        return waiting

    async def settle_delivery(self, delivery: Delivery, attempt: Attempt) -> None:
        if self.away:
            self.away -= 1
            raise UpstreamUnavailable("The database does not answer.", code="database_unavailable")
        self.outcomes.append((delivery, attempt))

    async def commit(self) -> None:
        return None

    async def deliver(self, delivery: Delivery) -> int | None:
        self.made += 1
        if isinstance(self.does, Exception):
            raise self.does
        return self.does

    async def settled(self, delivery: Delivery) -> None:
        if self.aftermath is not None:
            raise self.aftermath

    def courier(self) -> Courier:
        work = cast("Work", self)
        return Courier(lambda: work, ChannelName.WEBHOOK, self, FixedClock(NOW), Patience(), lambda: 0.0)

    async def outcome(self) -> tuple[Delivery, Attempt]:
        courier = self.courier()
        assert await courier.begin() == 1
        await courier.drain(60)
        assert await courier.begin() == 0
        return self.outcomes[-1]


def waiting(*, age: timedelta = timedelta(0), attempts: int = 1) -> Delivery:
    user: UUID = new_id()
    event = Event(user_id=user, kind="order.filled", title="Bought 10 NSE:RELIANCE", at=NOW)
    return Delivery(
        id=new_id(),
        user_id=user,
        channel=ChannelName.WEBHOOK,
        target=str(new_id()),
        event=event,
        state=DeliveryState.WAITING,
        attempts=attempts,
        created_at=NOW - age,
        due_at=NOW,
    )


async def test_what_was_delivered_is_noted_however_long_the_database_is_away() -> None:
    """It is not delivered again meanwhile."""
    desk = Desk(waiting(), does=204, away=1)
    delivery, attempt = await desk.outcome()
    assert (delivery.state, delivery.last_status, attempt.error) == (DeliveryState.DELIVERED, 204, None)
    assert (desk.made, len(desk.outcomes)) == (1, 1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Undeliverable("There is nobody.", code="webhook_off"), "webhook_off"),
        (Rejected("The chat is gone.", code="telegram_refused"), "telegram_refused"),
    ],
)
async def test_what_trying_again_cannot_change_has_failed_at_once(error: BreezewayError, code: str) -> None:
    delivery, attempt = await Desk(waiting(), does=error).outcome()
    assert (delivery.state, delivery.finished_at, attempt.error) == (DeliveryState.FAILED, NOW, code)


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        (BadStatus(500), timedelta(seconds=5)),
        (UpstreamUnavailable("Busy.", retry_after=90), timedelta(seconds=90)),
        (UpstreamUnavailable("Busy.", retry_after=1), timedelta(seconds=5)),
        (UpstreamUnavailable("Busy.", retry_after=1_000_000), timedelta(hours=1)),
        (RateLimited("Too many."), timedelta(seconds=5)),
    ],
)
async def test_what_may_work_later_rests_as_long_as_the_other_side_asks(error: BreezewayError, rest: timedelta) -> None:
    """But not for ever, whatever it asks."""
    delivery, attempt = await Desk(waiting(), does=error).outcome()
    assert (delivery.state, delivery.due_at - NOW) == (DeliveryState.WAITING, rest)
    assert attempt.status == (500 if isinstance(error, BadStatus) else None)


async def test_after_three_days_it_is_given_up() -> None:
    old = waiting(age=GIVE_UP_AFTER + timedelta(seconds=1), attempts=40)
    delivery, _attempt = await Desk(old, does=BadStatus(500)).outcome()
    assert delivery.state is DeliveryState.FAILED


async def test_an_aftermath_that_fails_does_not_undo_the_outcome() -> None:
    desk = Desk(waiting(), does=200, aftermath=UpstreamUnavailable("The database does not answer."))
    assert (await desk.outcome())[0].state is DeliveryState.DELIVERED


async def test_a_fault_of_ours_leaves_the_delivery_to_the_next_claim() -> None:
    """Its lease runs out, as when the process had died."""
    desk = Desk(waiting(), does=ZeroDivisionError())
    courier = desk.courier()
    assert await courier.begin() == 1
    await eventually(lambda: desk.made == 1, 60)
    await courier.drain(60)
    assert desk.outcomes == []
