"""TradingView's UDF. Point `new Datafeeds.UDFCompatibleDatafeed("https://…/udf")` at it.

All but `config` and `time` need the user's bearer token. The stock adapter sends no headers of its own: give it a
`fetch` that does, or a proxy on your page's origin that adds the header. No credential is accepted in a URL.
Errors are UDF's: status 200 with `{"s":"error","errmsg":…}`; 401 and 403 have the same members.
"""

from typing import Annotated, cast

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse

from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import Reader
from market_data_service.api.udf_route import UdfRoute
from market_data_service.application.udf import HistoryQuery, Udf

router = APIRouter(prefix="/udf", tags=["TradingView UDF"], route_class=UdfRoute)

_FOREVER_AGO = 631_152_000
Symbol = Annotated[str, Query(max_length=96, examples=["NSE:RELIANCE"])]


async def _udf(request: Request) -> Udf:
    return cast(Udf, request.app.state.udf)


TheUdf = Annotated[Udf, Depends(_udf)]


@router.get("/config", name="udf_config")
async def config(udf: TheUdf) -> Response:
    """What the data feed can do."""
    return _answer(udf.config())


@router.get("/time", name="udf_time", response_class=PlainTextResponse)
async def time(udf: TheUdf) -> str:
    """The exchange's time in epoch seconds, as bare text."""
    return str(await udf.now())


@router.get("/symbols", name="udf_symbols")
async def symbols(udf: TheUdf, _user: Reader, bearer: BearerToken, symbol: Symbol) -> Response:
    """One symbol's properties: hours, price step, resolutions."""
    return _answer(await udf.symbol(symbol, bearer))


@router.get("/search", name="udf_search")
async def search(
    udf: TheUdf,
    _user: Reader,
    bearer: BearerToken,
    query: Annotated[str, Query(max_length=100)] = "",
    kind: Annotated[str, Query(alias="type", max_length=20)] = "",
    exchange: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 30,
) -> Response:
    """Symbols that match what was typed, best first."""
    return _answer(await udf.search(query, kind, exchange, limit, bearer))


@router.get("/history", name="udf_history")
async def history(
    udf: TheUdf,
    user: Reader,
    bearer: BearerToken,
    symbol: Symbol,
    resolution: Annotated[str, Query(max_length=8, examples=["15"])],
    end: Annotated[int, Query(alias="to", description="Exclusive, epoch seconds.")],
    start: Annotated[int, Query(alias="from", description="Inclusive, epoch seconds.")] = _FOREVER_AGO,
    countback: Annotated[int | None, Query(ge=0, description="So many bars before `to`; overrides `from`.")] = None,
) -> Response:
    """Bars as columns, with the forming one; `no_data` with `nextTime`, where the closest earlier bar is."""
    return _answer(await udf.history(HistoryQuery(symbol, resolution, start, end, countback), user.user_id, bearer))


@router.get("/quotes", name="udf_quotes")
async def quotes(
    udf: TheUdf,
    user: Reader,
    bearer: BearerToken,
    names: Annotated[str, Query(alias="symbols", max_length=5_000, examples=["NSE:RELIANCE,NSE:INFY"])],
) -> Response:
    """The latest prices, each with its age."""
    asked = [name.strip() for name in names.split(",") if name.strip()]
    return _answer(await udf.quotes(user.user_id, bearer, asked))


@router.get("/marks", name="udf_marks")
async def marks(_user: Reader) -> Response:
    """None yet; `config` says so, and a chart does not ask."""
    names = ("id", "time", "color", "text", "label", "labelFontColor", "minSize")
    return _answer({name: [] for name in names})


@router.get("/timescale_marks", name="udf_timescale_marks")
async def timescale_marks(_user: Reader) -> Response:
    """None yet."""
    return _answer([])


def _answer(body: object) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
