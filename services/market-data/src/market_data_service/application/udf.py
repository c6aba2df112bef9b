"""TradingView's UDF over our candles, symbols and quotes (MARKET facts: times in seconds UTC, `to` exclusive)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from breezeway.clock import epoch_ms
from breezeway.contracts.instruments import Instrument, InstrumentType
from breezeway.errors import BreezewayError, Conflict, RateLimited, Retryable
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.candles import MAX_LIMIT, CandlesAnswer, CandlesQuery, ReadCandles
from market_data_service.application.leg_prices import StoredPrice, StoredPrices
from market_data_service.application.ports import ExchangeTime, Instruments
from market_data_service.application.quotes import MAX_SYMBOLS, ReadQuotes
from market_data_service.domain.times import ist_date
from market_data_service.domain.udf import (
    RESOLUTIONS,
    TYPES,
    exceptions,
    interval_of,
    price_step,
    session_of,
    shift_of,
)

EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "NSE_INDEX", "BSE_INDEX")
_LONGEST = timedelta(days=10_000)
_MULTIPLIERS = ["1", "3", "5", "10", "15", "30", "60", "120", "240"]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """`countback` overrides `start`: that many bars before `end`, however old."""

    symbol: str
    resolution: str
    start: int
    end: int
    countback: int | None = None


class Udf:
    """Answers in UDF's own shapes."""

    def __init__(
        self,
        candles: ReadCandles,
        quotes: ReadQuotes,
        stored: StoredPrices,
        instruments: Instruments,
        calendar: MarketCalendar,
        time: ExchangeTime,
    ) -> None:
        self._candles = candles
        self._quotes = quotes
        self._stored = stored
        self._instruments = instruments
        self._calendar = calendar
        self._time = time

    def config(self) -> dict[str, Any]:
        return {
            "supported_resolutions": list(RESOLUTIONS),
            "supports_search": True,
            "supports_group_request": False,
            "supports_marks": False,
            "supports_timescale_marks": False,
            "supports_time": True,
            "exchanges": [
                {"value": "", "name": "All", "desc": "All exchanges"},
                *({"value": name, "name": name, "desc": name.replace("_", " ")} for name in EXCHANGES),
            ],
            "symbols_types": [
                {"name": "All", "value": ""},
                *({"name": kind.title(), "value": kind} for kind in ("stock", "index", "futures", "option")),
            ],
            "currency_codes": ["INR"],
        }

    async def now(self) -> int:
        """The exchange's time, which a chart draws its countdown by."""
        return int((await self._time.now()).timestamp())

    async def symbol(self, name: str, bearer: str) -> dict[str, Any]:
        """Raises:
        NotFound: `instrument_not_found`.
        """
        instrument = await self._instruments.resolve(name, bearer)
        segment = self._calendar.segment_of(instrument.exchange, instrument.underlying)
        today = ist_date(await self._time.now())
        minmov, scale = price_step(instrument.tick_size)
        year = timedelta(days=365)
        holidays, corrections = exceptions(self._calendar, segment, today - year, today + year)
        is_index = instrument.type is InstrumentType.INDEX
        expiry = instrument.expiry
        return {
            "name": instrument.symbol.partition(":")[2],
            "full_name": instrument.symbol,
            "ticker": instrument.symbol,
            "description": instrument.name,
            "type": TYPES[instrument.type],
            "exchange": instrument.exchange,
            "listed_exchange": instrument.exchange,
            "timezone": "Asia/Kolkata",
            "session": session_of(self._calendar, segment, today),
            "session_holidays": holidays,
            "holidays": holidays,
            "corrections": corrections,
            "minmov": minmov,
            "pricescale": scale,
            "minmove2": 0,
            "fractional": False,
            "has_intraday": True,
            "intraday_multipliers": _MULTIPLIERS,
            "has_seconds": True,
            "seconds_multipliers": ["1", "5"],
            "has_daily": True,
            "has_weekly_and_monthly": True,
            "supported_resolutions": list(RESOLUTIONS),
            "has_empty_bars": False,
            "has_no_volume": is_index,
            "visible_plots_set": "ohlc" if is_index else "ohlcv",
            "volume_precision": 0,
            "data_status": "streaming",
            "format": "price",
            "currency_code": "INR",
            "expired": instrument.status != "active",
            **({"expiration_date": _midnight_utc(expiry.toordinal())} if expiry is not None else {}),
        }

    async def search(self, query: str, kind: str, exchange: str, limit: int, bearer: str) -> list[dict[str, Any]]:
        """Best first; nothing for a type or an exchange that we do not have."""
        types = {theirs: ours for ours, theirs in TYPES.items()}
        if not query.strip() or (exchange and exchange not in EXCHANGES) or (kind and kind not in types):
            return []
        found = await self._instruments.search(query, exchange or None, types[kind] if kind else None, limit, bearer)
        return [
            {
                "symbol": each.symbol.partition(":")[2],
                "full_name": each.symbol,
                "description": each.name,
                "exchange": each.exchange,
                "ticker": each.symbol,
                "type": TYPES[each.type],
            }
            for each in found
        ]

    async def history(self, asked: HistoryQuery, user_id: UUID, bearer: str) -> dict[str, Any]:
        """Raises:
        InvalidInput: `unsupported_interval`, `invalid_range`.
        NotFound: `instrument_not_found`.
        """
        interval = interval_of(asked.resolution)
        shift = shift_of(interval)
        latest = (await self._time.now()) + timedelta(days=1)
        end = min(_moment(asked.end - shift), latest)
        start = max(_moment(asked.start - shift), end - _LONGEST)
        live_for = user_id if interval.base is not Interval.SECOND_1 else None
        if asked.countback == 0:
            # The stock adapter counts down what it still wants, and asks once more when nothing is left.
            return {"s": "no_data"}
        if asked.countback is not None:
            limit = min(asked.countback, MAX_LIMIT)
            query = CandlesQuery(asked.symbol, interval, None, end, limit, live_for)
        elif start < end:
            query = CandlesQuery(asked.symbol, interval, start, end, MAX_LIMIT, live_for)
        else:
            return await self._no_data(asked.symbol, interval, end, bearer)
        answer = await self._candles.candles(query, bearer)
        bars = answer.candles
        if not len(bars):
            return await self._no_data(asked.symbol, interval, min(start, end), bearer)
        return {"s": "ok", "t": bars.t + shift, "o": bars.o, "h": bars.h, "l": bars.l, "c": bars.c, "v": bars.v}

    async def quotes(self, user_id: UUID, bearer: str, symbols: Sequence[str]) -> dict[str, Any]:
        """One entry a symbol; one that fails does not take the others with it.

        Where neither feed nor broker can be asked, the newest stored price is answered, with its age.
        """
        return {"s": "ok", "d": [await self._quote(user_id, bearer, name) for name in symbols[:MAX_SYMBOLS]]}

    async def _quote(self, user_id: UUID, bearer: str, name: str) -> dict[str, Any]:
        try:
            instrument = await self._instruments.resolve(name, bearer)
            try:
                (quote,) = await self._quotes.quotes(user_id, bearer, [name])
            except (Conflict, RateLimited, Retryable):
                stored = (await self._stored.newest([instrument.symbol])).get(instrument.symbol)
                if stored is None:
                    raise
                return {"s": "ok", "n": name, "v": await self._old_values(name, instrument, stored)}
        except BreezewayError as error:
            return {"s": "error", "n": name, "v": {}, "errmsg": error.code}
        return {"s": "ok", "n": name, "v": _quote_values(name, instrument, quote)}

    async def _old_values(self, name: str, instrument: Instrument, stored: StoredPrice) -> dict[str, Any]:
        age = epoch_ms(await self._time.now()) - epoch_ms(stored.at)
        quote = dict.fromkeys(("bid", "ask", "open", "high", "low"))
        known = {"ltp": stored.close, "prev_close": stored.prev_close, "volume": stored.volume, "age_ms": max(0, age)}
        return _quote_values(name, instrument, quote | known)

    async def _no_data(self, symbol: str, interval: Interval, before: datetime, bearer: str) -> dict[str, Any]:
        earlier: CandlesAnswer = await self._candles.candles(CandlesQuery(symbol, interval, None, before, 1), bearer)
        if not len(earlier.candles):
            return {"s": "no_data"}
        return {"s": "no_data", "nextTime": int(earlier.candles.t[-1]) + shift_of(interval)}


def _quote_values(name: str, instrument: Instrument, quote: Mapping[str, Any]) -> dict[str, Any]:
    last, previous, bid, ask = quote["ltp"], quote["prev_close"], quote["bid"], quote["ask"]
    change = None if previous is None else round(last - previous, 4)
    return {
        "ch": change,
        "chp": None if change is None or not previous else round(100 * change / previous, 2),
        "short_name": instrument.symbol.partition(":")[2],
        "exchange": instrument.exchange,
        "description": instrument.name,
        "lp": last,
        "ask": ask,
        "bid": bid,
        "spread": None if bid is None or ask is None else round(ask - bid, 4),
        "open_price": quote["open"],
        "high_price": quote["high"],
        "low_price": quote["low"],
        "prev_close_price": previous,
        "volume": quote["volume"],
        "original_name": name,
        "age_ms": quote["age_ms"],
    }


def _moment(seconds: int) -> datetime:
    # Charts ask from before the beginning of everything.
    return datetime.fromtimestamp(max(631_152_000, min(seconds, 4_102_444_800)), UTC)


def _midnight_utc(ordinal: int) -> int:
    return int(datetime.fromordinal(ordinal).replace(tzinfo=UTC).timestamp())
