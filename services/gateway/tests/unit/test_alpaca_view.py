"""Our messages as clients of Alpaca's stream see them."""

from gateway_service.domain.alpaca import AlpacaView, nothing

TICK = {
    **{"type": "tick", "symbol": "NSE:A", "ltp": 0.0, "ltq": 0, "ltt": 1_000, "ts": 2_000, "volume": None},
    **{"bid": 99.0, "bid_qty": 5, "ask": 101.0, "ask_qty": 5},
}


def test_what_has_not_traded_today_is_quoted_and_makes_no_trade() -> None:
    every = frozenset({"NSE:A"})
    view = AlpacaView(sets=nothing() | {"trades": every, "quotes": every}, names={"NSE:A": "A"})
    ticks = (TICK, {**TICK, "ltt": 3_000, "bid": 98.0}, {**TICK, "ltt": 4_000, "ltp": 100.0, "ltq": 5, "bid": 98.0})
    assert [body["T"] for tick in ticks for body in view.translate(tick)] == ["q", "q", "t"]
