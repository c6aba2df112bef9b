"""`quotes` and `optionchain`: live contracts only."""

from collections.abc import Iterable, Mapping

from breeze_simulator.application import contracts
from breeze_simulator.application.ports import MarketView
from breeze_simulator.domain import wire
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.wire import ContractQuery, Row


class Quotes:
    """Answers from the one market state that also feeds the sockets."""

    def __init__(self, market: MarketView, refusals: Refusals) -> None:
        self._market = market
        self._refusals = refusals

    def quotes(self, fields: Mapping[str, object]) -> list[Row]:
        """One row; for BSE two, of which the second is BSE's own (the SDK relies on that).

        Raises:
            BrokerRefusal: the code is unknown, or the contract is not alive.
        """
        query = wire.parse_contract(fields)
        instrument = contracts.find(self._market.universe, query)
        if instrument is None:
            raise self._missing(query)
        row = self._row(instrument)
        if query.exchange != "BSE":
            return [row]
        twin = self._market.universe.by_contract("NSE", query.stock_code, "cash")
        return [self._row(twin) if twin else dict(row), row]

    def option_chain(self, fields: Mapping[str, object]) -> list[Row]:
        """Every contract that fits at least two of expiry, strike and right; for futures, every expiry that fits.

        Raises:
            BrokerRefusal: the code is unknown, or nothing fits.
        """
        query = wire.parse_contract(fields)
        found = list(self._futures(query) if query.product == "futures" else self._options(query))
        if not found:
            raise self._missing(query)
        return [wire.chain_row(i, self._market.snapshot(i)) for i in found]

    def _futures(self, query: ContractQuery) -> Iterable[Instrument]:
        universe = self._market.universe
        for expiry in universe.expiries(query.exchange, query.stock_code, "future"):
            if query.expiry in (None, expiry):
                future = universe.by_contract(query.exchange, query.stock_code, "futures", expiry)
                if future is not None:
                    yield future

    def _options(self, query: ContractQuery) -> Iterable[Instrument]:
        if query.product != "options" or [query.expiry, query.strike or None, query.right].count(None) > 1:
            return
        for expiry in self._market.universe.expiries(query.exchange, query.stock_code, "option"):
            if query.expiry not in (None, expiry):
                continue
            for option in self._market.universe.chain(query.exchange, query.stock_code, expiry):
                if query.right is not None and option.right != query.right:
                    continue
                if query.strike and abs((option.strike or 0.0) - query.strike) > 1e-6:
                    continue
                yield option

    def _row(self, instrument: Instrument) -> Row:
        return wire.quote_row(instrument, self._market.snapshot(instrument))

    def _missing(self, query: ContractQuery) -> Exception:
        universe = self._market.universe
        known = query.exchange in wire.DERIVATIVE_EXCHANGES and (
            universe.expiries(query.exchange, query.stock_code, "future")
            or universe.expiries(query.exchange, query.stock_code, "option")
        )
        return self._refusals.no_data() if known else self._refusals.unknown_stock()
