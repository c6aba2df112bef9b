"""What the use cases need of the world."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from breezeway.contracts.events import Event
from breezeway.contracts.instruments import Instrument
from breezeway.contracts.trading import OrderView
from breezeway.exchange.breakers import Halt
from breezeway.exchange.orders import Order, OrderState, Product, Side
from breezeway.money import ZERO
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.bookkeeping import Trade
from trading_service.domain.instruments import Contract
from trading_service.domain.ledger import Amounts, Entry
from trading_service.domain.lots import Position


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order with what has become of it. `hold` is what it blocks, rupees; times are the exchange's."""

    id: UUID
    account_id: UUID
    user_id: UUID
    epoch: int
    order: Order
    state: OrderState
    placed_at: datetime
    updated_at: datetime
    filled: int = 0
    filled_value: Decimal = ZERO
    hold: Decimal = ZERO
    code: str | None = None
    text: str | None = None
    auto_square_off: bool = False
    fills: int = 0
    triggered: bool = False
    group_id: UUID | None = None
    group_role: str | None = None
    live: bool = False
    """Whether it goes to the broker; the matching engine never sees it then."""

    @property
    def remaining(self) -> int:
        return self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One line of an order's history."""

    kind: str
    state: str
    code: str
    text: str
    at: datetime
    recorded_at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to a request under an idempotency key."""

    route: str
    key: str
    fingerprint: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Received:
    """An order that was accepted, with everything that is written with it. `view` is what its sender is told."""

    order: StoredOrder
    entry: Entry
    event: StoredEvent
    view: OrderView
    message: Mapping[str, Any]
    answer: KeptAnswer | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """An order after an event, with the line of its history and what its user is told, in that order."""

    order: StoredOrder
    event: StoredEvent
    messages: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What unfinished orders of one symbol still want: units of one product, side and order group together."""

    product: Product
    side: Side
    quantity: int
    group_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """Something that the matcher is asked to do with an order."""

    seq: int
    order_id: UUID
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position and whose it is."""

    account_id: UUID
    symbol: str
    product: str
    position: Position
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class JournalLine:
    """An entry as it was booked."""

    id: int
    kind: str
    ref: str
    note: str
    day: date | None
    created_at: datetime
    legs: Amounts


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What an account was worth at an instant of exchange time; `flow` is what had been paid in less out."""

    at: datetime
    equity: Decimal
    cash: Decimal
    flow: Decimal


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list; everything when nothing is given."""

    account_id: UUID | None = None
    symbol: str | None = None
    states: Collection[str] = ()


class Work(Protocol):
    """One transaction. Leaving it without `commit` undoes everything."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def commit(self) -> None: ...

    # Accounts

    async def add_account(self, account: TradingAccount) -> None: ...

    async def lock_account(self, account_id: UUID) -> TradingAccount | None:
        """The account, with its row locked: whoever changes its money or positions goes through here."""
        ...

    async def lock_accounts_of(self, orders: Collection[UUID]) -> dict[UUID, TradingAccount]:
        """The accounts of these orders, locked in one order, so that two who want the same never block each other."""
        ...

    async def account(self, user_id: UUID, account_id: UUID) -> TradingAccount | None: ...

    async def accounts(self, user_id: UUID) -> list[TradingAccount]: ...

    async def save_account(self, account: TradingAccount) -> None: ...

    async def lock_and_count(
        self, requests: Mapping[tuple[UUID, UUID], int], second: datetime
    ) -> dict[UUID, tuple[TradingAccount, int]]:
        """Lock accounts like `lock_accounts_of`, and count order requests: how many of that second there are with them.

        Args:
            requests: how many, by account and by the user who sent them; accounts of others are left out.
        """
        ...

    # Ledger

    async def balances(self, account_id: UUID) -> dict[str, Decimal]: ...

    async def balances_of(self, ids: Collection[UUID]) -> dict[UUID, dict[str, Decimal]]: ...

    async def book(self, account_id: UUID, entry: Entry) -> bool:
        """Append an entry; False, and nothing, when its `once` word is taken."""
        ...

    async def journal(self, account_id: UUID, before: int | None, limit: int) -> list[JournalLine]: ...

    async def charges_of(self, account_id: UUID, day: date) -> dict[str, Decimal]:
        """What was booked to the charge accounts for `day`, since the account was last reset."""
        ...

    async def unsettled_days(self, account_id: UUID) -> dict[date, Decimal]:
        """What is still to be settled, by the day on which it arose."""
        ...

    async def unsettled_accounts(self) -> set[UUID]:
        """Accounts that have anything to be settled."""
        ...

    async def keeps_gtts(self, account_id: UUID) -> bool:
        """Whether the broker keeps GTT for it that have not ended, or may."""
        ...

    async def open_accounts(self) -> list[TradingAccount]: ...

    # Orders

    async def add_order(self, order: StoredOrder) -> None:
        """Raises Conflict `duplicate_client_order_id`."""
        ...

    async def receive(self, orders: Sequence[Received]) -> None:
        """Add orders with their holds, first events, commands, messages and kept answers, in one round trip."""
        ...

    async def taken_client_ids(self, names: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
        """Which of these `client_order_id`s their accounts have used."""
        ...

    async def outstanding(
        self, wanted: Collection[tuple[UUID, str]], *, without: UUID | None = None
    ) -> dict[tuple[UUID, str], list[Outstanding]]:
        """What unfinished orders of accounts and symbols still want; one order may be left out."""
        ...

    async def save_order(self, order: StoredOrder) -> None: ...

    async def save_progress(self, progress: Sequence[Progress]) -> None:
        """Write what became of orders, event by event, in one round trip."""
        ...

    async def order(self, order_id: UUID) -> StoredOrder | None: ...

    async def orders_of(self, ids: Collection[UUID]) -> dict[UUID, StoredOrder]: ...

    async def order_by_client_id(self, account_id: UUID, client_order_id: str) -> StoredOrder | None: ...

    async def orders(
        self, user_id: UUID, wanted: OrderFilter, before: UUID | None, limit: int
    ) -> list[StoredOrder]: ...

    async def working_orders(self, account_id: UUID | None = None, symbol: str | None = None) -> list[StoredOrder]: ...

    async def add_event(self, order_id: UUID, event: StoredEvent) -> None: ...

    async def events(self, order_id: UUID) -> list[StoredEvent]: ...

    async def add_command(self, order_id: UUID, kind: str, body: Mapping[str, Any]) -> None: ...

    async def commands(self, limit: int) -> list[Command]:
        """What the matcher is asked; commands about live orders are the router's."""
        ...

    async def drop_command(self, seq: int) -> None: ...

    async def drop_commands(self, numbers: Collection[int]) -> None: ...

    # Contracts, trades, positions

    async def save_contract(self, instrument: Instrument) -> None: ...

    async def contracts(self, symbols: Collection[str]) -> dict[str, Contract]: ...

    async def add_trade(self, trade: Trade) -> bool:
        """False, and nothing, when the trade is known."""
        ...

    async def trades(
        self, account_id: UUID, epoch: int, *, day: date | None = None, before: int | None = None, limit: int = 5000
    ) -> list[tuple[int, Trade]]:
        """Oldest first, with their numbers; with `before`, the newest below it, newest first."""
        ...

    async def position(self, account_id: UUID, symbol: str, product: str) -> Position: ...

    async def positions(self, account_id: UUID) -> list[HeldPosition]: ...

    async def positions_of(self, ids: Collection[UUID]) -> dict[UUID, list[HeldPosition]]: ...

    async def open_positions(self) -> list[HeldPosition]: ...

    async def save_position(
        self, account_id: UUID, symbol: str, product: str, position: Position, at: datetime
    ) -> None: ...

    async def forget_positions(self, account_id: UUID) -> None: ...

    async def save_closing_price(self, symbol: str, day: date, price: Decimal, at: datetime) -> None:
        """Keep the last price of a day, unless a later one of that day is kept."""
        ...

    async def closing_prices(self, symbols: Collection[str], until: date) -> Mapping[str, tuple[date, Decimal]]:
        """The newest kept price of each symbol up to a day, with its day."""
        ...

    async def add_equity(self, account_id: UUID, point: EquityPoint) -> None: ...

    async def equity_points(self, account_id: UUID, since: datetime) -> list[EquityPoint]: ...

    async def group(self, group_id: UUID) -> list[StoredOrder]: ...

    async def save_halt(self, feed: str, halt: Halt) -> None:
        """Keep that a feed's market was halted; a halt that is known changes nothing."""
        ...

    async def halts(self, day: date) -> Mapping[str, Sequence[Halt]]:
        """The halts that began on an Indian day, by feed."""
        ...

    # Messages and idempotency

    async def forget_halts(self, after: datetime) -> None:
        """Forget the halts of a day that begin after a moment of it."""
        ...

    async def announce(self, event: Event) -> None:
        """Have the user notified of it, once this transaction has committed."""
        ...

    async def tell(self, user_id: UUID, message: Mapping[str, Any]) -> None:
        """Put a message into the outbox of the user's `orders` channel."""
        ...

    async def claim(self, user_id: UUID, route: str, key: str, fingerprint: str) -> Any | None:
        """Claim an idempotency key; the answer kept under it when it was claimed before.

        Raises:
            InvalidInput: `idempotency_key_reused`, for another request under the same key.
        """
        ...

    async def unclaim(self, user_id: UUID, route: str, key: str) -> None:
        """Let an idempotency key be used again: what it was used for took no effect."""
        ...

    async def answers(self, route: str, names: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], KeptAnswer]:
        """What was answered under these keys, by user and key."""
        ...

    async def take_fence(self) -> int:
        """The next fencing token: whoever holds an older one can write no fill any more."""
        ...

    async def holds_fence(self, fence: int) -> bool:
        """Whether `fence` is the newest token; it stays so until this transaction has ended."""
        ...

    async def keep_answer(self, user_id: UUID, route: str, key: str, answer: Any) -> None: ...


