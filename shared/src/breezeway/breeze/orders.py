"""The broker's order calls for one account, through the official SDK.

Nothing here sends anything twice. A call that may have changed something and was not answered clearly raises
`OutcomeUnknown`; every other error means that the broker has nothing new. The broker offers no idempotency key, only a
remark that it echoes when it feels like it, so what became of an unknown call is for reading to find out.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from breezeway.breeze import _wire as wire
from breezeway.breeze.events import Right
from breezeway.breeze.rest import BreezeRest
from breezeway.breeze.transport import Exchange
from breezeway.breeze.values import BrokerInstrument
from breezeway.clock import IST
from breezeway.errors import BreezewayError, InvalidInput, NotFound, OutcomeUnknown, UpstreamFault, UpstreamUnavailable

Action: TypeAlias = Literal["buy", "sell"]
OrderKind: TypeAlias = Literal["limit", "stoploss"]

_PRODUCTS: Final = {"equity": "cash", "future": "futures", "option": "options"}
RIGHTS: Final[Mapping[str, Right]] = {"call": "CE", "put": "PE"}
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """An order as the broker is asked for it. Prices are rupees, quantities units; `tag` goes along as the remark.

    There are no market orders: exchanges refuse them from programs since April 2026, so the caller names the limit.
    """

    instrument: BrokerInstrument
    action: Action
    kind: OrderKind
    quantity: int
    price: Decimal
    trigger: Decimal | None
    validity: Literal["day", "ioc"]
    disclosed: int
    tag: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of the broker's book. Words are its own in lower case; `placed_at` is exact to the minute.

    `executed` is None where the row contradicts itself.
    """

    broker_order_id: str
    exchange: str
    broker_code: str
    product: str
    action: str
    kind: str
    quantity: int
    price: Decimal | None
    trigger: Decimal | None
    average_price: Decimal | None
    executed: int | None
    cancelled: int
    status: str
    tag: str
    placed_at: datetime | None
    expiry: date | None
    strike: Decimal | None
    right: Right | None


