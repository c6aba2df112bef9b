"""The minutes of every instrument on every day: a pure function of the seed, the source and the contract."""

from dataclasses import replace
from datetime import date, timedelta
from math import exp, log
from typing import Final

import numpy as np

from breeze_simulator.domain.day_path import Course, DayPath, Floats, Ints
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.prints import EVERY_SECOND
from breeze_simulator.domain.rng import generator, mix, stable_hash
from breeze_simulator.domain.sessions import Sessions
from breeze_simulator.domain.tick_sizes import cash_tick
from breeze_simulator.domain.underlyings import Courses, PriceSource, Underlying
from breezeway.options import black76

INTEREST_RATE: Final = 0.065
_EXPIRY_MINUTE: Final = 15 * 60 + 30
_YEAR_MINUTES: Final = 365 * 1440
_INDEX_TICK: Final = 0.05
_OPTION_TICK: Final = 0.05
_LISTED_DAYS: Final = 100
_INDEX_LISTED_DAYS: Final = 400
_BSE_SHARE: Final = 0.08
_INDEX_FUTURE_RUPEES: Final = 2.0e10
_INDEX_OPTION_LOTS: Final = 1.5e6
_STOCK_OPTION_LOTS: Final = 5.0e3
_AUCTION_SHARE: Final = 0.06
"""What the closing auction trades on average, of an ordinary day's shares."""

_AUCTION_BAND: Final = 0.03