WorkFactory = Callable[[], Work]


@dataclass(frozen=True, slots=True)
class LastPrice:
    """The newest price of an instrument. `at` is exchange time of receipt."""

    price: Decimal
    at: datetime
    lower_band: Decimal | None = None
    upper_band: Decimal | None = None
    prev_close: Decimal | None = None


class Prices(Protocol):
    """The live prices that a user sees."""

    async def last(self, user_id: UUID, symbols: Collection[str]) -> Mapping[str, LastPrice]: ...

    async def await_fresh(self, user_id: UUID, symbol: str, since: datetime) -> LastPrice | None:
        """The price once it is newer than `since`: asks the feed for the symbol and waits a moment."""
        ...


class ExchangeTime(Protocol):
    async def now(self) -> datetime: ...


class Instruments(Protocol):
    async def resolve(self, symbol: str) -> Instrument:
        """Raises NotFound `instrument_not_found`."""
        ...


class Bell(Protocol):
    """Tells the matcher that commands wait. A lost ring costs a fraction of a second."""

    async def ring(self) -> None: ...


class Feeds(Protocol):
    """Where a user's market data comes from."""

    async def feed_of(self, user_id: UUID) -> str | None: ...


@dataclass(frozen=True, slots=True)
class AccountRequest:
    name: str
    kind: str
    initial_cash: Decimal
    charge_plan: str
    broker_account_id: UUID | None = None
    proved_at: datetime | None = None
    """When the caller last proved the second factor, as their token says."""
