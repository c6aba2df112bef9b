"""Symbols, asked of the instruments service in the user's name."""

import time
from collections import OrderedDict
from urllib.parse import quote

from pydantic import BaseModel

from breezeway.contracts.instruments import Instrument, InstrumentType, ListedInstrument
from breezeway.errors import NotFound
from breezeway.http.client import ServiceClient

_REMEMBER_SECONDS = 60.0
_REMEMBER = 20_000


class HttpInstruments:
    """`Instruments`. What was found is remembered for a minute; what was not found is asked again."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._known: OrderedDict[str, tuple[float, ListedInstrument]] = OrderedDict()

    async def resolve(self, symbol: str, bearer: str) -> ListedInstrument:
        known = self._known.get(symbol)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if "/" in symbol:
            # A server decodes %2F before it routes: the rest of such a "symbol" would choose another route.
            raise NotFound(f"There is no instrument {symbol!r}.", code="instrument_not_found")
        path = f"/api/v1/instruments/{quote(symbol, safe='')}"
        found = await self._client.call("GET", path, ListedInstrument, bearer=bearer)
        self._known[symbol] = (time.monotonic() + _REMEMBER_SECONDS, found)
        self._known.move_to_end(symbol)
        if len(self._known) > _REMEMBER:
            self._known.popitem(last=False)
        return found

    async def search(
        self, query: str, exchange: str | None, kind: InstrumentType | None, limit: int, bearer: str
    ) -> list[Instrument]:
        params: dict[str, str | int] = {"q": query, "limit": limit}
        if exchange is not None:
            params["exchange"] = exchange
        if kind is not None:
            params["type"] = kind.value
        page = await self._client.call("GET", "/api/v1/instruments/search", _Found, params=params, bearer=bearer)
        return page.items


class _Found(BaseModel):
    items: list[Instrument]
