"""Orders, their history, and what the matcher is asked to do with them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import Conflict
from breezeway.exchange.orders import Order, OrderState, OrderType, Product, Side, Validity
from trading_service.adapters.db.many import any_of, as_rows
from trading_service.adapters.db.progress import SAVE_PROGRESS, lines_of
from trading_service.adapters.db.receiving import RECEIVE, row_of
from trading_service.adapters.db.tables import UNFINISHED, commands, order_events, orders
from trading_service.application.ports import (
    Command,
    OrderFilter,
    Outstanding,
    Progress,
    Received,
    StoredEvent,
    StoredOrder,
)

_o = orders.c
_TERMS = (
    *("symbol", "side", "quantity", "order_type", "product", "validity"),
    *("price", "trigger_price", "disclosed_quantity", "client_order_id", "tag"),
)
_LIVES = (
    *("state", "placed_at", "updated_at", "filled", "filled_value", "hold", "code", "text"),
    *("auto_square_off", "fills", "triggered", "group_id", "group_role", "live"),
)
_ORDERS: Final = sa.select(orders).where(_o.id == any_of("ids", sa.Uuid()))
_DROP: Final = sa.delete(commands).where(commands.c.seq == any_of("numbers", sa.BigInteger()))
_NOBODY: Final = UUID(int=0)
_OUTSTANDING: Final = (
    sa.select(
        *(_o.account_id, _o.symbol, _o.product, _o.side, _o.group_id),
        sa.func.sum(_o.quantity - _o.filled).label("quantity"),
    )
    .where(
        _o.account_id == any_of("accounts", sa.Uuid()),
        _o.symbol == any_of("symbols", sa.Text()),
        UNFINISHED,
        _o.id != sa.bindparam("without", type_=sa.Uuid()),
    )
    .group_by(_o.account_id, _o.symbol, _o.product, _o.side, _o.group_id)
)
_TAKEN: Final = sa.select(_o.account_id, _o.client_order_id).where(
    _o.account_id == any_of("accounts", sa.Uuid()), _o.client_order_id == any_of("names", sa.Text())
)


class OrderRows(UnitOfWork):
    """Each method runs in the transaction of the unit of work."""

    async def add_order(self, order: StoredOrder) -> None:
        try:
            await self.session.execute(_insert(order))
        except IntegrityError as error:
            raise _told(error, order) from error

    async def receive(self, orders: Sequence[Received]) -> None:
        await self.session.execute(RECEIVE, {"orders": as_rows([row_of(*each) for each in enumerate(orders)])})

    async def taken_client_ids(self, names: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
        values = {"accounts": [account_id for account_id, _ in names], "names": [name for _, name in names]}
        rows = await self.session.execute(_TAKEN, values)
        return {(row.account_id, row.client_order_id) for row in rows} & set(names)

    async def outstanding(
        self, wanted: Collection[tuple[UUID, str]], *, without: UUID | None = None
    ) -> dict[tuple[UUID, str], list[Outstanding]]:
        values = {
            "accounts": [account_id for account_id, _ in wanted],
            "symbols": [symbol for _, symbol in wanted],
            "without": without or _NOBODY,
        }
        found: dict[tuple[UUID, str], list[Outstanding]] = {}
        for row in await self.session.execute(_OUTSTANDING, values):
            each = Outstanding(Product(row.product), Side(row.side), int(row.quantity), row.group_id)
            found.setdefault((row.account_id, row.symbol), []).append(each)
        return {name: found.get(name, []) for name in wanted}

    async def save_order(self, order: StoredOrder) -> None:
        await self.session.execute(sa.update(orders).where(_o.id == order.id).values(_values(order)))

    async def save_progress(self, progress: Sequence[Progress]) -> None:
        await self.session.execute(SAVE_PROGRESS, {"lines": lines_of(progress)})

    async def orders_of(self, ids: Collection[UUID]) -> dict[UUID, StoredOrder]:
        return {row.id: stored_of(row) for row in await self.session.execute(_ORDERS, {"ids": list(ids)})}

    async def order(self, order_id: UUID) -> StoredOrder | None:
        row = (await self.session.execute(sa.select(orders).where(_o.id == order_id))).one_or_none()
        return None if row is None else stored_of(row)

    async def order_by_client_id(self, account_id: UUID, client_order_id: str) -> StoredOrder | None:
        query = sa.select(orders).where(_o.account_id == account_id, _o.client_order_id == client_order_id)
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else stored_of(row)

    async def orders(self, user_id: UUID, wanted: OrderFilter, before: UUID | None, limit: int) -> list[StoredOrder]:
        query = sa.select(orders).where(_o.user_id == user_id).order_by(_o.id.desc()).limit(limit)
        if wanted.account_id is not None:
            query = query.where(_o.account_id == wanted.account_id)
        if wanted.symbol is not None:
            query = query.where(_o.symbol == wanted.symbol)
        if wanted.states:
            query = query.where(_o.state.in_(wanted.states))
        if before is not None:
            query = query.where(_o.id < before)
        return [stored_of(row) for row in await self.session.execute(query)]

    async def working_orders(self, account_id: UUID | None = None, symbol: str | None = None) -> list[StoredOrder]:
        query = sa.select(orders).where(UNFINISHED).order_by(_o.id)
        if account_id is not None:
            query = query.where(_o.account_id == account_id)
        if symbol is not None:
            query = query.where(_o.symbol == symbol)
        return [stored_of(row) for row in await self.session.execute(query)]

    async def group(self, group_id: UUID) -> list[StoredOrder]:
        query = sa.select(orders).where(_o.group_id == group_id).order_by(_o.id)
        return [stored_of(row) for row in await self.session.execute(query)]

    async def add_event(self, order_id: UUID, event: StoredEvent) -> None:
        await self.session.execute(_insert_event(order_id, event))

    async def events(self, order_id: UUID) -> list[StoredEvent]:
        query = sa.select(order_events).where(order_events.c.order_id == order_id).order_by(order_events.c.id)
        return [
            StoredEvent(row.kind, row.state, row.code, row.text, row.at, row.recorded_at, row.details)
            for row in await self.session.execute(query)
        ]

    async def add_command(self, order_id: UUID, kind: str, body: Mapping[str, Any]) -> None:
        live = sa.select(_o.live).where(_o.id == order_id).scalar_subquery()
        values = {"order_id": order_id, "kind": kind, "body": dict(body), "live": live}
        await self.session.execute(sa.insert(commands).values(values))

    async def commands(self, limit: int) -> list[Command]:
        query = sa.select(commands).where(~commands.c.live).order_by(commands.c.seq).limit(limit)
        return [Command(row.seq, row.order_id, row.kind, row.body) for row in await self.session.execute(query)]

    async def drop_command(self, seq: int) -> None:
        await self.drop_commands([seq])

    async def drop_commands(self, numbers: Collection[int]) -> None:
        await self.session.execute(_DROP, {"numbers": list(numbers)})


def _insert(order: StoredOrder) -> sa.Insert:
    keys = {"id": order.id, "account_id": order.account_id, "user_id": order.user_id, "epoch": order.epoch}
    return sa.insert(orders).values(keys | _values(order))


def _insert_event(order_id: UUID, event: StoredEvent) -> sa.Insert:
    values = {name: getattr(event, name) for name in ("kind", "state", "code", "text", "at")}
    return sa.insert(order_events).values(order_id=order_id, details=dict(event.details), **values)


def _told(error: IntegrityError, order: StoredOrder) -> Exception:
    if "client_order_id" not in str(error.orig):
        return error
    return Conflict(
        f"The account has an order with the client_order_id {order.order.client_order_id} already.",
        code="duplicate_client_order_id",
    )


def _values(order: StoredOrder) -> dict[str, Any]:
    return {name: getattr(order.order, name) for name in _TERMS} | {name: getattr(order, name) for name in _LIVES}


def stored_of(row: "sa.Row[*tuple[Any, ...]]") -> StoredOrder:
    """The order of a row of the table."""
    terms = Order(
        order_id=str(row.id),
        account_id=str(row.account_id),
        symbol=row.symbol,
        side=Side(row.side),
        quantity=row.quantity,
        order_type=OrderType(row.order_type),
        product=Product(row.product),
        validity=Validity(row.validity),
        price=row.price,
        trigger_price=row.trigger_price,
        disclosed_quantity=row.disclosed_quantity,
        client_order_id=row.client_order_id,
        tag=row.tag,
    )
    lives = {name: getattr(row, name) for name in _LIVES} | {"state": OrderState(row.state)}
    return StoredOrder(row.id, row.account_id, row.user_id, row.epoch, terms, **lives)
