"""The client reads what the market-data service writes, and the same from either format that it asks for."""

import numpy as np
import pytest
from fastapi import Response
from starlette.types import Message

from breezeway.candles.columns import Candles as Columns
from breezeway.client.candles import Candles, arrow_page, checked_page
from breezeway.errors import UpstreamFault
from breezeway.intervals import Interval
from market_data_service.api.candle_formats import renderer
from market_data_service.application.candles import CandlesAnswer

START = 1_795_146_300


def answer(*, interest: bool, bars: int = 4, following: str | None = None) -> CandlesAnswer:
    numbers = np.arange(bars)
    prices = [100.0 + numbers, 102.0 + numbers, 99.5 + numbers, 101.25 + numbers]
    columns = Columns(START + 60 * numbers, *prices, 10 * numbers, 7 * numbers if interest else None)
    average = np.where(numbers == 0, np.nan, 100.0 + numbers)
    return CandlesAnswer(
        symbol="NSE:A",
        interval=Interval.MINUTE_1,
        candles=columns,
        complete=False,
        next=following,
        indicators={"sma:2": average},
    )


async def sent(response: Response) -> bytes:
    """The whole body as a server would send it; an Arrow answer comes in parts."""
    parts: list[bytes] = []

    async def send(message: Message) -> None:
        parts.append(bytes(message.get("body", b"")))

    async def receive() -> Message:
        raise AssertionError("an answer asks nothing")

    await response({"type": "http"}, receive, send)
    return b"".join(parts)


@pytest.mark.parametrize("interest", [True, False])
@pytest.mark.parametrize("bars", [0, 4])
@pytest.mark.parametrize("following", [None, "1795146900.0123456789"])
async def test_both_formats_say_the_same(interest: bool, bars: int, following: str | None) -> None:
    written = answer(interest=interest, bars=bars, following=following)
    as_json = checked_page(renderer("json")(written).body)
    response = renderer("arrow")(written)
    as_arrow = arrow_page(await sent(response), response.headers)
    assert as_arrow["next"] == as_json["next"] == following
    one, two = (Candles(page["symbol"], page["interval"], [page]) for page in (as_json, as_arrow))
    assert (
        (one.symbol, one.interval, one.complete) == (two.symbol, two.interval, two.complete) == ("NSE:A", "1m", False)
    )
    assert one.to_numpy().dtype == two.to_numpy().dtype
    for name in one.to_numpy().dtype.names or ():
        np.testing.assert_array_equal(one.to_numpy()[name], two.to_numpy()[name])
    assert one.to_list() == two.to_list()
    assert len(one) == bars


async def test_what_is_no_arrow_is_an_upstream_fault() -> None:
    with pytest.raises(UpstreamFault):
        arrow_page(b"<html>", {"X-Complete": "true", "X-Next": ""})
    with pytest.raises(UpstreamFault):
        arrow_page(await sent(renderer("arrow")(answer(interest=True))), {})
