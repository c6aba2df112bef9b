"""What routing orders to the broker needs of the world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from breezeway.exchange.orders import Amendment, Order
from trading_service.application.ports import StoredOrder, Work
from trading_service.domain.accounts import TradingAccount

Answer = Literal["accepted", "unknown"]

STEPS: Final = ("before_intent", "intent", "claimed", "calling", "called", "settled")
"""Where a process may die between a user's wish and its outcome, in their order."""

NOT_PLACED: Final = "declared_not_placed"
"""The code of an order of which its owner said that the broker does not have it."""

Step = Callable[[str], None]
"""Called at each of `STEPS`; tests end the process there."""


@dataclass(frozen=True, slots=True)
class NoticePlace:
    """How far a user's notifications have been read."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Route:
    """How an order goes to the broker. `price` is the limit that is sent, also for what is a market order here."""

    order_id: UUID
    broker_account_id: UUID
    tag: str
    price: Decimal
    square_off: bool = False
    broker_order_id: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveCommand:
    """Something that the broker is to be asked. `sent_at` is when it was claimed: nobody else sends it from then on.

    `looks` counts how often it was looked up what became of it, last at `looked_at`.
    """

    seq: int
    order_id: UUID
    kind: str
    body: Mapping[str, Any]
    created_at: datetime
    sent_at: datetime | None
    answer: str | None
    looks: int
    looked_at: datetime | None

    @property
    def amendment(self) -> Amendment:
        """What a `modify` asks for."""
        price, trigger = self.body["price"], self.body["trigger_price"]
        return Amendment(
            quantity=self.body["quantity"],
            price=None if price is None else Decimal(price),
            trigger_price=None if trigger is None else Decimal(trigger),
        )


@dataclass(frozen=True, slots=True)
class BrokerWord:
    """What the broker says of one order.

    `status` is its word in lower case; `executed` is None where it contradicts itself. Only a word that was `read`
    speaks of the present: notifications may arrive in another order than they were made.
    """

    broker_order_id: str
    status: str
    quantity: int
    executed: int | None
    average_price: Decimal | None
    price: Decimal | None = None
    trigger: Decimal | None = None
    read: bool = False


@dataclass(frozen=True, slots=True)
class BookRow:
    """An order of the broker's book, and what it may be known by when it has lost its tag."""

    word: BrokerWord
    tag: str
    symbol: str | None
    side: str
    placed_at: datetime | None


class LiveWork(Work, Protocol):
    """The transaction of live orders."""

    async def add_route(self, route: Route) -> None: ...

    async def route(self, order_id: UUID) -> Route | None: ...

    async def order_of(self, user_id: UUID, broker_order_id: str) -> StoredOrder | None:
        """The user's order that has this number at the broker."""
        ...

    async def numbers(self, broker_account_id: UUID, numbers: Sequence[str]) -> set[str]:
        """Which of these numbers of the broker's belong to orders of ours."""
        ...

    async def name_order(self, order_id: UUID, broker_order_id: str) -> bool:
        """Note the broker's number of an order; False when another order has it."""
        ...

    async def waiting_commands(self, limit: int) -> list[LiveCommand]:
        """Commands that were not sent, of each order the first and only when nothing about it is under way."""
        ...

    async def queued(self, order_id: UUID, kind: str) -> list[LiveCommand]:
        """Commands of one kind about an order that were not sent."""
        ...

    async def claim_command(self, seq: int, at: datetime) -> bool:
        """Take a command, for good; False when somebody has it. Whoever has it may send it, once."""
        ...

    async def unsettled_commands(self) -> list[LiveCommand]:
        """Commands that were claimed and of which it is not known what became of them."""
        ...

    async def unsettled_command(self, order_id: UUID) -> LiveCommand | None:
        """What was claimed about an order and of which it is not known what became of it."""
        ...

    async def answer_command(self, seq: int, answer: Answer) -> None: ...

    async def looked_at(self, seq: int, at: datetime) -> None: ...

    async def live_accounts(self) -> list[TradingAccount]:
        """Open live accounts."""
        ...

    async def live_orders(self, account_id: UUID) -> list[tuple[StoredOrder, Route]]:
        """Orders of an account that the broker has and that have not ended, and those that were lately given up."""
        ...

    async def lock_notices(self, user_id: UUID) -> None:
        """Take turns with others who match a user's notifications with orders, until this transaction has ended."""
        ...

    async def awaited(self, user_id: UUID) -> bool:
        """Whether an order of the user is under way whose number is not known yet."""
        ...

    async def keep_notice(self, user_id: UUID, broker_order_id: str, message: Mapping[str, Any]) -> None:
        """Keep a notification of an order whose number is not known yet."""
        ...

    async def take_notices(self, user_id: UUID, broker_order_id: str) -> list[Mapping[str, Any]]:
        """The kept notifications of an order, oldest first; they are kept no more."""
        ...

    async def forget_notices(self, before: datetime) -> None: ...

    async def notice_place(self, user_id: UUID) -> NoticePlace | None: ...

    async def move_notice_place(self, user_id: UUID, place: NoticePlace) -> None: ...


LiveWorkFactory = Callable[[], LiveWork]


class BrokerLine(Protocol):
    """The way to the broker of one live account.

    Calls that change something raise OutcomeUnknown when the broker may have done it; every other error says that it
    has not. They are never repeated.
    """

    async def reserve(self, kind: str) -> None:
        """Wait for the turn of a `place`, `modify` or `cancel`.

        Raises:
            RateLimited: `broker_order_rate`, or the broker's call limits.
        """
        ...

    async def place(self, order: Order, route: Route) -> str:
        """The broker's number of the new order."""
        ...

    async def modify(self, order: Order, route: Route) -> None:
        """Ask for the terms of `order`."""
        ...

    async def cancel(self, order: Order, route: Route) -> None: ...

    async def look(self, order: Order, broker_order_id: str) -> BrokerWord | None:
        """One order as it is now; None when the broker does not have it."""
        ...

    async def book(self, order: Order, day: datetime) -> list[BookRow]:
        """The orders of a day of an order's exchange; those in its instrument name its symbol."""
        ...

    async def refused(self, detail: str) -> None:
        """The broker does not accept the session any more: have the user told."""
        ...


class BrokerDesk(Protocol):
    async def line(self, account: TradingAccount) -> BrokerLine:
        """With the credentials of now.

        Raises:
            Conflict: `broker_session_inactive`.
            Forbidden: `live_trading_disabled`, when the operator allows less than the account wants.
        """
        ...


@dataclass(frozen=True, slots=True)
class Missed:
    """Notifications after a place; when they are not `complete`, some were lost."""

    place: NoticePlace
    messages: Sequence[tuple[NoticePlace, Mapping[str, Any]]]
    complete: bool


class Notices(Protocol):
    """The broker's notifications, as the feed owner publishes them."""

    async def since(self, user_id: UUID, place: NoticePlace | None) -> Missed: ...
