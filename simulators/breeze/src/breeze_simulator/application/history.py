"""`historicalcharts`, old and new."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal

from breeze_simulator.application.ports import MarketView
from breeze_simulator.domain import wire
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.wire import Row


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """What is only guessed about the broker's history.

    `keep` says which end of a too long answer survives the cap of v2. `v1_drops_first_bar` repeats the official sample,
    where v1 leaves out the first minute that v2 has.
    """

    cap: int = 1_000
    keep: Literal["first", "last"] = "first"
    v1_drops_first_bar: bool = True
    v1_day_label: time = time(12, 0)


class History:
    """Closed bars, as far as the exchange clock has come. Expired contracts are served too."""

    def __init__(self, market: MarketView, refusals: Refusals, rules: HistoryRules) -> None:
        self._market = market
        self._refusals = refusals
        self._rules = rules

    def v1(self, fields: Mapping[str, object]) -> list[Row]:
        """Rows of v1.

        Raises:
            BrokerRefusal: `Historical Data Fail`, which is all that v1 ever says.
        """
        query = wire.parse_contract(fields)
        interval = wire.V1_INTERVALS.get(str(fields.get("interval", "")).lower())
        start = wire.parse_moment(str(fields.get("from_date", "")))
        end = wire.parse_moment(str(fields.get("to_date", "")))
        if query.exchange not in wire.V1_HISTORY_EXCHANGES or interval is None or start is None or end is None:
            raise self._refusals.history_failed()
        instrument = self._find(query)
        if instrument is None:
            raise self._refusals.history_failed()
        bars = self._market.bars(instrument, interval, start, end)
        if self._rules.v1_drops_first_bar and interval != "1day":
            # Only the bar at the asked start is missing, so a range that begins before the session loses nothing.
            starts_there = len(bars) > 0 and int(bars.time[0]) == int(start.timestamp())
            bars = bars.slice(int(starts_there), len(bars))
        return wire.history_rows_v1(instrument, bars, interval, self._rules.v1_day_label)

    def v2(self, fields: Mapping[str, object]) -> list[Row]:
        """Rows of v2, at most the cap; nothing at all for whatever it does not know."""
        query = wire.parse_contract(fields, exchange_field="exch_code")
        interval = wire.V2_INTERVALS.get(str(fields.get("interval", "")).lower())
        start = wire.parse_moment(str(fields.get("from_date", "")))
        end = wire.parse_moment(str(fields.get("to_date", "")))
        if query.exchange not in wire.V2_HISTORY_EXCHANGES or interval is None or start is None or end is None:
            return []
        instrument = self._find(query)
        if instrument is None:
            return []
        bars = self._market.bars(instrument, interval, start, end)
        excess = max(0, len(bars) - self._rules.cap)
        bars = bars.slice(excess, len(bars)) if self._rules.keep == "last" else bars.slice(0, len(bars) - excess)
        return wire.history_rows_v2(instrument, bars)

    def _find(self, query: wire.ContractQuery) -> Instrument | None:
        return self._market.contract(
            query.exchange, query.stock_code, query.product, query.expiry, query.strike, query.right
        )
