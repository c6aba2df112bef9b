"""What is asked of the instruments service for a symbol that somebody typed."""

from typing import Any

import pytest

from breezeway.errors import NotFound
from market_data_service.adapters.upstream.instruments import HttpInstruments


class NobodyIsAsked:
    async def call(self, *_given: Any, **_more: Any) -> Any:
        raise AssertionError("a request was made")


@pytest.mark.parametrize("symbol", ["NIFTY/expiries", "¶pk/", "../feed", "/"])
async def test_a_symbol_cannot_choose_another_route(symbol: str) -> None:
    instruments = HttpInstruments(NobodyIsAsked())  # type: ignore[arg-type]
    with pytest.raises(NotFound) as refused:
        await instruments.resolve(symbol, "token")
    assert refused.value.code == "instrument_not_found"
