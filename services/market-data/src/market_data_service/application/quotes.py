"""The latest price: from the user's live feed where it carries the instrument, else from the broker."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from breezeway.clock import Clock, epoch_ms
from breezeway.contracts.instruments import Instrument
from breezeway.errors import FieldFault, InvalidInput
from market_data_service.application.ports import Broker, BrokerQuote, BrokerSessions, Instruments, Snapshots

MAX_SYMBOLS = 50
_STALE_MS = 15_000
"""A snapshot older than this may belong to a feed that nobody listens to any more."""


class ReadQuotes:
    """Quotes in the form of tick messages, with their age."""

    def __init__(
        self,
        instruments: Instruments,
        snapshots: Snapshots,
        sessions: BrokerSessions,
        broker: Broker,
        clock: Clock,
    ) -> None:
        self._instruments = instruments
        self._snapshots = snapshots
        self._sessions = sessions
        self._broker = broker
        self._clock = clock

    async def quotes(self, user_id: UUID, bearer: str, symbols: Sequence[str]) -> list[dict[str, Any]]:
        """One item a symbol, in the order asked.

        Raises:
            InvalidInput: no symbols, or more than 50.
            NotFound: `instrument_not_found`.
            Conflict: `broker_session_required`, when the broker has to be asked and there is no session.
            RateLimited, Retryable: the broker's.
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
        if live is not None:
            age = now - int(str(live["ts"]))
            if age <= _STALE_MS:
                return {**{key: value for key, value in live.items() if key != "type"}, "age_ms": max(0, age)}
        credentials = await self._sessions.credentials(user_id)
        return _from_broker(instrument.symbol, await self._broker.quote(credentials, instrument), now)


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
    }