class PathBook:
    """Paths, made when first asked for and kept while in use."""

    def __init__(self, seed: int, sessions: Sessions, source: PriceSource) -> None:
        self._seed = seed
        self._sessions = sessions
        self._source = source
        self.courses = Courses(seed, sessions, source)
        self._rows: Lru[tuple[str, date], DayPath] = Lru(1024)

    def path(self, instrument: Instrument, underlying: Underlying, day: date) -> DayPath:
        """The minutes of `day`, possibly none."""
        key = (instrument.key, day)
        known = self._rows.get(key)
        if known is None:
            known = self._make(instrument, underlying, day)
            self._rows.put(key, known)
        return known

    def previous_close(self, instrument: Instrument, underlying: Underlying, day: date) -> float:
        """The last price of the trading day before `day`; a fair one when nothing traded then."""
        before = self._sessions.previous_day(day)
        path = self.path(instrument, underlying, before)
        if len(path):
            return float(path.close[-1])
        level = self.courses.level(underlying, before)
        tick = path.tick_size
        if instrument.expiry is None:
            return _rounded_one(level, tick)
        forward = level * _carry(instrument.expiry, before)
        if instrument.kind == "future":
            return _rounded_one(forward, tick)
        years = max(_minutes_left(instrument.expiry, before, _EXPIRY_MINUTE), 0.0) / _YEAR_MINUTES
        strike = instrument.strike or 0.0
        vol = self._smile(underlying, before, np.array([forward]), strike, np.array([years]))
        return _rounded_one(float(black76.price(forward, strike, years, vol, instrument.right == "call")[0]), tick)

    def _make(self, instrument: Instrument, underlying: Underlying, day: date) -> DayPath:
        if instrument.expiry is not None:
            return self._derivative(instrument, underlying, day)
        real = self._source.day(instrument.exchange_symbol, day)
        if real is not None and (instrument.exchange == "NSE" or instrument.kind == "index"):
            tick = _INDEX_TICK if instrument.kind == "index" else cash_tick(float(real.close[0]))
            return DayPath(
                instrument.key,
                day,
                real.minute,
                real.open,
                real.high,
                real.low,
                real.close,
                real.volume,
                real.oi,
                tick,
                1,
                _prints(underlying, 1.0),
            )
        return self._cash(instrument, underlying, day)

    def _cash(self, instrument: Instrument, underlying: Underlying, day: date) -> DayPath:
        course = self.courses.course(underlying, day)
        minutes = self._sessions.minutes(instrument.exchange, day, cas_eligible=underlying.cas)
        before = self.courses.previous_level(underlying, day)
        is_index = instrument.kind == "index"
        tick = _INDEX_TICK if is_index else cash_tick(before)
        if course is None or not len(minutes):
            return _empty(instrument, day, tick, 1)
        at = _rows_of(course, minutes)
        prices = _on_grid(course.open[at], course.high[at], course.low[at], course.close[at], tick)
        if is_index:
            return DayPath(
                instrument.key, day, minutes, *prices, np.zeros(len(minutes), np.int64), None, tick, 1, EVERY_SECOND
            )
        share = _BSE_SHARE if instrument.exchange == "BSE" else 1.0
        shares = underlying.character.day_rupees * share / before
        volume = self._volume(instrument, day, shares * course.activity[at], 1)
        path = _traded(instrument, day, minutes, prices, volume, None, tick, 1, _prints(underlying, share))
        return self._with_auction(path, instrument, underlying, course, shares)

    def _with_auction(
        self, path: DayPath, instrument: Instrument, underlying: Underlying, course: Course, shares: float
    ) -> DayPath:
        """The path with the print of the closing auction, in which shares with derivatives find their close.

        It is near to where the derivatives, which trade on, see the share, and within three percent of its last price.
        """
        matching = self._sessions.auction_minutes(instrument.exchange, path.day) if underlying.cas else ()
        if not len(matching) or not len(path):
            return path
        hashed = mix(stable_hash(self._seed, "auction", underlying.symbol, path.day))
        minute = int(matching[hashed % len(matching)])
        row = max(int(np.searchsorted(course.minute, minute)) - 1, 0)
        last = float(path.close[-1])
        wanted = min(max(float(course.close[row]), last * (1 - _AUCTION_BAND)), last * (1 + _AUCTION_BAND))
        price = np.array([_rounded_one(wanted, path.tick_size)])
        volume = np.array([max(round(shares * _AUCTION_SHARE * (0.5 + hashed % 1009 / 1008)), 1)])
        return replace(
            path,
            minute=np.append(path.minute, minute),
            open=np.append(path.open, price),
            high=np.append(path.high, price),
            low=np.append(path.low, price),
            close=np.append(path.close, price),
            volume=np.append(path.volume, volume),
            auction=True,
        )

    def _derivative(self, instrument: Instrument, underlying: Underlying, day: date) -> DayPath:
        expiry = instrument.expiry or day
        course = self.courses.course(underlying, day)
        minutes = self._sessions.minutes(instrument.exchange, day, commodity=instrument.commodity)
        is_index = underlying.character.kind == "index"
        listed = expiry - timedelta(days=_INDEX_LISTED_DAYS if is_index else _LISTED_DAYS)
        tick = self._tick(instrument, underlying, day)
        lot = instrument.lot_size
        if course is None or not len(minutes) or not listed <= day <= expiry:
            return _empty(instrument, day, tick, lot)
        at = _rows_of(course, minutes)
        carry = _carry(expiry, day)
        opens, highs, lows, closes = (
            column[at] * carry for column in (course.open, course.high, course.low, course.close)
        )
        activity = course.activity[at]
        days_left = (expiry - day).days
        if instrument.kind == "future":
            prices = self._future_prices(instrument, day, opens, highs, lows, closes, tick)
            rupees = _INDEX_FUTURE_RUPEES if is_index else 0.6 * underlying.character.day_rupees
            lots = rupees * exp(-days_left / 14) / (float(closes[0]) * lot)
            busy = exp(-days_left / 40)
        else:
            strike = instrument.strike or 0.0
            years = np.maximum(_minutes_left(expiry, day, 0) - minutes, 0.0) / _YEAR_MINUTES
            vol = self._smile(underlying, day, closes, strike, years)
            is_call = instrument.right == "call"
            best, worst = (highs, lows) if is_call else (lows, highs)
            premium = black76.price(np.stack([opens, best, worst, closes]), strike, years, vol, is_call)
            prices = _on_grid(premium[0], premium[1], premium[2], premium[3], tick)
            spread = underlying.character.annual_volatility * max(days_left + 1.0, 3.0) ** 0.5 / 365**0.5
            away = abs(log(strike / float(closes[0]))) / spread if strike > 0 else 9.0
            most = _INDEX_OPTION_LOTS if is_index else _STOCK_OPTION_LOTS
            lots = most * exp(-0.5 * (away / 0.9) ** 2 - days_left / 9)
            busy = exp(-0.3 * away**2 - days_left / 40)
        volume = self._volume(instrument, day, lots * activity, lot)
        interest = self._interest(instrument, day, lots, volume)
        return _traded(instrument, day, minutes, prices, volume, interest, tick, lot, _prints(underlying, busy))

    def _future_prices(
        self,
        instrument: Instrument,
        day: date,
        opens: Floats,
        highs: Floats,
        lows: Floats,
        closes: Floats,
        tick: float,
    ) -> tuple[Floats, Floats, Floats, Floats]:
        # The basis breathes a little, so that a future is no mere copy of its underlying.
        basis = 1.0 + 1.2e-4 * generator(self._seed, "basis", instrument.key, day).standard_normal(len(closes) + 1)
        own_opens, own_closes = opens * basis[:-1], closes * basis[1:]
        calm = np.minimum(basis[:-1], basis[1:])
        return _on_grid(own_opens, highs * calm, lows * np.maximum(basis[:-1], basis[1:]), own_closes, tick)

    def _tick(self, instrument: Instrument, underlying: Underlying, day: date) -> float:
        if instrument.kind == "option":
            return instrument.tick_size if instrument.exchange == "MCX" else _OPTION_TICK
        if underlying.character.kind == "share":
            # By the day's own price, not by today's master: a past day must never change its prices.
            return cash_tick(self.courses.previous_level(underlying, day))
        return instrument.tick_size

    def _smile(self, underlying: Underlying, day: date, forward: Floats, strike: float, years: Floats) -> Floats:
        mood = mix(stable_hash(self._seed, "volatility", underlying.symbol, day)) % 2001 / 1000 - 1
        base = underlying.character.annual_volatility * exp(0.06 * mood)
        spread = base * np.sqrt(np.maximum(years, 3 / 365))
        with np.errstate(divide="ignore"):
            distance = np.clip(np.log(strike / forward) / spread, -4.0, 4.0)
        smile: Floats = base * (1.0 - 0.035 * distance + 0.03 * distance**2)
        return smile

    def _volume(self, instrument: Instrument, day: date, wanted: Floats, lot: int) -> Ints:
        luck = generator(self._seed, "volume", instrument.key, day).random(len(wanted))
        volume: Ints = np.floor(wanted + luck).astype(np.int64) * lot
        return volume

    def _interest(self, instrument: Instrument, day: date, lots: float, volume: Ints) -> Ints:
        before = self._closing_interest(instrument, self._sessions.previous_day(day), lots)
        after = self._closing_interest(instrument, day, lots)
        done = np.cumsum(volume) / max(int(volume.sum()), 1)
        interest: Ints = (before + np.round(done * (after - before))).astype(np.int64) * instrument.lot_size
        return interest

    def _closing_interest(self, instrument: Instrument, day: date, lots: float) -> int:
        own = mix(stable_hash(self._seed, "interest", instrument.key)) % 1000 / 1000 + 0.5
        mood = mix(stable_hash(self._seed, "interest", instrument.key, day)) % 1000 / 1000
        return int((lots * 0.4 + 20) * own * (0.92 + 0.16 * mood))


