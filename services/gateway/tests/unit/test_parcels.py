"""What may be conflated is read off the very bytes that the shared contract encodes."""

import pytest

from breezeway.contracts.stream import CandleMessage, DepthMessage, FeedMessage, GapMessage, TickMessage, encode
from gateway_service.application.parcels import parcel

TICK = TickMessage("NSE:A", 1, 1.0, 1, 1, 1.0, 1, 1.0, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0, None, 1, 1, None, None, 1)


@pytest.mark.parametrize(
    ("body", "replaceable"),
    [
        (encode(TICK), True),
        (encode(DepthMessage("NSE:A", 1, [], [], 1)), True),
        (encode(CandleMessage("NSE:A", "1m", 60, 1, 1, 1, 1, 1, None, closed=False)), True),
        (encode(CandleMessage("NSE:A", "1m", 60, 1, 1, 1, 1, 1, None, closed=True)), False),
        (encode(FeedMessage("live", None, 1)), False),
        (GapMessage("NSE:A", 1, 2, "takeover").encode(), False),
        (b'{"type":"backfill","state":"done"}', False),
        (b'{"type":"order","note":"\\"type\\":\\"tick\\"}"}', False),
    ],
)
def test_only_ticks_depths_and_forming_bars_may_be_replaced(body: bytes, replaceable: bool) -> None:
    assert (parcel("topic", body).key is not None) == replaceable


def test_a_parcel_knows_its_size() -> None:
    assert parcel("topic", b"12345").size == 5
