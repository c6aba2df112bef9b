"""Live orders: their way to the broker, what was sent, and what was heard."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trading_service.adapters.db.accounts import account_of
from trading_service.adapters.db.orders import stored_of
from trading_service.adapters.db.tables import (
    accounts,
    broker_notice_places,
    broker_notices,
    commands,
    live_orders,
    orders,
)
from trading_service.adapters.db.work import PostgresWork
from trading_service.application.live_ports import NOT_PLACED, Answer, LiveCommand, NoticePlace, Route
from trading_service.application.ports import StoredOrder
from trading_service.domain.accounts import TradingAccount

_c = commands.c
_o = orders.c
_l = live_orders.c
_n = broker_notices.c
_p = broker_notice_places.c
_COMMAND: Final = tuple(LiveCommand.__slots__)
_ENDED: Final = ("filled", "cancelled", "rejected", "expired")
_GIVEN_UP: Final = ("never_arrived", NOT_PLACED)
_UNNUMBERED: Final = ("new", "submitting", "unknown")


class PostgresLive(PostgresWork):
    """Implements `live_ports.LiveWork`."""

    async def add_route(self, route: Route) -> None:
        await self.session.execute(sa.insert(live_orders).values({n: getattr(route, n) for n in Route.__slots__}))

    async def route(self, order_id: UUID) -> Route | None:
        row = (await self.session.execute(sa.select(live_orders).where(_l.order_id == order_id))).one_or_none()
        return None if row is None else _route(row)

    async def order_of(self, user_id: UUID, broker_order_id: str) -> StoredOrder | None:
        query = (
            sa.select(orders)
            .join(live_orders, _l.order_id == _o.id)
            .where(_l.broker_order_id == broker_order_id, _o.user_id == user_id)
        )
        # The number is unique in a broker account; of several accounts of one user, the newest order is meant.
        row = (await self.session.execute(query.order_by(_o.id.desc()).limit(1))).one_or_none()
        return None if row is None else stored_of(row)

    async def numbers(self, broker_account_id: UUID, numbers: Sequence[str]) -> set[str]:
        query = sa.select(_l.broker_order_id).where(
            _l.broker_account_id == broker_account_id, _l.broker_order_id.in_(numbers)
        )
        return {number for number in await self.session.scalars(query) if number is not None}

    async def name_order(self, order_id: UUID, broker_order_id: str) -> bool:
        mine = sa.select(_l.broker_account_id).where(_l.order_id == order_id).scalar_subquery()
        taken = sa.select(_l.order_id).where(
            _l.broker_account_id == mine, _l.broker_order_id == broker_order_id, _l.order_id != order_id
        )
        if (await self.session.execute(taken)).first() is not None:
            return False
        named = (
            sa.update(live_orders)
            .where(_l.order_id == order_id, sa.or_(_l.broker_order_id.is_(None), _l.broker_order_id == broker_order_id))
            .values(broker_order_id=broker_order_id)
            .returning(_l.order_id)
        )
        return (await self.session.execute(named)).first() is not None

    async def waiting_commands(self, limit: int) -> list[LiveCommand]:
        earlier = commands.alias("earlier")
        busy = sa.select(earlier.c.seq).where(earlier.c.order_id == _c.order_id, earlier.c.live, earlier.c.seq < _c.seq)
        query = (
            sa.select(commands)
            .where(_c.live, _c.sent_at.is_(None), ~busy.exists())
            .order_by(sa.case((_c.kind == "cancel", 0), else_=1), _c.seq)
            .limit(limit)
        )
        return [_command(row) for row in await self.session.execute(query)]

    async def queued(self, order_id: UUID, kind: str) -> list[LiveCommand]:
        query = sa.select(commands).where(_c.live, _c.order_id == order_id, _c.kind == kind, _c.sent_at.is_(None))
        return [_command(row) for row in await self.session.execute(query.order_by(_c.seq))]

    async def claim_command(self, seq: int, at: datetime) -> bool:
        statement = sa.update(commands).where(_c.seq == seq, _c.sent_at.is_(None)).values(sent_at=at)
        return (await self.session.execute(statement.returning(_c.seq))).first() is not None

    async def unsettled_commands(self) -> list[LiveCommand]:
        query = sa.select(commands).where(_c.live, _c.sent_at.is_not(None)).order_by(_c.seq)
        return [_command(row) for row in await self.session.execute(query)]

    async def unsettled_command(self, order_id: UUID) -> LiveCommand | None:
        query = sa.select(commands).where(_c.live, _c.order_id == order_id, _c.sent_at.is_not(None))
        row = (await self.session.execute(query.order_by(_c.seq).limit(1))).one_or_none()
        return None if row is None else _command(row)

    async def answer_command(self, seq: int, answer: Answer) -> None:
        await self.session.execute(sa.update(commands).where(_c.seq == seq).values(answer=answer))

    async def looked_at(self, seq: int, at: datetime) -> None:
        values = {"looked_at": at, "looks": _c.looks + 1}
        await self.session.execute(sa.update(commands).where(_c.seq == seq).values(values))

    async def live_accounts(self) -> list[TradingAccount]:
        query = sa.select(accounts).where(accounts.c.kind == "live", accounts.c.closed_at.is_(None))
        return [account_of(row) for row in await self.session.execute(query.order_by(accounts.c.id))]

    async def live_orders(self, account_id: UUID) -> list[tuple[StoredOrder, Route]]:
        query = (
            sa.select(orders, *(column.label(f"route_{column.name}") for column in live_orders.c))
            .join(live_orders, _l.order_id == _o.id)
            .where(
                _o.account_id == account_id,
                sa.or_(
                    sa.and_(_o.state.not_in(_ENDED), _l.broker_order_id.is_not(None)),
                    sa.and_(_o.code.in_(_GIVEN_UP), _o.created_at > sa.func.now() - timedelta(days=1)),
                ),
            )
        )
        return [
            (stored_of(row), Route(**{name: getattr(row, f"route_{name}") for name in Route.__slots__}))
            for row in await self.session.execute(query)
        ]

    async def lock_notices(self, user_id: UUID) -> None:
        await self.session.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"broker-notices|{user_id}"}
        )

    async def awaited(self, user_id: UUID) -> bool:
        query = sa.select(_o.id).where(_o.user_id == user_id, _o.live, _o.state.in_(_UNNUMBERED)).limit(1)
        return (await self.session.execute(query)).first() is not None

    async def keep_notice(self, user_id: UUID, broker_order_id: str, message: Mapping[str, Any]) -> None:
        values = {"user_id": user_id, "broker_order_id": broker_order_id, "message": dict(message)}
        await self.session.execute(sa.insert(broker_notices).values(values))

    async def take_notices(self, user_id: UUID, broker_order_id: str) -> list[Mapping[str, Any]]:
        statement = (
            sa.delete(broker_notices)
            .where(_n.user_id == user_id, _n.broker_order_id == broker_order_id)
            .returning(_n.id, _n.message)
        )
        found = sorted((await self.session.execute(statement)).all(), key=lambda row: int(row.id))
        return [row.message for row in found]

    async def forget_notices(self, before: datetime) -> None:
        await self.session.execute(sa.delete(broker_notices).where(_n.created_at < before))

    async def notice_place(self, user_id: UUID) -> NoticePlace | None:
        query = sa.select(broker_notice_places).where(_p.user_id == user_id)
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else NoticePlace(row.offset, row.epoch)

    async def move_notice_place(self, user_id: UUID, place: NoticePlace) -> None:
        values = {"epoch": place.epoch, "offset": place.offset}
        statement = insert(broker_notice_places).values(user_id=user_id, **values)
        await self.session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


def _command(row: "sa.Row[*tuple[Any, ...]]") -> LiveCommand:
    return LiveCommand(**{name: getattr(row, name) for name in _COMMAND})


def _route(row: "sa.Row[*tuple[Any, ...]]") -> Route:
    return Route(**{name: getattr(row, name) for name in Route.__slots__})