class BreezeOrders(BreezeRest):
    """Orders of one broker account.

    Changing calls take their budget first, with `reserve`, so that none waits for it after its caller has noted that
    it is on its way; `until` is the monotonic second after which a call must not begin any more.
    """

    async def reserve(self, calls: int, wait: float) -> None:
        """Take the budget of a changing call. Raises RateLimited when there is none within `wait` seconds."""
        await self._quota.acquire(self._account_id, calls, wait)

    async def place(self, ticket: OrderTicket, until: float) -> str:
        """Place an order; the broker's number of it. One call."""
        arguments = {**_terms(ticket), "product": _PRODUCTS[ticket.instrument.kind], "user_remark": ticket.tag}
        return _number(await self._change(lambda handler: handler.place_order(**arguments), until))

    async def square_off(self, ticket: OrderTicket, until: float) -> str:
        """Close a position in a derivative; the broker's number of the closing order. It takes no remark. One call."""
        terms = _terms(ticket)
        arguments: dict[str, str] = {
            **dict.fromkeys(_SQUARE_OFF_BLANKS, ""),
            **terms,
            "product": _PRODUCTS[ticket.instrument.kind],
        }
        return _number(await self._change(lambda handler: handler.square_off(**arguments), until))

    async def modify(self, exchange: str, broker_order_id: str, ticket: OrderTicket, until: float) -> None:
        """Ask for other terms. Two calls: the SDK looks at the order first. Success does not mean that they hold."""
        arguments = {
            "order_id": broker_order_id,
            "exchange_code": wire.EXCHANGES[exchange],
            "order_type": ticket.kind,
            "stoploss": "" if ticket.trigger is None else wire.plain(ticket.trigger),
            "quantity": str(ticket.quantity),
            "price": wire.plain(ticket.price),
            "validity": ticket.validity,
            "disclosed_quantity": str(ticket.disclosed),
            "validity_date": "",
        }
        await self._change(lambda handler: handler.modify_order(**arguments), until)

    async def cancel(self, exchange: str, broker_order_id: str, until: float) -> None:
        """Ask for an order's cancellation. One call. Success does not mean that it is cancelled."""
        code = wire.EXCHANGES[exchange]
        await self._change(lambda handler: handler.cancel_order(code, broker_order_id), until)

    async def order_book(self, exchange: str, start: datetime, end: datetime) -> list[OrderRow]:
        """Orders of one exchange that were placed in `[start, end]`. One call."""
        arguments = (wire.EXCHANGES[exchange], wire.wire_time(start), wire.wire_time(end))
        success = await self._ask("read", lambda handler: handler.get_order_list(*arguments))
        return self._read(lambda: [_row(row) for row in wire.rows_of(success)])

    async def order(self, exchange: str, broker_order_id: str) -> OrderRow | None:
        """One order as it is now; None when the broker does not have it. One call."""
        code = wire.EXCHANGES[exchange]
        try:
            success = await self._ask("read", lambda handler: handler.get_order_detail(code, broker_order_id))
        except NotFound:
            return None
        rows = self._read(lambda: [_row(row) for row in wire.rows_of(success)])
        return next((row for row in rows if row.broker_order_id == broker_order_id), None)

    async def executions(self, exchange: str, broker_order_id: str) -> tuple[int, Decimal | None]:
        """How much of an order was executed, and at which average price, by its trades. One call."""
        code = wire.EXCHANGES[exchange]
        try:
            success = await self._ask("read", lambda handler: handler.get_trade_detail(code, broker_order_id))
        except NotFound:
            return 0, None
        return self._read(lambda: _sum(wire.rows_of(success)))

    async def _change(self, function: Callable[[Any], object], until: float) -> object:
        handler = await self._bound()

        def begin() -> object:
            # In the thread that sends: a process that was stopped for a while must not wake up and place an order
            # that others have given up on meanwhile.
            if time.monotonic() > until:
                raise TimeoutError
            return function(handler)

        returned, exchange = await self._transport.call(begin)
        if exchange.changed and not _is_clear(exchange):
            raise OutcomeUnknown(
                "The broker did not say whether it took the request.",
                code="broker_outcome_unknown",
                context=_said(exchange),
            )
        if not exchange.changed and exchange.answer is None and exchange.failure is not None:
            if exchange.failure.code == "broker_sdk_failed" and time.monotonic() > until:
                raise UpstreamUnavailable("It was too late to send the request.", code="broker_not_sent")
            raise exchange.failure
        try:
            success = await self._success("read", returned, exchange)
        except UpstreamFault as error:
            if not exchange.changed:
                raise
            # A clear no in words of which none is known, as most of its reasons against an order are.
            raise InvalidInput("The broker refuses this.", code="broker_refused", context=_said(exchange)) from error
        except BreezewayError as error:
            error.context |= _said(exchange)
            raise
        if not exchange.changed:
            # A look beforehand found a reason not to ask; what the SDK answered then is its own and not the wire's.
            raise _refused_by_sdk(returned)
        return success


def _is_clear(exchange: Exchange) -> bool:
    """Whether the broker said yes or no. Only a whole envelope does; its back end's own failures may come too late."""
    answer, envelope = exchange.answer, exchange.envelope
    if exchange.failure is not None or answer is None or not isinstance(envelope, Mapping):
        return False
    error = envelope.get("Error")
    if isinstance(error, str) and error.strip():
        return "contact admin" not in error.lower() and (answer.status or 0) < 500
    success = envelope.get("Success")
    if not isinstance(success, Mapping) or not 200 <= (answer.status or 0) < 300:
        return False
    return bool(success.get("order_id") or success.get("gtt_order_id"))


def _said(exchange: Exchange) -> dict[str, object]:
    envelope = exchange.envelope
    error = envelope.get("Error") if isinstance(envelope, Mapping) else None
    return {"broker_message": error.strip()[:_SHOWN]} if isinstance(error, str) and error.strip() else {}


