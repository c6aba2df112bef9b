"""Orders: what was asked for, what happened to it, and the state that follows from that.

State is a table (from, event) → to. A request to modify or cancel changes no state; only its outcome does, so an order
whose cancellation is in flight may still fill. A fill may overtake the acknowledgement, and a late one may arrive after
the order was thought cancelled or expired: the position must then follow the exchange, so the table lets it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from breezeway.errors import Conflict, InvalidInput
from breezeway.exchange.explanations import Explanation
from breezeway.money import ZERO, amount


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """`sl` is a stop with a limit, `sl_m` a stop that becomes a market order."""

    MARKET = "market"
    LIMIT = "limit"
    SL = "sl"
    SL_M = "sl_m"


class Product(StrEnum):
    CNC = "cnc"
    MIS = "mis"
    NRML = "nrml"


class Validity(StrEnum):
    DAY = "day"
    IOC = "ioc"


class OrderState(StrEnum):
    """`new` is a recorded intent; `submitting` was sent and not answered; `unknown` may or may not have arrived."""

    NEW = "new"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    TRIGGER_PENDING = "trigger_pending"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class EventKind(StrEnum):
    SUBMIT = "submit"
    TIME_OUT = "time_out"
    ACCEPT = "accept"
    ACCEPT_STOP = "accept_stop"
    REJECT = "reject"
    TRIGGER = "trigger"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    MODIFY_REQUEST = "modify_request"
    MODIFY = "modify"
    MODIFY_REJECT = "modify_reject"
    CANCEL_REQUEST = "cancel_request"
    CANCEL = "cancel"
    CANCEL_REJECT = "cancel_reject"
    EXPIRE = "expire"


TERMINAL: Final = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
WORKING: Final = frozenset({OrderState.TRIGGER_PENDING, OrderState.OPEN, OrderState.PARTIALLY_FILLED})

_S, _E = OrderState, EventKind
_UNANSWERED: Final = {
    _E.ACCEPT: _S.OPEN,
    _E.ACCEPT_STOP: _S.TRIGGER_PENDING,
    _E.REJECT: _S.REJECTED,
    _E.TRIGGER: _S.OPEN,
    _E.PARTIAL_FILL: _S.PARTIALLY_FILLED,
    _E.FILL: _S.FILLED,
    _E.CANCEL: _S.CANCELLED,
    _E.EXPIRE: _S.EXPIRED,
}


def _requests(state: OrderState) -> dict[EventKind, OrderState]:
    kinds = (_E.MODIFY_REQUEST, _E.MODIFY, _E.MODIFY_REJECT, _E.CANCEL_REQUEST, _E.CANCEL_REJECT)
    return dict.fromkeys(kinds, state)


def _rows() -> dict[OrderState, dict[EventKind, OrderState]]:
    ends = {_E.CANCEL: _S.CANCELLED, _E.EXPIRE: _S.EXPIRED}
    fills = {_E.PARTIAL_FILL: _S.PARTIALLY_FILLED, _E.FILL: _S.FILLED}
    return {
        _S.NEW: {
            _E.SUBMIT: _S.SUBMITTING,
            _E.ACCEPT: _S.OPEN,
            _E.ACCEPT_STOP: _S.TRIGGER_PENDING,
            _E.REJECT: _S.REJECTED,
            _E.CANCEL: _S.CANCELLED,
        },
        _S.SUBMITTING: {**_UNANSWERED, _E.TIME_OUT: _S.UNKNOWN},
        # Only reconciliation leads out of here; a second submission never does.
        _S.UNKNOWN: _UNANSWERED,
        _S.TRIGGER_PENDING: {
            **_requests(_S.TRIGGER_PENDING),
            **ends,
            **fills,
            _E.TRIGGER: _S.OPEN,
            _E.REJECT: _S.REJECTED,
        },
        _S.OPEN: {**_requests(_S.OPEN), **ends, **fills, _E.ACCEPT: _S.OPEN, _E.REJECT: _S.REJECTED},
        _S.PARTIALLY_FILLED: {
            **_requests(_S.PARTIALLY_FILLED),
            **ends,
            **fills,
            _E.ACCEPT: _S.PARTIALLY_FILLED,
            _E.TRIGGER: _S.PARTIALLY_FILLED,
        },
        # The acknowledgement, or a refusal to change what no longer works, may arrive after the end.
        _S.FILLED: {
            _E.ACCEPT: _S.FILLED,
            _E.TRIGGER: _S.FILLED,
            _E.MODIFY_REJECT: _S.FILLED,
            _E.CANCEL_REJECT: _S.FILLED,
        },
        _S.CANCELLED: {
            _E.PARTIAL_FILL: _S.CANCELLED,
            _E.FILL: _S.FILLED,
            _E.MODIFY_REJECT: _S.CANCELLED,
            _E.CANCEL_REJECT: _S.CANCELLED,
        },
        _S.EXPIRED: {
            _E.PARTIAL_FILL: _S.EXPIRED,
            _E.FILL: _S.FILLED,
            _E.MODIFY_REJECT: _S.EXPIRED,
            _E.CANCEL_REJECT: _S.EXPIRED,
        },
        _S.REJECTED: {},
    }


TRANSITIONS: Final[Mapping[tuple[OrderState, EventKind], OrderState]] = MappingProxyType(
    {(state, event): to for state, row in _rows().items() for event, to in row.items()}
)


def next_state(state: OrderState, event: EventKind) -> OrderState:
    """The state that `event` leads to.

    Raises:
        Conflict: `illegal_transition`.
    """
    to = TRANSITIONS.get((state, event))
    if to is None:
        raise Conflict(f"An order that is {state} cannot {event}.", code="illegal_transition")
    return to


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. Prices are rupees a unit, quantities units (not lots).

    Raises:
        TypeError: for a price that is a float.
        InvalidInput: `invalid_order`, when price and trigger do not go with the type, or a number is not positive.
    """

    order_id: str
    account_id: str
    symbol: str
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    validity: Validity = Validity.DAY
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    disclosed_quantity: int = 0
    client_order_id: str | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        for value in (self.price, self.trigger_price):
            if value is not None and amount(value) <= 0:
                raise InvalidInput("A price is positive.", code="invalid_order")
        if self.quantity <= 0 or not 0 <= self.disclosed_quantity <= self.quantity:
            raise InvalidInput("A quantity is positive and discloses no more than itself.", code="invalid_order")
        if (self.price is not None) != (self.order_type in (OrderType.LIMIT, OrderType.SL)):
            raise InvalidInput("A limit and an sl order have a price, and no other has.", code="invalid_order")
        if (self.trigger_price is not None) != self.is_stop:
            raise InvalidInput("An sl and an sl_m order have a trigger price, and no other has.", code="invalid_order")

    @property
    def is_stop(self) -> bool:
        return self.order_type in (OrderType.SL, OrderType.SL_M)

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY


@dataclass(frozen=True, slots=True)
class Amendment:
    """What to change of a working order; None leaves a term as it is. `quantity` is the new total, filled included."""

    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None

    def applied_to(self, order: Order) -> Order:
        """The order with these terms.

        Raises:
            TypeError, InvalidInput: as `Order` does.
        """
        return replace(
            order,
            quantity=order.quantity if self.quantity is None else self.quantity,
            price=order.price if self.price is None else self.price,
            trigger_price=order.trigger_price if self.trigger_price is None else self.trigger_price,
        )


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fill_id` is unique and the same in every replay; `maker` tells whether the order was resting."""

    fill_id: str
    order_id: str
    account_id: str
    symbol: str
    side: Side
    quantity: int
    price: Decimal
    at: datetime
    maker: bool


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something that happened to an order, at exchange time, with a machine code and a sentence for a person."""

    order_id: str
    kind: EventKind
    at: datetime
    code: str
    text: str
    fill: Fill | None = None
    order: Order | None = None
    """The terms after a modification."""
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as the fold of its events."""

    order: Order
    state: OrderState = OrderState.NEW
    filled: int = 0
    filled_value: Decimal = ZERO
    fill_ids: frozenset[str] = field(default_factory=frozenset)
    updated_at: datetime | None = None
    code: str | None = None

    @property
    def remaining(self) -> int:
        return self.order.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        return self.filled_value / self.filled if self.filled else None

    def apply(self, event: OrderEvent) -> "OrderRecord":
        """The record after `event`. A fill that is already in changes nothing.

        Raises:
            Conflict: `illegal_transition`; `over_fill`, when more was filled than asked for, which is for a person to
                look at and never clipped; `fill_mismatch`, when a fill does not say what its event says.
        """
        fill = event.fill
        if fill is not None and fill.fill_id in self.fill_ids:
            return self
        if (fill is not None) != (event.kind in (EventKind.FILL, EventKind.PARTIAL_FILL)):
            raise Conflict("A fill event carries a fill, and no other does.", code="fill_mismatch")
        order = event.order if event.kind is EventKind.MODIFY and event.order is not None else self.order
        filled = self.filled + (fill.quantity if fill is not None else 0)
        if filled > order.quantity:
            raise Conflict(f"{filled} filled of {order.quantity} asked for.", code="over_fill")
        kind = event.kind
        if fill is not None:
            # Parts may arrive in another order than they happened: the sum and not the sender says which was the last.
            kind = EventKind.FILL if filled == order.quantity else EventKind.PARTIAL_FILL
        state = next_state(self.state, kind)
        if event.kind is EventKind.MODIFY and filled and filled == order.quantity:
            state = OrderState.FILLED
        return OrderRecord(
            order=order,
            state=state,
            filled=filled,
            filled_value=self.filled_value + (fill.price * fill.quantity if fill is not None else ZERO),
            fill_ids=self.fill_ids | {fill.fill_id} if fill is not None else self.fill_ids,
            updated_at=event.at,
            code=event.code,
        )
