"""A good-till-triggered order that the broker keeps for a live account: what it waits for, and what is under way.

The broker watches the price, over days and while we are down. When a leg is reached it places a limit order of its
own; that order then becomes one of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from breezeway.exchange.orders import Product, Side
from breezeway.ids import new_id

_HISTORY: Final = 100
"""Lines that are kept of one; the oldest go first."""


class GttStatus(StrEnum):
    """`unknown`: the broker did not say whether it has it."""

    NEW = "new"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    ACTIVE = "active"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


GTT_ENDED: Final = frozenset({GttStatus.TRIGGERED, GttStatus.CANCELLED, GttStatus.EXPIRED, GttStatus.REJECTED})

AMBIGUOUS: Final = "ambiguous_gtt"

WishKind = Literal["place", "modify", "cancel"]


@dataclass(frozen=True, slots=True)
class Leg:
    """`role` is that of the order it becomes, a limit at `limit`; the broker's word for it is `status`."""

    role: str
    trigger: Decimal
    limit: Decimal
    status: str = ""

    def same_terms(self, other: "Leg") -> bool:
        return (self.role, self.trigger, self.limit) == (other.role, other.trigger, other.limit)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the broker is to be asked about a GTT. It may be sent by whoever claimed it (`sent_at`), once.

    `answer` is `accepted` or `unknown` when it was sent and its effect is still to be seen; `looks` counts how often it
    was looked for, last at `looked_at`.
    """

    id: UUID
    kind: WishKind
    created_at: datetime
    legs: tuple[Leg, ...] = ()
    sent_at: datetime | None = None
    answer: str | None = None
    looks: int = 0
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a GTT's history."""

    at: datetime
    status: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class LiveGtt:
    """Prices are rupees, times the exchange's; `seen_at` is when the broker last had it waiting."""

    group_id: UUID
    account_id: UUID
    user_id: UUID
    broker_account_id: UUID
    symbol: str
    side: Side
    quantity: int
    product: Product
    legs: tuple[Leg, ...]
    status: GttStatus
    seen_at: datetime
    placed_at: datetime
    broker_gtt_id: str | None = None
    wish: Wish | None = None
    cancel_asked: bool = False
    """Whether it is to be cancelled as soon as what is under way has ended."""
    history: tuple[Note, ...] = ()

    @property
    def is_single(self) -> bool:
        return len(self.legs) == 1

    @property
    def exchange(self) -> str:
        return self.symbol.partition(":")[0]

    def noted(self, at: datetime, code: str, text: str, status: GttStatus | None = None) -> "LiveGtt":
        """The same with another line of history, and in another status where one is given."""
        status = status or self.status
        line = Note(at, status.value, code, text)
        return replace(self, status=status, history=(*self.history[1 - _HISTORY :], line))

    def cancelling(self, at: datetime, now: datetime, text: str) -> "LiveGtt":
        """The same when it is to be cancelled: at once where nothing of it is at the broker.

        Args:
            at: the exchange's time.
            now: our own.
        """
        wish = self.wish
        if self.in_doubt:
            ended = f"{text} It was in doubt; what the broker has of it is to be cancelled there."
            return replace(self, wish=None).noted(at, "given_up", ended, GttStatus.CANCELLED)
        if self.cancel_asked or (wish is not None and wish.kind == "cancel"):
            return self
        if wish is not None and wish.sent_at is not None:
            asked = replace(self, cancel_asked=True)
            return asked.noted(at, "cancel_requested", f"{text} What is under way is waited for.")
        if wish is not None and wish.kind == "place":
            return replace(self, wish=None).noted(at, "cancelled", f"{text} It was not sent.", GttStatus.CANCELLED)
        asked = replace(self, wish=Wish(new_id(), "cancel", now))
        return asked.noted(at, "cancel_requested", f"{text} The cancellation is on its way to the broker.")

    @property
    def in_doubt(self) -> bool:
        """Whether the broker has more that could be this one than were sent: nobody guesses then."""
        return self.status is GttStatus.UNKNOWN and any(each.code == AMBIGUOUS for each in self.history)


