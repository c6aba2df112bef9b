"""What a book sees of its market: the newest tick and depth, the phase of the day, and whether one may trade now."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from breezeway.clock import IST, ist_datetime
from breezeway.exchange.breakers import Halt
from breezeway.exchange.explanations import Rule
from breezeway.exchange.market import EMPTY_BOOK, Book, Depth, InstrumentRules, MarketTick, touch
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import TRADING_KINDS, SessionKind

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MarketView:
    """Knows nothing of orders.

    `book` is the market as it was last looked at; `seen_at` when it was last heard of; the phase holds until
    `phase_until`; `opening` says that nothing has traded since a pause, `lost` that messages were missed,
    `halted` that `halt` is on.
    """

    __slots__ = (
        *("rules", "tick", "depth", "book", "seen_at", "phase_until", "lower", "upper"),
        *("matching", "auction", "opening", "halt", "halted", "lost", "_calendar", "_stale_after"),
    )

    def __init__(self, rules: InstrumentRules, calendar: MarketCalendar, stale_after: timedelta) -> None:
        self.rules = rules
        self._calendar = calendar
        self._stale_after = stale_after
        self.tick: MarketTick | None = None
        self.depth: Depth | None = None
        self.book = EMPTY_BOOK
        self.seen_at = self.phase_until = _BEGINNING
        self.matching = self.auction = self.opening = self.halted = self.lost = False
        self.halt: Halt | None = None
        self.lower, self.upper = rules.lower_band, rules.upper_band

    def look(self) -> None:
        """Bring `book` up to date with tick and depth."""
        self.book = self._seen()

    def _seen(self) -> Book:
        tick, depth = self.tick, self.depth
        if depth is not None and (tick is None or depth.at > tick.at):
            return depth.book
        if tick is None:
            return EMPTY_BOOK
        fresh = depth is not None and tick.at - depth.at <= self._stale_after
        known = depth.book if depth is not None and fresh else EMPTY_BOOK
        return Book(
            touch(tick.bid, tick.bid_quantity, known.bids, buy=True),
            touch(tick.ask, tick.ask_quantity, known.asks, buy=False),
        )

    def enter_phase(self, at: datetime) -> bool:
        """Find the phase of `at`; whether continuous matching begins with it."""
        day = at.astimezone(IST).date()
        sessions = self._calendar.sessions(self.rules.hours(self._calendar), day, cas_eligible=self.rules.cas_eligible)
        now = next((session for session in sessions if at in session), None)
        later = [session.start for session in sessions if session.start > at]
        midnight = ist_datetime(day + timedelta(days=1), time(0))
        self.phase_until = now.end if now is not None else min([*later, midnight])
        if self.halt is not None:
            self.stop(self.halt if at < self.halt.resumes else None)
        self.matching = now is not None and now.kind in TRADING_KINDS
        self.auction = now is not None and now.kind is SessionKind.CLOSING_AUCTION
        if self.matching:
            # Yesterday's prices, or those from before a pause, are no market to trade against.
            self.opening, self.tick, self.depth, self.book = True, None, None, EMPTY_BOOK
        return self.matching

    def stop(self, halt: Halt | None) -> None:
        """Match nothing before the halt is over; None ends it."""
        self.halt, self.halted = halt, halt is not None
        if halt is not None:
            self.phase_until = min(self.phase_until, halt.resumes)

    def rebound(self, tick: MarketTick) -> bool:
        """Take the price limits that the tick brings; whether they are others than before."""
        lower = self.lower if tick.lower_band is None else tick.lower_band
        upper = self.upper if tick.upper_band is None else tick.upper_band
        if (lower, upper) == (self.lower, self.upper):
            return False
        self.lower, self.upper = lower, upper
        return True

    def outside(self, price: Decimal | None) -> bool:
        """Whether a price is beyond today's limits."""
        if price is None:
            return False
        return (self.lower is not None and price < self.lower) or (self.upper is not None and price > self.upper)

    def fresh(self, at: datetime) -> bool:
        """Whether what is known of the market is recent enough to trade against."""
        known = self.tick is not None and not self.lost and not self.opening
        return known and at - self.seen_at <= self._stale_after

    def open(self, at: datetime) -> bool:
        """Whether orders match at `at`."""
        return self.matching and not self.halted and self.fresh(at)

    def closed_for(self, at: datetime) -> tuple[Rule, str] | None:
        """Why orders do not match at `at`; None when they do."""
        if self.halt is not None:
            return Rule.HALTED, self.halt.text
        if self.auction:
            return Rule.WAITS_FOR_AUCTION, "The closing auction is on; continuous matching is over."
        if not self.matching:
            return Rule.WAITS_FOR_MARKET, "The market does not match continuously now."
        if not self.fresh(at):
            return Rule.STALE_FEED, "No tick is recent enough to trade against."
        return None
