"""What stream clients may rely on: the fields of each message, and how channels are spelled."""

import dataclasses

import orjson
import pytest

from breezeway.contracts import stream
from breezeway.contracts.stream import Channel
from breezeway.errors import InvalidInput

TICK = (
    "type symbol seq ltp ltq ltt bid bid_qty ask ask_qty open high low prev_close change_pct volume avg_price oi "
    "buy_qty sell_qty lower_band upper_band ts"
)

BROKER_ORDER = (
    "type broker_order_id at exchange broker_code expiry right side order_type validity product status price "
    "trigger_price average_price strike quantity filled_quantity cancelled_quantity expired_quantity placed_by"
)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (stream.TickMessage, TICK),
        (stream.DepthMessage, "type symbol seq bids asks ts"),
        (stream.CandleMessage, "type symbol interval t o h l c v oi closed"),
        (stream.FeedMessage, "type state reason ts"),
        (stream.ClosingMessage, "type code reason retry_after_ms"),
        (stream.BrokerOrderMessage, BROKER_ORDER),
    ],
)
def test_a_message_has_exactly_the_promised_fields(message: type, fields: str) -> None:
    assert {field.name for field in dataclasses.fields(message)} == set(fields.split())


def test_a_gap_is_spelled_with_from_and_to() -> None:
    encoded = orjson.loads(stream.GapMessage("NSE:INFY", 1, 2, "reconnected").encode())
    assert encoded == {"type": "gap", "symbol": "NSE:INFY", "from": 1, "to": 2, "reason": "reconnected"}


@pytest.mark.parametrize(
    "name",
    [
        "tick:NSE:RELIANCE",
        "depth:NSE:M&M",
        "candle:1m:NFO:NIFTY24NOV2626000CE",
        "orders",
        "notifications",
        "backfills",
        "feed",
    ],
)
def test_channel_names_round_trip(name: str) -> None:
    assert Channel.parse(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tick",
        "tick:",
        "ticks:NSE:X",
        "candle:NSE:X",
        "candle:7m:NSE:X",
        "orders:NSE:X",
        "tick:" + "x" * 65,
        "TICK:NSE:X",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        Channel.parse(name)
