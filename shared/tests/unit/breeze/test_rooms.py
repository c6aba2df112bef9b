import pytest

from breezeway.breeze.rooms import depth_room, ohlc_room, quote_room


@pytest.mark.parametrize(
    ("quote", "depth", "ohlc"),
    [
        ("4.1!2885", "4.2!2885", "4.1!2885"),
        ("8.1!844663", "8.2!844663", "2.1!844663"),
        ("13.1!9501", "13.2!9501", "13.1!9501"),
        ("4.1!NIFTY 50", "4.2!NIFTY 50", "4.1!NIFTY 50"),
    ],
)
def test_rooms_of_one_instrument(quote: str, depth: str, ohlc: str) -> None:
    assert (depth_room(quote), ohlc_room(quote)) == (depth, ohlc)
    assert {quote_room(room) for room in (quote, depth, ohlc)} == {quote}


@pytest.mark.parametrize("room", ["", "4.1!", "2885", "4.3!1", "4.2!1 "])
def test_what_is_no_quote_room(room: str) -> None:
    with pytest.raises(ValueError, match="room"):
        depth_room(room)
