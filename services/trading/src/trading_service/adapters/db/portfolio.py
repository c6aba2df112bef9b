"""Contracts, trades, positions and the prices that settle them."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from breezeway.contracts.instruments import Instrument
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.exchange.orders import Product, Side
from trading_service.adapters.db.many import any_of
from trading_service.adapters.db.tables import contracts, equity, marks, positions, trades
from trading_service.application.ports import EquityPoint, HeldPosition
from trading_service.domain.bookkeeping import Trade
from trading_service.domain.instruments import INDEX_NAMES, Contract, contract_of
from trading_service.domain.lots import Lot, Position

_t = trades.c
_p = positions.c
_POSITIONS = (
    sa.select(positions).where(_p.account_id == any_of("ids", sa.Uuid())).order_by(_p.account_id, _p.symbol, _p.product)
)
_TRADE = tuple(Trade.__slots__)
_SUMS = ("realised", "bought", "bought_value", "sold", "sold_value")


class PortfolioRows(UnitOfWork):
    """Each method runs in the transaction of the unit of work."""

    async def save_contract(self, instrument: Instrument) -> None:
        body = instrument.model_dump(mode="json")
        statement = insert(contracts).values(symbol=instrument.symbol, instrument=body)
        changed = statement.on_conflict_do_update(
            index_elements=["symbol"],
            set_={"instrument": body, "updated_at": sa.func.now()},
            # Most orders are in contracts that are known, and rewriting a row for each would only make it bloat.
            where=contracts.c.instrument != statement.excluded.instrument,
        )
        await self.session.execute(changed)

    async def contracts(self, symbols: Collection[str]) -> dict[str, Contract]:
        if not symbols:
            return {}
        query = sa.select(contracts.c.instrument).where(contracts.c.symbol.in_(symbols))
        found = [Instrument.model_validate(row.instrument) for row in await self.session.execute(query)]
        return {each.symbol: contract_of(each, index_names=INDEX_NAMES) for each in found}

    async def add_trade(self, trade: Trade) -> bool:
        values = {name: getattr(trade, name) for name in _TRADE}
        statement = insert(trades).values(values).on_conflict_do_nothing(index_elements=["trade_id"])
        return (await self.session.execute(statement.returning(_t.trade_id))).one_or_none() is not None

    async def trades(
        self, account_id: UUID, epoch: int, *, day: date | None = None, before: int | None = None, limit: int = 5000
    ) -> list[tuple[int, Trade]]:
        query = sa.select(trades).where(_t.account_id == account_id, _t.epoch == epoch).limit(limit)
        if day is not None:
            query = query.where(_t.day == day)
        older = before is not None
        query = query.where(_t.seq < before).order_by(_t.seq.desc()) if older else query.order_by(_t.seq)
        return [(row.seq, _trade(row)) for row in await self.session.execute(query)]

    async def position(self, account_id: UUID, symbol: str, product: str) -> Position:
        query = sa.select(positions).where(_p.account_id == account_id, _p.symbol == symbol, _p.product == product)
        row = (await self.session.execute(query)).one_or_none()
        return Position() if row is None else _position(row)

    async def positions(self, account_id: UUID) -> list[HeldPosition]:
        query = sa.select(positions).where(_p.account_id == account_id).order_by(_p.symbol, _p.product)
        return [_held(row) for row in await self.session.execute(query)]

    async def positions_of(self, ids: Collection[UUID]) -> dict[UUID, list[HeldPosition]]:
        found: dict[UUID, list[HeldPosition]] = {}
        for row in await self.session.execute(_POSITIONS, {"ids": list(ids)}):
            found.setdefault(row.account_id, []).append(_held(row))
        return found

    async def open_positions(self) -> list[HeldPosition]:
        query = sa.select(positions).where(_p.quantity != 0).order_by(_p.account_id, _p.symbol, _p.product)
        return [_held(row) for row in await self.session.execute(query)]

    async def save_position(
        self, account_id: UUID, symbol: str, product: str, position: Position, at: datetime
    ) -> None:
        values = {
            "quantity": position.quantity,
            "lots": [
                [lot.quantity, str(lot.price), lot.opened_at.isoformat(), lot.settles_on.isoformat()]
                for lot in position.lots
            ],
            "updated_at": at,
            **{name: getattr(position, name) for name in _SUMS},
        }
        key = {"account_id": account_id, "symbol": symbol, "product": product}
        statement = insert(positions).values(key | values)
        await self.session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))

    async def forget_positions(self, account_id: UUID) -> None:
        await self.session.execute(sa.delete(positions).where(_p.account_id == account_id))

    async def save_closing_price(self, symbol: str, day: date, price: Decimal, at: datetime) -> None:
        values = {"price": price, "at": at}
        statement = insert(marks).values(symbol=symbol, day=day, **values)
        await self.session.execute(
            statement.on_conflict_do_update(
                index_elements=["symbol", "day"], set_=values, where=marks.c.at < statement.excluded.at
            )
        )

    async def closing_prices(self, symbols: Collection[str], until: date) -> Mapping[str, tuple[date, Decimal]]:
        query = (
            sa.select(marks.c.symbol, marks.c.day, marks.c.price)
            .where(marks.c.symbol.in_(symbols), marks.c.day <= until)
            .ext(distinct_on(marks.c.symbol))
            .order_by(marks.c.symbol, marks.c.day.desc())
        )
        return {symbol: (day, price) for symbol, day, price in await self.session.execute(query)}

    async def add_equity(self, account_id: UUID, point: EquityPoint) -> None:
        values = {"account_id": account_id, "at": point.at, "equity": point.equity, "cash": point.cash}
        statement = insert(equity).values(**values, flow=point.flow)
        await self.session.execute(statement.on_conflict_do_nothing(index_elements=["account_id", "at"]))

    async def equity_points(self, account_id: UUID, since: datetime) -> list[EquityPoint]:
        query = (
            sa.select(equity.c.at, equity.c.equity, equity.c.cash, equity.c.flow)
            .where(equity.c.account_id == account_id, equity.c.at >= since)
            .order_by(equity.c.at)
        )
        return [EquityPoint(*row) for row in await self.session.execute(query)]


def _trade(row: "sa.Row[*tuple[Any, ...]]") -> Trade:
    values = {name: getattr(row, name) for name in _TRADE}
    return Trade(**values | {"product": Product(row.product), "side": Side(row.side)})


def _position(row: "sa.Row[*tuple[Any, ...]]") -> Position:
    lots = tuple(
        Lot(quantity, Decimal(price), datetime.fromisoformat(opened), date.fromisoformat(settles))
        for quantity, price, opened, settles in row.lots
    )
    return Position(lots, *(getattr(row, name) for name in _SUMS))


def _held(row: "sa.Row[*tuple[Any, ...]]") -> HeldPosition:
    return HeldPosition(row.account_id, row.symbol, row.product, _position(row), row.updated_at)