@dataclass(frozen=True, slots=True)
class BookedGtt:
    """A GTT of the broker's book. It has no tag; `matches` is all there is to know one by.

    Args:
        symbol: ours, when it is of the instrument that was asked for.
        placed_at: the broker's, to the second.
    """

    gtt_id: str
    symbol: str | None
    side: str
    quantity: int
    legs: tuple[Leg, ...]
    placed_at: datetime | None

    def matches(self, gtt: LiveGtt) -> bool:
        """Whether it could be `gtt`: the same terms, and not placed before it was wished for."""
        mine = {leg.role: leg for leg in gtt.legs}
        return (
            (self.symbol, self.side, self.quantity) == (gtt.symbol, gtt.side.value, gtt.quantity)
            and len(self.legs) == len(mine)
            and all(leg.role in mine and leg.same_terms(mine[leg.role]) for leg in self.legs)
            and (self.placed_at is None or self.placed_at >= gtt.seen_at.replace(second=0, microsecond=0))
        )

    @property
    def triggered(self) -> Leg | None:
        """The leg that was reached."""
        return next((leg for leg in self.legs if "trigger" in leg.status or "execut" in leg.status), None)

    @property
    def status(self) -> GttStatus:
        """What all legs together say. A word that is not known counts as waiting, which ends nothing."""
        if self.triggered is not None:
            return GttStatus.TRIGGERED
        for word, status in _ENDS:
            if all(word in leg.status for leg in self.legs):
                return status
        return GttStatus.ACTIVE


_ENDS: Final = (
    ("cancel", GttStatus.CANCELLED),
    ("expir", GttStatus.EXPIRED),
    ("reject", GttStatus.REJECTED),
)


def find_gtt(gtt: LiveGtt, rows: Sequence[BookedGtt], known: set[str]) -> list[BookedGtt]:
    """Those of the broker's that could be `gtt`, oldest number first.

    Args:
        known: numbers of GTT of ours.
    """
    alike = [row for row in rows if row.gtt_id not in known and row.matches(gtt)]
    return sorted(alike, key=lambda row: row.gtt_id)


def gtt_json(gtt: LiveGtt) -> dict[str, Any]:
    """The parts of a GTT that are stored as JSON."""
    wish = gtt.wish
    return {
        "legs": [_leg_json(leg) for leg in gtt.legs],
        "history": [
            {"at": each.at.isoformat(), "status": each.status, "code": each.code, "text": each.text}
            for each in gtt.history
        ],
        "wish": None
        if wish is None
        else {
            "id": str(wish.id),
            "kind": wish.kind,
            "created_at": wish.created_at.isoformat(),
            "legs": [_leg_json(leg) for leg in wish.legs],
            "sent_at": _text(wish.sent_at),
            "answer": wish.answer,
            "looks": wish.looks,
            "looked_at": _text(wish.looked_at),
        },
    }


def legs_of(found: Sequence[Mapping[str, Any]]) -> tuple[Leg, ...]:
    """The inverse of what `gtt_json` says of legs."""
    return tuple(Leg(each["role"], Decimal(each["trigger"]), Decimal(each["limit"]), each["status"]) for each in found)


def history_of(found: Sequence[Mapping[str, Any]]) -> tuple[Note, ...]:
    """The inverse of what `gtt_json` says of the history."""
    return tuple(Note(datetime.fromisoformat(each["at"]), each["status"], each["code"], each["text"]) for each in found)


def wish_of(found: Mapping[str, Any] | None) -> Wish | None:
    """The inverse of what `gtt_json` says of the wish."""
    if found is None:
        return None
    return Wish(
        id=UUID(found["id"]),
        kind=found["kind"],
        created_at=datetime.fromisoformat(found["created_at"]),
        legs=legs_of(found["legs"]),
        sent_at=_moment(found["sent_at"]),
        answer=found["answer"],
        looks=found["looks"],
        looked_at=_moment(found["looked_at"]),
    )


def _leg_json(leg: Leg) -> dict[str, str]:
    return {"role": leg.role, "trigger": str(leg.trigger), "limit": str(leg.limit), "status": leg.status}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
