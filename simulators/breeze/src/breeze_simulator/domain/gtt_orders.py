"""Good-till-triggered orders: what they wait for, and how the broker spells them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from breeze_simulator.domain import wire
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.order_wire import BadField, parse_price, parse_side, text_of
from breeze_simulator.domain.wire import Row
from breezeway.clock import IST
from breezeway.exchange.orders import Side

TYPES: Final = {"single": "Single", "oco": "OCO", "cover_oco": "Cover OCO"}
ACTIVE: Final = "Active"
WAITING: Final = "Requested"
"""Of the legs of a cover order whose first order has not filled."""

TRIGGERED: Final = "Triggered"
CANCELLED: Final = "Cancelled"

_LEG_TYPES: Final = {"target": "Target", "stoploss": "Stoploss"}
_LEGS: Final = {"Single": 1, "OCO": 2, "Cover OCO": 2}
_BAD_TYPE: Final = "type of GTT should be either 'oco' or 'cover_oco'. "
_BAD_LEGS: Final = "Invalid order details."


@dataclass(frozen=True, slots=True)
class GttLeg:
    """`rising` says from which side the last price must reach the trigger; None until it is known."""

    kind: str | None
    side: Side
    trigger_price: Decimal
    limit_price: Decimal
    status: str
    rising: bool | None = None

    def reached(self, last: Decimal) -> bool:
        """Whether a trade at `last` sets the leg off."""
        if self.status != ACTIVE or self.rising is None:
            return False
        return last >= self.trigger_price if self.rising else last <= self.trigger_price


@dataclass(frozen=True, slots=True)
class GttOrder:
    """One GTT order of a user; when one leg is triggered the others are cancelled."""

    gtt_id: str
    user_id: str
    instrument: Instrument
    product: str
    quantity: int
    kind: str
    legs: tuple[GttLeg, ...]
    placed_at: datetime
    index_or_stock: str
    fresh_order_id: str | None = None

    @property
    def is_active(self) -> bool:
        return any(leg.status in (ACTIVE, WAITING) for leg in self.legs)

    def armed(self, last: Decimal) -> "GttOrder":
        """Legs that waited begin to watch the price, each from the side on which `last` is."""
        return replace(self, legs=tuple(arm(leg, last) for leg in self.legs))

    def with_status(self, status: str, only: GttLeg | None = None) -> "GttOrder":
        """Every leg that is not done yet ends with `status`, `only` excepted, which is triggered."""
        return replace(
            self,
            legs=tuple(
                replace(leg, status=TRIGGERED)
                if leg is only
                else replace(leg, status=status)
                if leg.status in (ACTIVE, WAITING)
                else leg
                for leg in self.legs
            ),
        )

    def row(self) -> Row:
        """A row of GET `gttorder`."""
        return {
            "order_details": [
                {
                    "gtt_leg_type": leg.kind,
                    "action": "Buy" if leg.side is Side.BUY else "Sell",
                    "trigger_price": float(leg.trigger_price),
                    "limit_price": float(leg.limit_price),
                    "status": leg.status,
                    "gtt_order_id": self.gtt_id,
                }
                for leg in self.legs
            ],
            "exchange_code": self.instrument.exchange,
            "product_type": self.product,
            "stock_code": self.instrument.stock_code,
            "expiry_date": wire.expiry_text(self.instrument.expiry) or None,
            "strike_price": float(self.instrument.strike or 0.0),
            "right": wire.right_text(self.instrument),
            "quantity": self.quantity,
            "index_or_stock": self.index_or_stock,
            "gtt_type": self.kind,
            "fresh_order_id": self.fresh_order_id,
            "order_datetime": self.placed_at.astimezone(IST).strftime("%d-%b-%Y %H:%M:%S").upper(),
        }


def arm(leg: GttLeg, last: Decimal) -> GttLeg:
    """The leg, watching the price from the side on which `last` is."""
    if leg.status not in (ACTIVE, WAITING):
        return leg
    return replace(leg, status=ACTIVE, rising=last < leg.trigger_price)


def parse_kind(fields: Mapping[str, object]) -> str:
    """`Single`, `OCO` or `Cover OCO`.

    Raises:
        BadField: in the broker's words.
    """
    kind = TYPES.get(text_of(fields, "gtt_type").lower().replace(" ", "_"))
    if kind is None:
        raise BadField(_BAD_TYPE)
    return kind


def parse_legs(fields: Mapping[str, object], kind: str) -> tuple[GttLeg, ...]:
    """The legs in `order_details`, waiting to be armed.

    Raises:
        BadField: their number, types or prices are wrong.
    """
    given = fields.get("order_details")
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    if len(rows) != _LEGS[kind]:
        raise BadField(_BAD_LEGS)
    legs = []
    for row in rows:
        name = None if kind == "Single" else _LEG_TYPES.get(text_of(row, "gtt_leg_type").lower())
        trigger, limit = parse_price(row, "trigger_price"), parse_price(row, "limit_price")
        if not trigger or not limit or (kind != "Single" and name is None):
            raise BadField(_BAD_LEGS)
        legs.append(GttLeg(name, parse_side(text_of(row, "action")), trigger, limit, WAITING))
    if kind != "Single" and len({leg.kind for leg in legs}) != len(legs):
        raise BadField(_BAD_LEGS)
    return tuple(legs)