def _refused_by_sdk(returned: object) -> BreezewayError:
    text = returned.get("Error") if isinstance(returned, Mapping) else None
    return InvalidInput(
        "The broker's order is not in a state in which this can be asked.",
        code="broker_refused_input",
        context={"broker_message": str(text or "")[:_SHOWN]},
    )


_SQUARE_OFF_BLANKS: Final = (
    *("source_flag", "protection_percentage"),
    *("settlement_id", "margin_amount", "open_quantity", "cover_quantity", "expiry_date", "right", "strike_price"),
    *("validity_date", "trade_password", "alias_name", "order_reference", "position_exchange_code", "lots"),
)


def _terms(ticket: OrderTicket) -> dict[str, str]:
    named = wire.wire_contract(ticket.instrument)
    del named["product_type"]
    return {
        **named,
        "action": ticket.action,
        "order_type": ticket.kind,
        "stoploss": "" if ticket.trigger is None else wire.plain(ticket.trigger),
        "quantity": str(ticket.quantity),
        "price": wire.plain(ticket.price),
        "validity": ticket.validity,
        "disclosed_quantity": str(ticket.disclosed),
    }


def _number(success: object) -> str:
    number = success.get("order_id") if isinstance(success, Mapping) else None
    if not isinstance(number, str) or not number.strip():
        raise OutcomeUnknown("The broker gave the order no number.", code="broker_outcome_unknown")
    return number.strip()


def _sum(trades: Sequence[Mapping[str, Any]]) -> tuple[int, Decimal | None]:
    parts = [
        (wire.count_of(each, "executed_quantity"), wire.decimal_of(each, "execution_price") or Decimal(0))
        for each in trades
    ]
    quantity = sum(count for count, _ in parts)
    return quantity, sum((count * price for count, price in parts), Decimal(0)) / quantity if quantity else None


def _row(row: Mapping[str, Any]) -> OrderRow:
    quantity = wire.count_of(row, "quantity")
    cancelled, status = wire.count_of(row, "cancelled_quantity"), str(row.get("status") or "").strip().lower()
    wire_exchange = str(row.get("exchange_code") or "").upper()
    right = RIGHTS.get(str(row.get("right") or "").lower())
    strike = wire.decimal_of(row, "strike_price")
    return OrderRow(
        broker_order_id=wire.text_of(row, "order_id"),
        exchange="CDS" if wire_exchange == "NDX" else wire_exchange,
        broker_code=wire.text_of(row, "stock_code"),
        product=str(row.get("product_type") or "").strip().lower(),
        action=str(row.get("action") or "").strip().lower(),
        kind=str(row.get("order_type") or "").strip().lower(),
        quantity=quantity,
        price=wire.decimal_of(row, "price") or None,
        trigger=wire.decimal_of(row, "stoploss") or None,
        average_price=wire.decimal_of(row, "average_price") or None,
        executed=_executed(status, quantity, wire.count_of(row, "pending_quantity"), cancelled),
        cancelled=cancelled,
        status=status,
        tag=str(row.get("user_remark") or "").strip(),
        placed_at=_minute(row.get("order_datetime")),
        expiry=wire.day_of(row.get("expiry_date")),
        strike=strike if right else None,
        right=right,
    )


def _executed(status: str, quantity: int, pending: int, cancelled: int) -> int | None:
    """The book has no such column: it follows from the status and from what is left."""
    if status == "executed":
        return quantity
    if not status.startswith("partially"):
        return 0
    executed = quantity - pending - cancelled
    return executed if 0 < executed < quantity else None


def _minute(value: object) -> datetime | None:
    """`05-Feb-2025 09:26`, Indian time."""
    if not isinstance(value, str):
        return None
    date_part, _, clock = value.strip().partition(" ")
    found = wire.day_of(date_part)
    hour, _, minute = clock.partition(":")
    if found is None or not (hour.isdigit() and minute[:2].isdigit()):
        return None
    try:
        return datetime(found.year, found.month, found.day, int(hour), int(minute[:2]), tzinfo=IST)
    except ValueError:
        return None
