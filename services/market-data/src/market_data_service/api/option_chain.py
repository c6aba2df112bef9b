"""Option chains with prices, implied volatilities and Greeks."""

from datetime import date, datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from breezeway.clock import IST
from breezeway.http.fields import Day
from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import Reader
from market_data_service.application.leg_prices import PriceSource
from market_data_service.application.option_chain import Chain, ChainQuery, Leg, ReadOptionChain

router = APIRouter(prefix="/api/v1/option-chain", tags=["option chain"])


class LegView(BaseModel):
    """One option; null is unknown. Delta and gamma are to the forward, theta a day, vega a volatility point."""

    symbol: str = Field(examples=["NFO:NIFTY24NOV2626000CE"])
    lot_size: int
    ltp: float | None
    bid: float | None
    ask: float | None
    volume: int | None
    oi: int | None = Field(description="Open interest.")
    oi_change: int | None = Field(description="Since yesterday's close.")
    prev_close: float | None
    iv: float | None = Field(description="Implied volatility, a fraction a year: 0.15 is 15 %.", examples=[0.13])
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    live: bool = Field(description="Whether the price is from your feed, a moment ago.")
    source: PriceSource | None = Field(
        description="Your feed, the broker, or the newest stored candle; null: no price."
    )
    age_ms: int | None = Field(description="How old the price is; null when there is none.")
    stale: bool = Field(description="Whether the price is older than 15 seconds, or there is none.")


class StrikeView(BaseModel):
    strike: float = Field(examples=[26000])
    call: LegView | None
    put: LegView | None


class OptionChainView(BaseModel):
    """`pcr`, `pcr_volume` and `max_pain` are of the whole chain, also of strikes that were not asked for."""

    underlying: str = Field(examples=["NIFTY"])
    exchange: str = Field(examples=["NFO"])
    expiry: date
    expires_at: datetime = Field(description="End of trading on the expiry day.")
    as_of: datetime = Field(description="Exchange time of the answer.")
    days_to_expiry: float
    model: Literal["black76"] = "black76"
    rate: float = Field(description="Risk-free rate used for discounting, a fraction a year.")
    spot: float | None = Field(description="The underlying beside the broker's chain.")
    forward: float | None = Field(description="Implied by put-call parity around the money.")
    atm: float | None = Field(description="The strike nearest to the forward; null when no price tells it.")
    pcr: float | None = Field(description="Put-call ratio of open interest.")
    pcr_volume: float | None
    max_pain: float | None
    stale: bool = Field(description="Whether no price of the chain is fresh.")
    degraded: str | None = Field(
        description="Why the broker's prices are missing; null when they are not.", examples=["broker_session_required"]
    )
    strikes: list[StrikeView]


async def _reader(request: Request) -> ReadOptionChain:
    return cast(ReadOptionChain, request.app.state.option_chain)


@router.get("/{underlying}", name="read_option_chain")
async def read_option_chain(
    user: Reader,
    bearer: BearerToken,
    reader: Annotated[ReadOptionChain, Depends(_reader)],
    underlying: Annotated[str, Path(max_length=64, description="Code or symbol.", examples=["NIFTY"])],
    expiry: Annotated[Day | None, Query(description="The next one when omitted.", examples=["2026-11-24"])] = None,
    exchange: Annotated[
        Literal["NFO", "BFO", "MCX", "CDS"] | None, Query(description="Where the options are listed.")
    ] = None,
    strikes: Annotated[int, Query(ge=1, le=500, description="At most so many on each side of the money.")] = 20,
    greeks: Annotated[bool, Query(description="Whether to compute iv and Greeks.")] = True,
    rate: Annotated[float, Query(ge=0, le=0.5, description="Risk-free rate, a fraction a year.")] = 0.0,
) -> OptionChainView:
    """One expiry's calls and puts by strike. Prices are your feed's where it carries the option, else the broker's; and
    where neither can be had (no session, commodities), the newest stored ones, marked stale with their age."""
    query = ChainQuery(underlying, exchange, expiry, strikes, greeks, rate)
    return _view(await reader.chain(query, user.user_id, bearer))


def _view(chain: Chain) -> OptionChainView:
    return OptionChainView(
        underlying=chain.underlying,
        exchange=chain.exchange,
        expiry=chain.expiry,
        expires_at=chain.expires_at.astimezone(IST),
        as_of=chain.at.astimezone(IST),
        days_to_expiry=round(chain.years * 365, 4),
        rate=chain.rate,
        spot=chain.spot,
        forward=chain.figures.forward,
        atm=chain.figures.atm,
        pcr=chain.figures.pcr,
        pcr_volume=chain.figures.pcr_volume,
        max_pain=chain.figures.max_pain,
        stale=chain.stale,
        degraded=chain.degraded,
        strikes=[StrikeView(strike=strike, call=_leg(call), put=_leg(put)) for strike, call, put in chain.rows],
    )


def _leg(leg: Leg | None) -> LegView | None:
    if leg is None:
        return None
    priced, worth = leg.priced, leg.values
    quote = priced.quote
    return LegView(
        symbol=leg.instrument.symbol,
        lot_size=leg.instrument.lot_size,
        ltp=quote.ltp,
        bid=quote.bid,
        ask=quote.ask,
        volume=quote.volume,
        oi=quote.oi,
        oi_change=quote.oi_change,
        prev_close=quote.prev_close,
        iv=worth.iv,
        delta=worth.delta,
        gamma=worth.gamma,
        theta=worth.theta,
        vega=worth.vega,
        live=priced.source is PriceSource.FEED and not priced.stale,
        source=priced.source,
        age_ms=priced.age_ms,
        stale=priced.stale,
    )
