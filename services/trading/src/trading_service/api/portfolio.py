"""Trades, positions, holdings, the ledger and contract notes of an account."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, status
from pydantic import BaseModel, Field

from breezeway.charges.model import ContractNote, NoteLeg
from breezeway.contracts.trading import OrderView, PositionView, TradeView, plain
from breezeway.exchange.orders import Product
from breezeway.http.fields import Day
from breezeway.security.scopes import AccountReader, Trader
from trading_service.api.dependencies import (
    Cursor,
    IdempotencyKey,
    Limit,
    TheLive,
    ThePortfolio,
    TheReading,
    may_trade_live,
)
from trading_service.application.live_placing import refuse_paper_key
from trading_service.application.reading import Holding
from trading_service.application.views import money
from trading_service.domain.performance import Score

router = APIRouter(prefix="/api/v1/trading/accounts/{account_id}", tags=["trading"])


class TradePage(BaseModel):
    items: list[TradeView]
    next: str | None


class PositionPage(BaseModel):
    items: list[PositionView]
    next: str | None = None


class HoldingView(BaseModel):
    symbol: str = Field(examples=["NSE:RELIANCE"])
    quantity: str = Field(examples=["10"])
    settled_quantity: str
    t1_quantity: str = Field(description="Bought, not yet delivered; can be sold all the same.")
    sellable_quantity: str = Field(description="Less what is offered by working orders.")
    average_price: str = Field(description="Of the lots that are left, first in first out.", examples=["1400.35"])
    cost: str
    last_price: str | None
    value: str | None
    unrealised: str | None

    @classmethod
    def of(cls, each: Holding) -> "HoldingView":
        position, last = each.held.position, each.last
        quantity = position.quantity
        return cls(
            symbol=each.held.symbol,
            quantity=str(quantity),
            settled_quantity=str(each.settled),
            t1_quantity=str(each.t1),
            sellable_quantity=str(quantity - each.offered),
            average_price=plain(round(position.cost / quantity, 4)),
            cost=money(position.cost),
            last_price=None if last is None else plain(last),
            value=None if last is None else money(last * quantity),
            unrealised=None if last is None else money(position.unrealised(last)),
        )


class HoldingPage(BaseModel):
    items: list[HoldingView]
    next: str | None = None


class LedgerLine(BaseModel):
    """One entry; its legs sum to zero. Debits are positive."""

    id: int
    kind: str = Field(examples=["trade"])
    ref: str = Field(description="The order, trade, transfer or day that it is about.")
    note: str
    day: date | None
    created_at: datetime
    legs: dict[str, str] = Field(examples=[{"cash": "-14003.50", "holdings": "14003.50"}])


class LedgerPage(BaseModel):
    items: list[LedgerLine]
    next: str | None


class NoteLegView(BaseModel):
    trade_id: str
    order_id: str
    symbol: str
    side: str
    quantity: str
    price: str
    value: str
    kind: str = Field(examples=["delivery"])
    charges: dict[str, str]

    @classmethod
    def of(cls, leg: NoteLeg) -> "NoteLegView":
        trade = leg.trade
        return cls(
            trade_id=trade.trade_id,
            order_id=trade.order_id,
            symbol=trade.symbol,
            side=trade.side,
            quantity=str(trade.quantity),
            price=plain(trade.price),
            value=money(trade.turnover),
            kind=trade.kind.value,
            charges={charge.value: money(value) for charge, value in leg.charged.items()},
        )


class ContractNoteView(BaseModel):
    """A day's trades and what they cost; `net` is what the account received (negative: paid)."""

    day: date
    plan: str
    table_version: str
    charges: dict[str, str]
    charges_total: str
    gross: str
    net: str
    trades: list[NoteLegView]

    @classmethod
    def of(cls, note: ContractNote) -> "ContractNoteView":
        return cls(
            day=note.day,
            plan=note.plan,
            table_version=note.table_version,
            charges={charge.value: money(value) for charge, value in note.lines.items()},
            charges_total=money(note.charges),
            gross=money(note.gross),
            net=money(note.net),
            trades=[NoteLegView.of(leg) for leg in note.legs],
        )


class ContractNotePage(BaseModel):
    items: list[ContractNoteView]
    next: str | None = None


