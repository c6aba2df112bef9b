"""Search, lists, expiries and single instruments."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator

from breezeway.contracts.instruments import InstrumentDetail, InstrumentType, Right
from breezeway.http.fields import Day
from breezeway.security.scopes import Reader
from instruments_service.api.dependencies import TheInstruments, TheSearch
from instruments_service.api.schemas import ContractExchange, Expiries, InstrumentPage, ListedExchange, Status
from instruments_service.application.ports import ListFilter

router = APIRouter(prefix="/api/v1/instruments", tags=["instruments"])

_SPOKEN_RIGHTS = {"CE": "call", "PE": "put"}


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _right(value: object) -> object:
    return _SPOKEN_RIGHTS.get(value.upper(), value.lower()) if isinstance(value, str) else value


ExchangeParam = Annotated[ListedExchange | None, BeforeValidator(_upper), Query(description="Only of this exchange.")]
TypeParam = Annotated[InstrumentType | None, Query(alias="type", description="Only of this type.")]
StrikeParam = Annotated[
    Decimal | None, Query(ge=0, le=100_000_000, allow_inf_nan=False, max_digits=15, decimal_places=6)
]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get(
    "/search",
    name="search_instruments",
    summary="Find instruments by what a trader would type",
    response_model=InstrumentPage,
)
async def search(
    _user: Reader,
    find: TheSearch,
    q: Annotated[
        str,
        Query(min_length=1, max_length=100, examples=["nifty 26000 ce dec", "reliance fut", "hdfc bank", "RELIND"]),
    ],
    exchange: ExchangeParam = None,
    type_: TypeParam = None,
    limit: Limit = 20,
) -> Response:
    """Best first: exact names, then prefixes, indices and liquid shares, near expiries. Understands contracts
    (`banknifty 24nov 58000 pe`), ICICI's codes, ISINs and typos."""
    items = await find(q, exchange=exchange, type_=type_, limit=limit)
    return Response(b'{"items":[%b],"next":null}' % b",".join(items), media_type="application/json")


@router.get("", name="list_instruments", summary="List instruments by their properties")
async def listing(
    _user: Reader,
    instruments: TheInstruments,
    exchange: ExchangeParam = None,
    type_: TypeParam = None,
    underlying: Annotated[str | None, BeforeValidator(_upper), Query(max_length=64, examples=["NIFTY"])] = None,
    expiry: Annotated[Day | None, Query(examples=["2026-11-24"])] = None,
    strike_min: StrikeParam = None,
    strike_max: StrikeParam = None,
    right: Annotated[Right | None, BeforeValidator(_right), Query(description="call or put (or CE, PE)")] = None,
    status: Annotated[Status, Query(description="Expired contracts are kept for their history.")] = Status.ACTIVE,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
) -> InstrumentPage:
    """Contracts come by expiry, then by strike."""
    wanted = ListFilter(
        exchange=exchange,
        type=type_,
        underlying=underlying.rpartition(":")[2] if underlying else None,
        expiry=expiry,
        strike_min=strike_min,
        strike_max=strike_max,
        right=right,
        status=status,
    )
    items, following = await instruments.page(wanted, cursor, limit)
    return InstrumentPage(items=items, next=following)


@router.get("/{underlying}/expiries", name="list_expiries", summary="When the contracts of an underlying expire")
async def expiries(
    _user: Reader,
    instruments: TheInstruments,
    underlying: Annotated[str, Path(max_length=128, examples=["NIFTY"])],
    exchange: Annotated[ContractExchange, BeforeValidator(_upper), Query()] = ContractExchange.NFO,
) -> Expiries:
    """From the exchange's own list, never computed. The underlying may be a code, ICICI's code or a symbol."""
    code, days = await instruments.expiries(underlying, exchange)
    return Expiries(underlying=code, exchange=exchange, items=days)


@router.get("/{symbol}", name="get_instrument", summary="One instrument by any of its names")
async def one(
    _user: Reader,
    instruments: TheInstruments,
    symbol: Annotated[str, Path(max_length=128, examples=["NSE:RELIANCE"])],
    as_of: Annotated[Day | None, Query(description="Answer from that day's master.", examples=["2026-07-30"])] = None,
) -> InstrumentDetail:
    """Canonical symbol, ICICI's spelling (`NSE:RELIND`), Breeze's token (`4.1!2885`) or our number, in any case."""
    return await instruments.one(symbol, as_of)
