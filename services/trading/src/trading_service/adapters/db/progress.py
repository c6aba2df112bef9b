"""The statement that writes what became of orders: one round trip for any number of events."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from breezeway.observability import tracing
from trading_service.adapters.db.many import as_rows, rows_of
from trading_service.adapters.db.tables import order_events, orders, outbox
from trading_service.application.ports import Progress

_TERMS: Final = ("quantity", "price", "trigger_price")
_LIVES: Final = (
    *("state", "updated_at", "filled", "filled_value", "hold", "code", "text"),
    *("fills", "triggered"),
)
_EVENT: Final = ("kind", "state", "code", "text", "at", "details")


def _statement() -> "sa.Select[Any]":
    columns: list[sa.ColumnClause[Any]] = [sa.column(name, orders.c[name].type) for name in (*_TERMS, *_LIVES)]
    more: list[sa.ColumnClause[Any]] = [
        sa.column("id", sa.Uuid()),
        sa.column("user_id", sa.Uuid()),
        sa.column("place", sa.Integer()),
        sa.column("newest", sa.Boolean()),
        *(sa.column(f"event_{name}", order_events.c[name].type) for name in _EVENT),
        sa.column("messages", JSONB()),
    ]
    given = sa.select(*rows_of("lines", [*columns, *more], "given").c).cte("g")
    g = given.c
    changed = (
        sa.update(orders)
        .where(orders.c.id == g.id, g.newest)
        .values({name: g[name] for name in (*_TERMS, *_LIVES)})
        .returning(orders.c.id)
        .cte("u")
    )
    happened = sa.insert(order_events).from_select(
        ["order_id", *_EVENT],
        sa.select(g.id, *(g[f"event_{name}"] for name in _EVENT)).order_by(g.place),
        include_defaults=False,
    )
    each = sa.func.jsonb_array_elements(g.messages).table_valued("value", with_ordinality="n").render_derived(name="t")
    told = sa.insert(outbox).from_select(
        ["user_id", "message"],
        sa.select(g.user_id, sa.type_coerce(each.c.value, JSONB))
        .select_from(given.join(each, sa.true()))
        .order_by(g.place, each.c.n),
        include_defaults=False,
    )
    return sa.select(sa.literal_column("1")).add_cte(changed, happened.cte("v"), told.cte("m"))


SAVE_PROGRESS: Final = _statement()
"""Takes `lines`, made by `lines_of`."""


def lines_of(progress: Sequence[Progress]) -> str:
    """Events for `SAVE_PROGRESS`, in their order; of each order the last one's state is kept."""
    newest = {each.order.id: place for place, each in enumerate(progress)}
    rows = []
    for place, each in enumerate(progress):
        stored = each.order
        row: dict[str, Any] = {name: getattr(stored.order, name) for name in _TERMS}
        row |= {name: getattr(stored, name) for name in _LIVES}
        row |= {f"event_{name}": getattr(each.event, name) for name in _EVENT}
        row |= {
            "id": stored.id,
            "user_id": stored.user_id,
            "place": place,
            "newest": newest[stored.id] == place,
            "messages": [tracing.stamped(message) for message in each.messages],
        }
        rows.append(row)
    return as_rows(rows)
