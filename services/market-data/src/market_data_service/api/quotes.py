"""Latest prices."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import Reader
from market_data_service.api.dependencies import TheQuotes
from market_data_service.application.leg_prices import PriceSource

router = APIRouter(prefix="/api/v1/quotes", tags=["quotes"])


class QuoteView(BaseModel):
    """The tick's fields; null where the source does not say. Times are epoch milliseconds."""

    symbol: str = Field(examples=["NSE:RELIANCE"])
    seq: int | None = None
    ltp: float = Field(examples=[1249.95])
    ltq: int | None = None
    ltt: int | None = Field(None, description="Last trade, exchange time.")
    bid: float | None = None
    bid_qty: int | None = None
    ask: float | None = None
    ask_qty: int | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    prev_close: float | None = None
    change_pct: float | None = None
    volume: int | None = None
    avg_price: float | None = None
    oi: int | None = None
    buy_qty: int | None = None
    sell_qty: int | None = None
    lower_band: float | None = None
    upper_band: float | None = None
    ts: int = Field(description="When we received it.")
    age_ms: int = Field(description="How old it is now; 0 when it was just asked of the broker.")
    source: PriceSource = Field(description="`stored` is the close of the newest candle.")
    stale: bool = Field(False, description="The broker does not answer, so this is the newest that is known.")


class QuotesView(BaseModel):
    items: list[QuoteView]


@router.get("")
async def read_quotes(
    user: Reader,
    bearer: BearerToken,
    quotes: TheQuotes,
    symbols: Annotated[str, Query(max_length=5_000, examples=["NSE:RELIANCE,NSE:INFY"])],
) -> QuotesView:
    """The latest quote of up to 50 symbols: from the caller's live feed, else one broker call a symbol.

    While the broker does not answer, an item is what is known, `stale` and with its age; it fails only for an
    instrument of which nothing is known."""
    names = [name.strip() for name in symbols.split(",") if name.strip()]
    items = await quotes.quotes(user.user_id, bearer, names)
    return QuotesView(items=[QuoteView.model_validate(item) for item in items])
