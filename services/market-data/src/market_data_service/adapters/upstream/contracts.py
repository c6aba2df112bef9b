"""Contracts of an underlying, asked of the instruments service."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import quote

from pydantic import BaseModel

from breezeway.contracts.instruments import Instrument
from breezeway.http.client import ServiceClient

_REMEMBER_SECONDS = 60.0
_REMEMBER = 200
_PAGE = 500


class _Expiries(BaseModel):
    underlying: str
    items: list[date]


class _Page(BaseModel):
    items: list[Instrument]
    next: str | None


class HttpContracts:
    """`Contracts`. Lists of contracts are remembered for a minute."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str, date | None], tuple[float, list[Instrument]]] = {}

    async def expiries(self, underlying: str, exchange: str, bearer: str) -> tuple[str, Sequence[date]]:
        path = f"/api/v1/instruments/{quote(underlying, safe='')}/expiries"
        found = await self._client.call("GET", path, _Expiries, params={"exchange": exchange}, bearer=bearer)
        return found.underlying, found.items

    async def options(self, code: str, exchange: str, expiry: date, bearer: str) -> Sequence[Instrument]:
        return await self._listed((code, exchange, expiry), {"type": "option", "expiry": expiry.isoformat()}, bearer)

    async def futures(self, code: str, exchange: str, bearer: str) -> Sequence[Instrument]:
        return await self._listed((code, exchange, None), {"type": "future"}, bearer)

    async def _listed(
        self, key: tuple[str, str, date | None], wanted: Mapping[str, str], bearer: str
    ) -> Sequence[Instrument]:
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        params: dict[str, str | int] = {"underlying": key[0], "exchange": key[1], "limit": _PAGE, **wanted}
        found: list[Instrument] = []
        while True:
            page = await self._client.call("GET", "/api/v1/instruments", _Page, params=params, bearer=bearer)
            found += page.items
            if page.next is None:
                break
            params["cursor"] = page.next
        self._known.pop(key, None)
        self._known[key] = (time.monotonic() + _REMEMBER_SECONDS, found)
        while len(self._known) > _REMEMBER:
            del self._known[next(iter(self._known))]
        return found
