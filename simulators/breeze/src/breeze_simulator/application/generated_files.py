"""Makes the generated master of a day, priced as the market is on that day."""

from collections.abc import Sequence
from datetime import date

from breeze_simulator.domain.character import character_of
from breeze_simulator.domain.generated_master import GeneratedMaster
from breeze_simulator.domain.sessions import Sessions
from breeze_simulator.domain.underlyings import Courses, PriceSource, Underlying
from breeze_simulator.domain.well_known import COMMODITIES, INDICES

_INDEX_EXCHANGES = {index.symbol: index.exchange for index in INDICES}
_COMMODITY_SYMBOLS = {commodity.symbol for commodity in COMMODITIES}


class GeneratedFiles:
    """Called with a day, answers (name, text) of its seven files."""

    def __init__(self, seed: int, sessions: Sessions, source: PriceSource) -> None:
        self._seed = seed
        self._sessions = sessions
        self._source = source

    def __call__(self, day: date) -> Sequence[tuple[str, str]]:
        before = self._sessions.previous_day(day)
        # Its own and short-lived: the chains of every listed share are needed once a day, not kept.
        courses = Courses(self._seed, self._sessions, self._source)

        def price_of(symbol: str, book_price: float) -> float:
            is_index = symbol in _INDEX_EXCHANGES
            exchange = _INDEX_EXCHANGES.get(symbol, "MCX" if symbol in _COMMODITY_SYMBOLS else "NSE")
            character = character_of(self._seed, symbol, is_index=is_index)
            return courses.level(Underlying(symbol, exchange, character, book_price), before)

        master = GeneratedMaster(
            self._seed, day, self._sessions.is_trading_day, price_of, sorted(self._source.symbols())
        )
        return master.files()
