"""What may be conflated is read off the very bytes that the shared contract encodes."""

import pytest

from breezeway.contracts.stream import CandleMessage, DepthMessage, FeedMessage, GapMessage, TickMessage, encode
from gateway_service.application.parcels import MOST_BYTES, parcel, pieces

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


def test_what_waited_long_is_cut_into_frames_that_every_client_takes() -> None:
    parcels = [parcel(f"tick:{n}", b"x" * 60_000) for n in range(10)]
    cut = list(pieces(parcels))
    assert [len(piece) for piece in cut] == [4, 4, 2]
    assert [each for piece in cut for each in piece] == parcels
    giant = parcel("tick:1", b"x" * (MOST_BYTES + 1))
    assert list(pieces([parcels[0], giant, parcels[1]])) == [[parcels[0]], [giant], [parcels[1]]]
