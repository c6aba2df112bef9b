"""Order endpoints of v1: orders, square-off, trades, GTT and the calculators around them."""

from fastapi import APIRouter

from breeze_simulator.api.rest_v1 import signed

router = APIRouter(include_in_schema=False)

signed(router, "GET", "order", lambda b, session, fields: b.orders.orders(session.user_id, fields))
signed(router, "POST", "order", lambda b, session, fields: b.orders.place(session.user_id, fields), mutates=True)
signed(router, "PUT", "order", lambda b, session, fields: b.orders.modify(session.user_id, fields), mutates=True)
signed(router, "DELETE", "order", lambda b, session, fields: b.orders.cancel(session.user_id, fields), mutates=True)
signed(
    router, "POST", "squareoff", lambda b, session, fields: b.orders.square_off(session.user_id, fields), mutates=True
)
signed(router, "GET", "trades", lambda b, session, fields: b.orders.trades(session.user_id, fields))
signed(router, "GET", "gttorder", lambda b, session, fields: b.gtt.book(session.user_id, fields))
signed(router, "POST", "gttorder", lambda b, session, fields: b.gtt.place(session.user_id, fields), mutates=True)
signed(router, "PUT", "gttorder", lambda b, session, fields: b.gtt.modify(session.user_id, fields), mutates=True)
signed(router, "DELETE", "gttorder", lambda b, session, fields: b.gtt.cancel(session.user_id, fields), mutates=True)
signed(router, "POST", "margin", lambda b, _session, _fields: b.calculators.add_margin())
signed(router, "POST", "margincalculator", lambda b, _session, fields: b.calculators.margins(fields))
signed(router, "POST", "fnolmtpriceandqtycal", lambda b, _session, fields: b.calculators.limit(fields))
signed(router, "GET", "preview_order", lambda b, _session, fields: b.calculators.preview(fields))
