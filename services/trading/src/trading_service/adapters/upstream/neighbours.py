"""What a symbol means: asked from instruments, remembered for a while."""

import time
from collections import OrderedDict

from breezeway.contracts.instruments import Instrument, ResolveAnswer, ResolveRequest
from breezeway.errors import NotFound
from breezeway.http.client import ServiceClient

_INSTRUMENT_SECONDS = 300.0
_MOST = 20_000


class HttpInstruments:
    """Implements `ports.Instruments`. What was not found is asked again."""

    def __init__(self, instruments: ServiceClient) -> None:
        self._instruments = instruments
        self._known: OrderedDict[str, tuple[float, Instrument]] = OrderedDict()

    async def resolve(self, symbol: str) -> Instrument:
        known = self._known.get(symbol)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        answer = await self._instruments.call(
            "POST", "/internal/instruments/resolve", ResolveAnswer, json=ResolveRequest(symbols=[symbol])
        )
        found = answer.found.get(symbol)
        if found is None:
            raise NotFound(f"There is no instrument {symbol[:80]}.", code="instrument_not_found")
        self._known[symbol] = (time.monotonic() + _INSTRUMENT_SECONDS, found)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found
