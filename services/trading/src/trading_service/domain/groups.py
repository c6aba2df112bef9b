"""Order groups: orders that belong together.

- `basket`: placed together; nothing more connects them.
- `oco`: two exits of one position; what one fills is taken off the other, so together they close it once.
- `bracket`: an entry; when it has ended with something filled, a target and a stop for that much, as an `oco`.
- `gtt`: waits, over days, for a price; then places its order, or its two as an `oco`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID


class GroupKind(StrEnum):
    OCO = "oco"
    BRACKET = "bracket"
    BASKET = "basket"
    GTT = "gtt"


class GroupState(StrEnum):
    """`waiting` for its trigger or its entry; `working` while orders of it work."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENTRY, TARGET, STOP, LEG = "entry", "target", "stop", "leg"
EXITS = frozenset({TARGET, STOP})
"""Roles of orders of which one takes off the other what it fills."""


@dataclass(frozen=True, slots=True)
class Group:
    """`body` has the orders that are still to be placed, by role, and a `trigger`."""

    id: UUID
    account_id: UUID
    user_id: UUID
    kind: GroupKind
    state: GroupState
    body: Mapping[str, Any]
    text: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fires when the last price is at or above (`above`) or at or below `price`."""

    symbol: str
    price: Decimal
    above: bool

    def fires(self, last: Decimal) -> bool:
        return last >= self.price if self.above else last <= self.price


def trigger_of(body: Mapping[str, Any]) -> Trigger | None:
    """The trigger of a group's body."""
    found = body.get("trigger")
    return None if found is None else Trigger(found["symbol"], Decimal(found["price"]), bool(found["above"]))
