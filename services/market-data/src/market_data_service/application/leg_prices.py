"""Where an option's price comes from when several places know one, and how old it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from breezeway.clock import epoch_ms
from market_data_service.domain.option_chain import LegQuote

FRESH_MS = 15_000
"""A tick older than this may belong to a feed that nobody listens to any more."""

Tick = Mapping[str, object]


class PriceSource(StrEnum):
    FEED = "feed"
    BROKER = "broker"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class StoredPrice:
    """The end of an instrument's newest stored candle; `prev_close` and `prev_oi` are of the day before."""

    at: datetime
    close: float
    volume: int
    oi: int | None = None
    prev_close: float | None = None
    prev_oi: int | None = None


class StoredPrices(Protocol):
    """What the candle store knows of instruments' last prices."""

    async def newest(self, symbols: Sequence[str]) -> Mapping[str, StoredPrice]:
        """By symbol; those without candles are left out."""
        ...


@dataclass(frozen=True, slots=True)
class PricedLeg:
    """A quote with its origin. `age_ms` is None when nothing is known of the option."""

    quote: LegQuote
    source: PriceSource | None
    age_ms: int | None

    @property
    def stale(self) -> bool:
        """Whether the price is not of the last seconds, or there is none."""
        return self.age_ms is None or self.age_ms > FRESH_MS


def choose(
    tick: Tick | None, listed: LegQuote | None, stored: StoredPrice | None, now_ms: int, exchange_ms: int
) -> PricedLeg:
    """The best that is known: a fresh tick over the broker's row, that over whatever is youngest of the rest.

    Args:
        listed: the broker's row of this moment.
        now_ms: wall time, which ticks are stamped with.
        exchange_ms: the exchange's time, which candles are stamped with.
    """
    tick_age = None if tick is None else max(0, now_ms - int(str(tick["ts"])))
    if tick is not None and tick_age is not None and tick_age <= FRESH_MS:
        return PricedLeg(_with_tick(listed or _of_stored(stored), tick), PriceSource.FEED, tick_age)
    if listed is not None:
        return PricedLeg(listed, PriceSource.BROKER, 0)
    stored_age = None if stored is None else max(0, exchange_ms - epoch_ms(stored.at))
    if tick is not None and tick_age is not None and (stored_age is None or tick_age <= stored_age):
        return PricedLeg(_with_tick(_of_stored(stored), tick), PriceSource.FEED, tick_age)
    return PricedLeg(_of_stored(stored), None if stored is None else PriceSource.STORED, stored_age)


def _of_stored(stored: StoredPrice | None) -> LegQuote:
    if stored is None:
        return LegQuote()
    change = None if stored.oi is None or stored.prev_oi is None else stored.oi - stored.prev_oi
    return LegQuote(
        ltp=stored.close, volume=stored.volume, oi=stored.oi, oi_change=change, prev_close=stored.prev_close
    )


def _with_tick(known: LegQuote, tick: Tick) -> LegQuote:
    """`known` with what the tick knows better."""
    names = ("ltp", "bid", "ask", "volume", "oi", "prev_close")
    fresh = {name: tick[name] for name in names if tick.get(name) is not None}
    quote = replace(known, **fresh)  # type: ignore[arg-type]
    if quote.oi is None or known.oi is None or known.oi_change is None:
        return quote
    return replace(quote, oi_change=known.oi_change + quote.oi - known.oi)