@router.get("/trades", name="list_trades", summary="The account's trades")
async def trades(
    user: AccountReader, read: TheReading, account_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> TradePage:
    """Newest first, since the account was opened or reset."""
    items, following = await read.trades(user.user_id, account_id, cursor, limit)
    return TradePage(items=items, next=following)


@router.get("/positions", name="list_positions", summary="Intraday and derivative positions")
async def positions(user: AccountReader, read: TheReading, account_id: UUID) -> PositionPage:
    """Closed ones are listed too, with what they realised. Shares for delivery are holdings."""
    return PositionPage(items=await read.positions(user.user_id, account_id))


@router.get("/holdings", name="list_trading_holdings", summary="Shares held for delivery")
async def holdings(user: AccountReader, read: TheReading, account_id: UUID) -> HoldingPage:
    """Lots are closed first in, first out."""
    return HoldingPage(items=[HoldingView.of(each) for each in await read.holdings(user.user_id, account_id)])


@router.get("/ledger", name="list_ledger", summary="The account's journal")
async def ledger(
    user: AccountReader, read: TheReading, account_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> LedgerPage:
    """Newest first. Entries are never changed or deleted; every balance is their sum."""
    lines, following = await read.ledger(user.user_id, account_id, cursor, limit)
    items = [
        LedgerLine(
            id=each.id,
            kind=each.kind,
            ref=each.ref,
            note=each.note,
            day=each.day,
            created_at=each.created_at,
            legs={name: money(value) for name, value in each.legs.items()},
        )
        for each in lines
    ]
    return LedgerPage(items=items, next=following)


@router.get("/contract-notes", name="list_contract_notes", summary="Itemised charges of each day")
async def contract_notes(
    user: AccountReader,
    read: TheReading,
    account_id: UUID,
    since: Annotated[Day | None, Query(alias="from", examples=["2026-11-20"])] = None,
) -> ContractNotePage:
    """Newest first, the running day included."""
    found = await read.contract_notes(user.user_id, account_id, since)
    return ContractNotePage(items=[ContractNoteView.of(note) for note in found])


class HistoryView(BaseModel):
    """The equity curve as columns; times are epoch seconds. `profit_loss` is equity less what was paid in."""

    timestamp: list[int]
    equity: list[str]
    profit_loss: list[str]
    base_value: str
    timeframe: str


class ScoreView(BaseModel):
    """Of orders that closed something, each one trade however many parts it filled in; first in, first out, before
    charges. By tag it is the one under which the position was opened."""

    trades: int
    wins: int
    losses: int
    profit: str
    loss: str
    net: str
    win_rate: float | None
    profit_factor: float | None = Field(description="Won by lost; null when nothing was lost.")

    @classmethod
    def of(cls, score: Score) -> "ScoreView":
        return cls(
            trades=score.trades,
            wins=score.wins,
            losses=score.losses,
            profit=money(score.profit),
            loss=money(score.loss),
            net=money(score.net),
            win_rate=score.win_rate,
            profit_factor=score.profit_factor,
        )


class DrawDownView(BaseModel):
    depth: float = Field(description="A positive fraction: 0.1 is 10 %.")
    peak: date | None
    trough: date | None
    recovered: date | None = Field(description="Null while the account is still below its peak.")


class PerformanceView(BaseModel):
    """Returns are fractions (0.1 is 10 %); null where there is not enough history to say. Profits are first in, first
    out; Sharpe and Sortino of daily returns, yearly, against no risk-free rate."""

    twr: float | None = Field(description="Time-weighted return.")
    xirr: float | None = Field(description="Money-weighted, a year.")
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    draw_down: DrawDownView
    days: int
    equity: str
    exposure: str = Field(description="Value of all open positions, without sign.")
    charges: str
    total: ScoreView
    by_symbol: dict[str, ScoreView]
    by_tag: dict[str, ScoreView]


@router.get("/portfolio/history", name="get_portfolio_history", summary="The equity curve")
async def history(
    user: AccountReader,
    portfolio: ThePortfolio,
    account_id: UUID,
    period: Annotated[str, Query(description="1D, 1W, 1M, 3M, 1A or all.", max_length=8)] = "1M",
    timeframe: Annotated[str, Query(description="5m, 15m, 1h or 1d.", max_length=8)] = "15m",
) -> HistoryView:
    """The last value of each stretch, and the present one."""
    points = await portfolio.history(user.user_id, account_id, period, timeframe)
    return HistoryView(
        timestamp=[int(each.at.timestamp()) for each in points],
        equity=[money(each.equity) for each in points],
        profit_loss=[money(each.equity - each.flow) for each in points],
        base_value=money(points[0].equity),
        timeframe=timeframe,
    )


@router.get("/performance", name="get_performance", summary="Returns, risk and the record of trades")
async def performance(user: AccountReader, portfolio: ThePortfolio, account_id: UUID) -> PerformanceView:
    """Since the account was opened or reset."""
    report = await portfolio.report(user.user_id, account_id)
    found, down = report.performance, report.performance.draw_down
    return PerformanceView(
        twr=found.twr,
        xirr=found.xirr,
        sharpe=found.sharpe,
        sortino=found.sortino,
        calmar=found.calmar,
        draw_down=DrawDownView(depth=down.depth, peak=down.peak, trough=down.trough, recovered=down.recovered),
        days=found.days,
        equity=money(report.equity),
        exposure=money(report.exposure),
        charges=money(report.charges),
        total=ScoreView.of(report.total),
        by_symbol={name: ScoreView.of(each) for name, each in report.by_symbol.items()},
        by_tag={name: ScoreView.of(each) for name, each in report.by_tag.items()},
    )


@router.post(
    "/positions/{symbol}/close",
    name="close_position",
    summary="Close a position at market",
    status_code=status.HTTP_201_CREATED,
)
async def close(
    user: Trader,
    portfolio: ThePortfolio,
    live: TheLive,
    account_id: UUID,
    symbol: Annotated[str, Path(max_length=96, examples=["NSE:RELIANCE"])],
    product: Product | None = None,
    key: IdempotencyKey = None,
) -> OrderView:
    """Places a market order for all of it. Works for holdings too."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    return await portfolio.close(user.user_id, account_id, symbol, product, key)
