"""Places in durable channels: what is remembered, what is asked for again, what is thrown away."""

from typing import Any

import pytest

from breezeway.client.messages import Event, Place, decode
from breezeway.client.subscriptions import Subscriptions, passes, refusal, symbols_of
from breezeway.contracts.stream import CandleMessage, GapMessage, TickMessage, encode
from breezeway.errors import InvalidInput, NotFound, Rejected


def order(offset: int, epoch: str = "e") -> dict[str, Any]:
    return {"type": "order", "offset": offset, "epoch": epoch}


def position(offset: int, epoch: str = "e", *, recovered: bool = True) -> dict[str, Any]:
    return {"type": "position", "channel": "orders", "offset": offset, "epoch": epoch, "recovered": recovered}


def since(subscriptions: Subscriptions) -> Any:
    return subscriptions.command(["orders"], 1)["channels"][0]


def test_a_channel_is_asked_for_from_its_last_message() -> None:
    subscriptions = Subscriptions(["orders", "tick:NSE:A"])
    assert since(subscriptions) == "orders"
    assert subscriptions.stands_at(position(4))
    assert since(subscriptions) == {"channel": "orders", "since": {"offset": 4, "epoch": "e"}}
    assert subscriptions.arrived(order(5))
    assert since(subscriptions)["since"]["offset"] == 5


def test_a_replay_that_is_cut_in_the_middle_is_asked_for_again() -> None:
    subscriptions = Subscriptions(["orders"], {"orders": Place(1, "e")})
    assert subscriptions.stands_at(position(4))
    assert subscriptions.arrived(order(2))
    assert since(subscriptions)["since"]["offset"] == 2


def test_a_message_comes_once() -> None:
    subscriptions = Subscriptions(["orders"], {"orders": Place(3, "e")})
    assert not subscriptions.arrived(order(3))
    assert subscriptions.arrived(order(4))
    assert subscriptions.arrived(order(1, epoch="a new one"))


def test_what_was_lost_is_not_asked_for_again() -> None:
    subscriptions = Subscriptions(["orders"], {"orders": Place(3, "e")})
    assert not subscriptions.stands_at(position(9, "f", recovered=False))
    assert since(subscriptions)["since"] == {"offset": 9, "epoch": "f"}


def test_two_durable_channels_keep_their_places_apart() -> None:
    subscriptions = Subscriptions(["orders", "notifications"])
    subscriptions.arrived({"type": "notification", "offset": 1, "epoch": "n"})
    subscriptions.arrived({"type": "position", "offset": 8, "epoch": "o"})
    subscriptions.arrived({"type": "trade", "offset": 9, "epoch": "o"})
    assert subscriptions.places == {"notifications": Place(1, "n"), "orders": Place(9, "o")}


def test_a_wrong_name_adds_none_of_them() -> None:
    subscriptions = Subscriptions(["orders"])
    with pytest.raises(InvalidInput):
        subscriptions.add(["tick:NSE:A", "news"])
    assert list(subscriptions.wanted) == ["orders"]
    assert subscriptions.add(["orders", "feed", "feed"]) == ["feed"]
    subscriptions.remove(["orders"])
    assert list(subscriptions.wanted) == ["feed"]


def test_instruments_of_channels() -> None:
    names = ["tick:NSE:A", "depth:NSE:A", "candle:1m:NFO:B", "orders", "news:from:the:future"]
    assert symbols_of(names) == ["NSE:A", "NFO:B"]


def test_refusals() -> None:
    assert isinstance(refusal({"code": "instrument_not_found", "detail": "x"}), NotFound)
    assert isinstance(refusal({"code": "too_many_channels", "detail": "x"}), InvalidInput)
    assert isinstance(refusal({"code": "something_new", "detail": "x"}), Rejected)
    assert passes("instruments_unavailable", known=False)
    assert passes("no_broker_session", known=True)
    assert not passes("no_broker_session", known=False)
    assert not passes("instrument_not_found", known=True)


def test_messages_are_read_as_they_were_written_and_new_fields_do_no_harm() -> None:
    import orjson

    bar = CandleMessage("NSE:A", "1m", 60, 1.0, 2.0, 0.5, 1.5, 10, None, closed=True)
    assert decode(orjson.loads(encode(bar)) | {"vwap": 1.2}) == bar
    gap = GapMessage("NSE:A", 1, 2, "failover")
    assert decode(orjson.loads(gap.encode())) == gap
    thin = decode({"type": "tick", "symbol": "NSE:A", "ltp": 1.0})
    assert isinstance(thin, TickMessage)
    assert (thin.ltp, thin.bid) == (1.0, None)
    assert decode(order(3)) == Event("order", order(3), Place(3, "e"))
    assert decode({"type": "backfill", "id": "x"}) == Event("backfill", {"type": "backfill", "id": "x"})