def _rows_of(course: Course, minutes: Ints) -> Ints:
    # BSE once traded on while NSE was down: a minute that the course does not have takes the next one that it has.
    rows: Ints = np.minimum(np.searchsorted(course.minute, minutes), len(course.minute) - 1)
    return rows


def _prints(underlying: Underlying, busy: float) -> int:
    """Prints in a busy minute: RELIANCE shows 60 a minute, Breeze passes 24 of a stock future on."""
    if underlying.character.kind == "index" and busy == 1.0:
        return EVERY_SECOND
    return max(4, min(24, round(24 * busy)))


def _carry(expiry: date, day: date) -> float:
    return exp(INTEREST_RATE * max((expiry - day).days, 0) / 365)


def _minutes_left(expiry: date, day: date, minute: int) -> float:
    return float((expiry - day).days * 1440 + _EXPIRY_MINUTE - minute)


def _rounded_one(price: float, tick: float) -> float:
    return round(max(round(price / tick), 1) * tick, 4)


def _on_grid(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats, tick: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Whole ticks, at least one, with high and low outside the body."""
    grid = np.maximum(np.round(np.stack([opens, highs, lows, closes]) / tick), 1.0)
    grid[1] = np.maximum(grid[1], np.maximum(grid[0], grid[3]))
    grid[2] = np.minimum(grid[2], np.minimum(grid[0], grid[3]))
    prices = np.round(grid * tick, 4)
    return prices[0], prices[1], prices[2], prices[3]


def _traded(
    instrument: Instrument,
    day: date,
    minutes: Ints,
    prices: tuple[Floats, Floats, Floats, Floats],
    volume: Ints,
    interest: Ints | None,
    tick: float,
    lot: int,
    prints: int,
) -> DayPath:
    """The path without the minutes in which nothing traded."""
    kept = volume > 0
    opens, highs, lows, closes = (column[kept] for column in prices)
    volume = volume[kept]
    # One or two trades cannot visit four prices.
    single = volume == lot
    few = volume < 4 * lot
    opens = np.where(single, closes, opens)
    highs = np.where(few, np.maximum(opens, closes), highs)
    lows = np.where(few, np.minimum(opens, closes), lows)
    oi = None if interest is None else interest[kept]
    return DayPath(instrument.key, day, minutes[kept], opens, highs, lows, closes, volume, oi, tick, lot, prints)


def _empty(instrument: Instrument, day: date, tick: float, lot: int) -> DayPath:
    none, nothing = np.zeros(0), np.zeros(0, np.int64)
    oi = nothing if instrument.is_derivative else None
    return DayPath(instrument.key, day, nothing, none, none, none, none, nothing, oi, tick, lot, 4)
