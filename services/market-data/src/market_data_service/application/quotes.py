"""The latest price: from the user's live feed where it carries the instrument, else from the broker.

While the broker does not answer, what is known is given instead, with its age.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from breezeway.clock import Clock, epoch_ms
from breezeway.contracts.instruments import Instrument
from breezeway.errors import FieldFault, InvalidInput, Retryable
from market_data_service.application.leg_prices import PriceSource, StoredPrices
from market_data_service.application.ports import Broker, BrokerQuote, BrokerSessions, Instruments, Snapshots

MAX_SYMBOLS = 50
_STALE_MS = 15_000
"""A snapshot older than this may belong to a feed that nobody listens to any more."""


_UNKNOWN = (
    *("seq", "ltq", "bid", "bid_qty", "ask", "ask_qty", "open", "high", "low", "avg_price", "buy_qty", "sell_qty"),
    *("lower_band", "upper_band"),
)
"""What a stored candle does not say."""


class ReadQuotes:
    """Quotes in the form of tick messages, with their age."""

    def __init__(
        self,
        instruments: Instruments,
        snapshots: Snapshots,
        sessions: BrokerSessions,
        broker: Broker,
        stored: StoredPrices,
        clock: Clock,
    ) -> None:
        self._instruments = instruments
        self._snapshots = snapshots
        self._sessions = sessions
        self._broker = broker
        self._stored = stored
        self._clock = clock

    async def quotes(self, user_id: UUID, bearer: str, symbols: Sequence[str]) -> list[dict[str, Any]]:
        """One item a symbol, in the order asked.

        Raises:
            InvalidInput: no symbols, or more than 50.
            NotFound: `instrument_not_found`.
            Conflict: `broker_session_required`, when the broker has to be asked and there is no session.
            RateLimited, Retryable: the broker's, for an instrument of which nothing is known.
        """
        if not 1 <= len(symbols) <= MAX_SYMBOLS:
            message = f"name 1 to {MAX_SYMBOLS} symbols, separated by commas"
            raise InvalidInput(f"symbols: {message}.", faults=[FieldFault("query.symbols", message)])
        instruments = [await self._instruments.resolve(symbol, bearer) for symbol in symbols]
        live = await self._snapshots.latest(user_id, [each.symbol for each in instruments])
        now = epoch_ms(self._clock.now())
        return [await self._item(user_id, each, live.get(each.symbol), now) for each in instruments]

    async def _item(
        self, user_id: UUID, instrument: Instrument, live: Mapping[str, object] | None, now: int
    ) -> dict[str, Any]:
        if live is not None and now - int(str(live["ts"])) <= _STALE_MS:
            return _from_feed(live, now)
        try:
            credentials = await self._sessions.credentials(user_id)
            return _from_broker(instrument.symbol, await self._broker.quote(credentials, instrument), now)
        except Retryable:
            known = _from_feed(live, now) if live is not None else await self._from_store(instrument.symbol, now)
            if known is None:
                raise
            return {**known, "stale": True}

    async def _from_store(self, symbol: str, now: int) -> dict[str, Any] | None:
        found = (await self._stored.newest([symbol])).get(symbol)
        if found is None:
            return None
        at, before = epoch_ms(found.at), found.prev_close
        return {
            **dict.fromkeys(_UNKNOWN),
            "symbol": symbol,
            "ltp": found.close,
            "ltt": at,
            "prev_close": before,
            "change_pct": round(100 * (found.close / before - 1), 2) if before else None,
            "volume": found.volume,
            "oi": found.oi,
            "ts": at,
            "age_ms": max(0, now - at),
            "source": PriceSource.STORED,
        }


def _from_feed(live: Mapping[str, object], now: int) -> dict[str, Any]:
    told = {key: value for key, value in live.items() if key != "type"}
    return {**told, "age_ms": max(0, now - int(str(live["ts"]))), "source": PriceSource.FEED}


def _from_broker(symbol: str, quote: BrokerQuote, now: int) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "seq": None,
        "ltp": quote.ltp,
        "ltq": None,
        "ltt": epoch_ms(quote.at) if quote.at is not None else None,
        "bid": quote.bid,
        "bid_qty": quote.bid_qty,
        "ask": quote.ask,
        "ask_qty": quote.ask_qty,
        "open": quote.open,
        "high": quote.high,
        "low": quote.low,
        "prev_close": quote.prev_close,
        "change_pct": quote.change_pct,
        "volume": quote.volume,
        "avg_price": None,
        "oi": None,
        "buy_qty": None,
        "sell_qty": None,
        "lower_band": quote.lower_band,
        "upper_band": quote.upper_band,
        "ts": now,
        "age_ms": 0,
        "source": PriceSource.BROKER,
    }
