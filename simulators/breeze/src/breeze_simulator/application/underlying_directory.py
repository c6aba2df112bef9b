"""Finds what an instrument is priced from."""

from math import exp
from typing import Final

from breeze_simulator.domain.character import character_of
from breeze_simulator.domain.closes import ANCHOR_DAY
from breeze_simulator.domain.instruments import Instrument, Universe
from breeze_simulator.domain.path_book import INTEREST_RATE
from breeze_simulator.domain.underlyings import Underlying
from breeze_simulator.domain.well_known import COMMODITIES, INDICES, known_stocks

_FALLBACK_PRICE: Final = 100.0


class UnderlyingDirectory:
    """Underlyings of one universe, made once each.

    Args:
        from_master: take book prices from the master (a real one) rather than from what the simulator knows; a
            generated master holds the prices of its day, which must not feed back into the chain of closes.
    """

    def __init__(self, seed: int, universe: Universe, *, from_master: bool) -> None:
        self._seed = seed
        self._universe = universe
        self._from_master = from_master
        self._known: dict[tuple[str, str], Underlying] = {}

    def of(self, instrument: Instrument) -> Underlying:
        """The underlying of a derivative, or a share or index as its own."""
        key = (instrument.exchange, instrument.stock_code)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(instrument)
        return found

    def _make(self, instrument: Instrument) -> Underlying:
        cash = self._universe.underlying_of(instrument) if instrument.is_derivative else instrument
        if cash is None:
            return self._without_cash(instrument)
        if cash.exchange == "BSE" and cash.kind == "equity":
            # A company has one price: BSE follows NSE wherever both list it.
            twin = self._universe.by_symbol("NSE", cash.exchange_symbol)
            cash = twin if twin is not None and twin.kind == "equity" else cash
        is_index = cash.kind == "index"
        return Underlying(
            symbol=cash.exchange_symbol,
            exchange=cash.exchange,
            character=character_of(self._seed, cash.exchange_symbol, is_index=is_index),
            book_price=self._book_price(cash),
            cas=not is_index and self._universe.has_derivatives(cash),
        )

    def _without_cash(self, instrument: Instrument) -> Underlying:
        symbol = instrument.underlying or instrument.exchange_symbol
        exchange = "MCX" if instrument.exchange == "MCX" else "NSE"
        known = next((each.price for each in COMMODITIES if each.symbol == symbol), 0.0)
        price = self._future_price(instrument) if self._from_master or not known else known
        return Underlying(symbol, exchange, character_of(self._seed, symbol), price or known or _FALLBACK_PRICE)

    def _book_price(self, cash: Instrument) -> float:
        if self._from_master:
            price = self._future_price(cash) if cash.kind == "index" else cash.reference_price
            if price > 0:
                return price
        stock = known_stocks().get(cash.exchange_symbol)
        if stock is not None and cash.kind == "equity":
            return stock.price
        index = next((each.price for each in INDICES if each.symbol == cash.exchange_symbol), 0.0)
        return index or cash.reference_price or _FALLBACK_PRICE

    def _future_price(self, instrument: Instrument) -> float:
        """What the nearest future in the master says about spot; 0 without one."""
        exchange = {"NSE": "NFO", "BSE": "BFO"}.get(instrument.exchange, instrument.exchange)
        for expiry in self._universe.expiries(exchange, instrument.stock_code, "future"):
            future = self._universe.by_contract(exchange, instrument.stock_code, "futures", expiry)
            if future is not None and future.reference_price > 0:
                days = max((expiry - ANCHOR_DAY).days, 0)
                return future.reference_price * exp(-INTEREST_RATE * days / 365)
        return 0.0
