"""The broker's good-till-triggered orders of one account, through the official SDK: for futures and options only.

As with orders, nothing is sent twice and `OutcomeUnknown` is all that leaves it open whether something was changed. A
GTT has no remark, so one whose number is not known is found by its terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from breezeway.breeze import _wire as wire
from breezeway.breeze.events import Right
from breezeway.breeze.orders import RIGHTS, Action, BreezeOrders
from breezeway.breeze.values import BrokerInstrument
from breezeway.errors import InvalidInput, OutcomeUnknown

GttKind: TypeAlias = Literal["single", "oco"]
LegKind: TypeAlias = Literal["", "target", "stoploss"]

_PRODUCTS: Final = {"future": "futures", "option": "options"}


@dataclass(frozen=True, slots=True)
class GttLeg:
    """What one leg waits for, and the limit order that it becomes. Prices are rupees; a single's leg has no kind.

    `status` is the broker's word in lower case, in rows of its book.
    """

    kind: LegKind
    action: Action
    trigger: Decimal
    limit: Decimal
    status: str = ""


@dataclass(frozen=True, slots=True)
class GttTicket:
    """A GTT as the broker is asked for it. `day` is the exchange's."""

    instrument: BrokerInstrument
    on_index: bool
    quantity: int
    kind: GttKind
    legs: tuple[GttLeg, ...]
    day: date


@dataclass(frozen=True, slots=True)
class GttRow:
    """A GTT of the broker's book; `kind` is its own word in lower case."""

    gtt_id: str
    exchange: str
    broker_code: str
    quantity: int
    kind: str
    legs: tuple[GttLeg, ...]
    placed_at: datetime | None
    expiry: date | None
    strike: Decimal | None
    right: Right | None


class BreezeGtt(BreezeOrders):
    """Each call takes one of the broker's budget; changing ones take it first, with `reserve`."""

    async def place_gtt(self, ticket: GttTicket, until: float) -> str:
        """Place a GTT; the broker's number of it.

        Raises:
            InvalidInput: `gtt_not_offered`, for shares.
        """
        product = _PRODUCTS.get(ticket.instrument.kind)
        if product is None:
            raise InvalidInput("The broker has GTT for futures and options only.", code="gtt_not_offered")
        named = wire.wire_contract(ticket.instrument)
        del named["product_type"]
        arguments: dict[str, Any] = {
            **named,
            "product": product,
            "quantity": str(ticket.quantity),
            "gtt_type": ticket.kind,
            "index_or_stock": "index" if ticket.on_index else "stock",
            "trade_date": wire.wire_expiry(ticket.day),
            "order_details": _details(ticket.legs),
        }
        name = "gtt_single_leg_place_order" if ticket.kind == "single" else "gtt_three_leg_place_order"
        return _number(await self._change(lambda handler: getattr(handler, name)(**arguments), until))

    async def modify_gtt(self, exchange: str, gtt_id: str, kind: GttKind, legs: Sequence[GttLeg], until: float) -> None:
        """Ask for other triggers and limits. Success does not mean that they hold."""
        arguments = (wire.EXCHANGES[exchange], gtt_id, kind, _details(legs))
        name = "gtt_single_leg_modify_order" if kind == "single" else "gtt_three_leg_modify_order"
        await self._change(lambda handler: getattr(handler, name)(*arguments), until)

    async def cancel_gtt(self, exchange: str, gtt_id: str, kind: GttKind, until: float) -> None:
        """Ask for a GTT's cancellation. Success does not mean that it is cancelled."""
        code = wire.EXCHANGES[exchange]
        name = "gtt_single_leg_cancel_order" if kind == "single" else "gtt_three_leg_cancel_order"
        await self._change(lambda handler: getattr(handler, name)(code, gtt_id), until)

    async def gtt_book(self, exchange: str, start: datetime, end: datetime) -> list[GttRow]:
        """The GTT of one exchange that were placed between the days of `start` and `end`, both included."""
        arguments = (wire.EXCHANGES[exchange], wire.wire_time(start), wire.wire_time(end))
        success = await self._ask("read", lambda handler: handler.gtt_order_book(*arguments))
        return self._read(lambda: [_row(row) for row in wire.rows_of(success)])


def _details(legs: Sequence[GttLeg]) -> list[dict[str, str]]:
    return [
        {
            **({"gtt_leg_type": leg.kind} if leg.kind else {}),
            "action": leg.action,
            "limit_price": wire.plain(leg.limit),
            "trigger_price": wire.plain(leg.trigger),
        }
        for leg in legs
    ]


def _number(success: object) -> str:
    number = success.get("gtt_order_id") if isinstance(success, Mapping) else None
    if not isinstance(number, str) or not number.strip():
        raise OutcomeUnknown("The broker gave the GTT no number.", code="broker_outcome_unknown")
    return number.strip()


def _row(row: Mapping[str, Any]) -> GttRow:
    details = row.get("order_details")
    if not isinstance(details, list) or not details:
        raise wire.BadAnswer("a GTT has legs")
    legs = wire.rows_of(details)
    right = RIGHTS.get(str(row.get("right") or "").lower())
    return GttRow(
        gtt_id=wire.text_of(legs[0], "gtt_order_id"),
        exchange=str(row.get("exchange_code") or "").upper(),
        broker_code=wire.text_of(row, "stock_code"),
        quantity=wire.count_of(row, "quantity"),
        kind=str(row.get("gtt_type") or "").strip().lower(),
        legs=tuple(_leg(leg) for leg in legs),
        placed_at=wire.moment_of(row.get("order_datetime")),
        expiry=wire.day_of(row.get("expiry_date")),
        strike=wire.decimal_of(row, "strike_price") if right else None,
        right=right,
    )


def _leg(leg: Mapping[str, Any]) -> GttLeg:
    trigger, limit = wire.decimal_of(leg, "trigger_price"), wire.decimal_of(leg, "limit_price")
    if trigger is None or limit is None:
        raise wire.BadAnswer("a GTT's leg has prices")
    word = str(leg.get("gtt_leg_type") or "").strip().lower()
    kind: LegKind = "target" if word == "target" else "stoploss" if word == "stoploss" else ""
    return GttLeg(
        kind=kind,
        action="buy" if str(leg.get("action") or "").strip().lower() == "buy" else "sell",
        trigger=trigger,
        limit=limit,
        status=str(leg.get("status") or "").strip().lower(),
    )
