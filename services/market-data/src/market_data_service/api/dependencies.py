"""The use cases, as `bootstrap` left them in `app.state`."""

from typing import Annotated, cast

from fastapi import Depends, Request

from market_data_service.application.backfills import Backfills
from market_data_service.application.candles import ReadCandles
from market_data_service.application.market_status import ReadMarketStatus
from market_data_service.application.quotes import ReadQuotes


async def _candles(request: Request) -> ReadCandles:
    return cast(ReadCandles, request.app.state.candles)


async def _backfills(request: Request) -> Backfills:
    return cast(Backfills, request.app.state.backfills)


async def _quotes(request: Request) -> ReadQuotes:
    return cast(ReadQuotes, request.app.state.quotes)


async def _market(request: Request) -> ReadMarketStatus:
    return cast(ReadMarketStatus, request.app.state.market_status)


TheCandles = Annotated[ReadCandles, Depends(_candles)]
TheBackfills = Annotated[Backfills, Depends(_backfills)]
TheQuotes = Annotated[ReadQuotes, Depends(_quotes)]
TheMarket = Annotated[ReadMarketStatus, Depends(_market)]
