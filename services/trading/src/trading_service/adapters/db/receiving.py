"""The statement that writes accepted orders: one round trip for all rows that belong to any number of them."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from trading_service.adapters.db.many import rows_of
from trading_service.adapters.db.tables import commands, entries, idempotency, legs, order_events, orders, outbox
from trading_service.application.ports import Received

_TERMS: Final = (
    *("symbol", "side", "quantity", "order_type", "product", "validity"),
    *("price", "trigger_price", "disclosed_quantity", "client_order_id", "tag"),
)
_HEADS: Final = ("id", "account_id", "user_id", "epoch")
_LIVES: Final = (
    *("state", "placed_at", "updated_at", "hold", "code", "text", "auto_square_off", "group_id", "group_role"),
)
_ANSWER: Final = ("route", "key", "fingerprint")


def _statement() -> "sa.Select[Any]":
    columns: list[sa.ColumnClause[Any]] = [sa.column(name, orders.c[name].type) for name in (*_HEADS, *_TERMS, *_LIVES)]
    more: list[sa.ColumnClause[Any]] = [
        sa.column("place", sa.Integer()),
        sa.column("event", sa.Text()),
        *(sa.column(name, sa.Text()) for name in _ANSWER),
        *(sa.column(name, JSONB()) for name in ("message", "answer", "legs")),
        sa.column("entry", sa.Text()),
    ]
    source = rows_of("orders", [*columns, *more], "given")
    given = sa.select(*source.c).cte("g")
    g = given.c
    # A batch keeps its order: commands and messages are numbered as they are inserted.
    rows = sa.select(given).order_by(g.place).subquery("r").c

    def into(table: sa.Table, values: "dict[str, sa.ColumnElement[Any]]", *where: Any) -> sa.Insert:
        chosen = sa.select(*values.values()).where(*where)
        return sa.insert(table).from_select(list(values), chosen, include_defaults=False)

    order = into(orders, {name: rows[name] for name in (*_HEADS, *_TERMS, *_LIVES)})
    event = into(
        order_events,
        {
            "order_id": rows.id,
            "kind": rows.event,
            "state": rows.state,
            "code": rows.code,
            "text": rows.text,
            "at": rows.placed_at,
        },
    )
    command = into(commands, {"order_id": rows.id, "kind": sa.literal_column("'place'")})
    told = into(outbox, {"user_id": rows.user_id, "message": rows.message})
    kept = into(
        idempotency,
        {name: rows[name] for name in ("user_id", *_ANSWER, "answer")},
        rows.key.is_not(None),
    )
    head = (
        into(
            entries,
            {"account_id": rows.account_id, "kind": rows.entry, "ref": sa.cast(rows.id, sa.Text)},
            rows.entry.is_not(None),
        )
        .returning(entries.c.id, entries.c.ref)
        .cte("e")
    )
    each = sa.func.jsonb_each_text(g.legs).table_valued("key", "value").render_derived(name="leg")
    leg = sa.select(head.c.id, g.account_id, each.c.key, sa.cast(each.c.value, legs.c.amount.type)).select_from(
        head.join(given, sa.cast(g.id, sa.Text) == head.c.ref).join(each, sa.true())
    )
    booked = sa.insert(legs).from_select(["entry_id", "account_id", "name", "amount"], leg, include_defaults=False)
    written = [
        statement.cte(name)
        for name, statement in (("o", order), ("v", event), ("c", command), ("m", told), ("k", kept), ("l", booked))
    ]
    return sa.select(sa.literal_column("1")).add_cte(*written)


RECEIVE: Final = _statement()
"""Takes `orders`: rows as `row_of` makes them."""


def row_of(place: int, received: Received) -> dict[str, Any]:
    """One order for `RECEIVE`.

    Args:
        place: among the orders of the batch.
    """
    stored, answer = received.order, received.answer
    row: dict[str, Any] = {name: getattr(stored.order, name) for name in _TERMS}
    row |= {name: getattr(stored, name) for name in (*_HEADS, *_LIVES)}
    row |= {"place": place, "event": received.event.kind, "message": received.message}
    if not received.entry.empty:
        row |= {"entry": received.entry.kind, "legs": received.entry.legs}
    if answer is not None:
        row |= {name: getattr(answer, name) for name in (*_ANSWER, "answer")}
    return row
