"""Candles and their coverage."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from breezeway.intervals import Interval, parse_interval
from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import Reader
from market_data_service.api.candle_formats import CONTENT_TYPES, TIMEZONE, renderer
from market_data_service.api.dependencies import TheCandles
from market_data_service.application.candles import DEFAULT_LIMIT, MAX_LIMIT, CandlesQuery
from market_data_service.domain.coverage import CoverageState
from market_data_service.domain.indicators.catalogue import parse as parse_indicators
from market_data_service.domain.times import parse_time

PublicState = Literal["complete", "partial", "missing", "holiday", "not_listed"]
_PUBLIC: Final[Mapping[CoverageState, PublicState]] = MappingProxyType(
    {
        CoverageState.COMPLETE: "complete",
        CoverageState.PARTIAL: "partial",
        CoverageState.HOLIDAY: "holiday",
        CoverageState.NOT_LISTED: "not_listed",
    }
)

router = APIRouter(prefix="/api/v1/candles", tags=["candles"])

Symbol = Annotated[
    str,
    Path(max_length=96, description="Canonical symbol or an alias of it.", examples=["NSE:RELIANCE"]),
]
IntervalText = Annotated[str, Query(max_length=8, description=f"One of {', '.join(Interval)}.", examples=["15m"])]
From = Annotated[
    str | None,
    Query(alias="from", max_length=40, description="Inclusive: RFC 3339, YYYY-MM-DD (midnight IST) or epoch seconds."),
]
To = Annotated[str | None, Query(alias="to", max_length=40, description="Exclusive; now when omitted.")]


class CandlesView(BaseModel):
    """Bars as columns. `t` is each bar's start in epoch seconds UTC."""

    symbol: str = Field(examples=["NSE:RELIANCE"])
    interval: str = Field(examples=["15m"])
    timezone: str = Field(TIMEZONE, description="In which days and sessions are meant.")
    t: list[int] = Field(examples=[[1795146300]])
    o: list[float]
    h: list[float]
    l: list[float]  # noqa: E741 - the contract's name
    c: list[float]
    v: list[int]
    oi: list[int] | None = Field(description="Open interest; null where the instrument has none.")
    indicators: dict[str, list[float | None]] = Field(
        default_factory=dict,
        description="By `name:parameters`, with `.output` where there are several.",
        examples=[{"sma:20": [1249.95], "bbands:20:2.upper": [1260.5]}],
    )
    complete: bool = Field(description="Whether every trading day of the range is stored whole.")
    next: str | None = Field(description="Pass it as `cursor` for the bars that did not fit into `limit`.")


class DayView(BaseModel):
    day: date
    state: PublicState = Field(examples=["complete"])
    reason: str | None = Field(
        None,
        description="Why the day is not complete: `day_not_over`, `stops_early`, `never_asked`, `nothing_upstream`, an "
        "error code, the name of the holiday; of a day on which the instrument was not listed `before_listing`, "
        "`before_first_bar`, `delisted` or `expired`.",
        examples=["day_not_over"],
    )
    bars: int
    expected: int = Field(description="Bars of an instrument that trades all the time; fewer may be all there are.")


class CoverageView(BaseModel):
    symbol: str = Field(examples=["NSE:RELIANCE"])
    interval: str = Field(examples=["1m"])
    days: list[DayView]


@router.get(
    "/{symbol}",
    response_model=CandlesView,
    responses={200: {"content": CONTENT_TYPES}},
)
async def read_candles(
    symbol: Symbol,
    user: Reader,
    bearer: BearerToken,
    candles: TheCandles,
    interval: IntervalText = "1m",
    start: From = None,
    end: To = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    form: Annotated[
        str, Query(alias="format", max_length=16, description="json, csv, arrow (a stream) or parquet")
    ] = "json",
    indicators: Annotated[
        str | None,
        Query(
            max_length=500,
            description="Names with parameters, as `GET /api/v1/indicators` lists them.",
            examples=["sma:20,rsi:14,bbands:20:2"],
        ),
    ] = None,
    adjusted: Annotated[
        bool, Query(description="In today's shares, by the corporate actions that this deployment was given.")
    ] = False,
    cursor: Annotated[
        str | None,
        Query(max_length=40, description="`next` of the answer before, with the same query; stands in for `from`."),
    ] = None,
    live: Annotated[bool, Query(description="Add the newest bars of your feed, the forming one too.")] = False,
) -> Response:
    """Bars that start in [from, to), ascending, anchored at the session open. Without `from`: the newest `limit` bars.

    Answers what is stored, and says with `complete` whether something is lacking; `POST /api/v1/backfills` fetches it.
    """
    render = renderer(form)
    begins = parse_time(start, "query.from") if start is not None else None
    query = CandlesQuery(
        symbol=symbol,
        interval=parse_interval(interval),
        start=begins,
        cursor=cursor,
        end=parse_time(end, "query.to") if end is not None else None,
        limit=limit,
        live_for=user.user_id if live else None,
        indicators=parse_indicators(indicators or ""),
        adjusted=adjusted,
    )
    return render(await candles.candles(query, bearer))


@router.get("/{symbol}/coverage")
async def read_coverage(
    symbol: Symbol,
    _user: Reader,
    bearer: BearerToken,
    candles: TheCandles,
    interval: IntervalText = "1m",
    start: From = None,
    end: To = None,
) -> CoverageView:
    """Day by day what is stored of 1s, 1m, 5m, 30m or 1d bars; the last year unless `from` says otherwise."""
    found, days = await candles.coverage(
        symbol,
        parse_interval(interval),
        parse_time(start, "query.from") if start is not None else None,
        parse_time(end, "query.to") if end is not None else None,
        bearer,
    )
    return CoverageView(
        symbol=found.symbol,
        interval=interval,
        days=[
            DayView(
                day=each.day,
                # Why the broker gave nothing is a reason, not a state of its own for users.
                state=_PUBLIC.get(each.state, "missing"),
                reason=each.reason or (each.state if each.state.startswith("upstream_") else None),
                bars=each.bars,
                expected=each.expected,
            )
            for each in days
        ],
    )
