"""Corporate actions: the file, and what it makes of prices."""

from datetime import date

import pytest

from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight
from breezeway.errors import Misconfigured
from market_data_service.domain.corporate_actions import adjust, parse, steps

FILE = """\
symbol,ex_date,kind,value
# our own notes
NSE:X,2026-11-18,dividend,10
NSE:X,2026-11-17,bonus,1:1
NSE:X,2026-11-19,split,5:1
NSE:Y,2026-11-19,split,2:1
"""


def days(*closes: float) -> Candles:
    t = [ist_midnight(date(2026, 11, 16 + place)) for place in range(len(closes))]
    return Candles.of(t, closes, closes, closes, closes, [100] * len(closes), [7] * len(closes))


def test_prices_and_volumes_are_in_todays_shares() -> None:
    actions = parse(FILE.splitlines())["NSE:X"]
    assert [str(each.ex_date) for each in actions] == ["2026-11-17", "2026-11-18", "2026-11-19"]
    raw = days(2000, 1000, 990, 198, 200)
    found = adjust(raw, steps(actions, {date(2026, 11, 18): 1000.0}))
    # Before the bonus a half, before the dividend 99 %, before the split a fifth; each on top of the later ones.
    assert found.c.tolist() == [198.0, 198.0, 198.0, 198.0, 200.0]
    assert found.v.tolist() == [1000, 500, 500, 100, 100]
    assert found.oi is not None
    assert found.oi.tolist() == [7] * 5
    assert raw.c.tolist() == [2000, 1000, 990, 198, 200]


def test_without_actions_nothing_changes_and_an_unknown_close_leaves_a_dividend_out() -> None:
    bars = days(10, 11)
    assert adjust(bars, []) is bars
    actions = parse(["symbol,ex_date,kind,value", "NSE:X,2026-11-17,dividend,1"])["NSE:X"]
    assert steps(actions, {}) == []


@pytest.mark.parametrize(
    "line",
    [
        "NSE:X,2026-11-17,split,5",
        "NSE:X,2026-11-17,split,0:1",
        "NSE:X,17-11-2026,split,5:1",
        "NSE:X,2026-11-17,merger,1:1",
        "NSE:X,2026-11-17,dividend,-1",
        "NSE:X,2026-11-17,dividend,nan",
        "NSE:X,2026-11-17",
    ],
)
def test_a_line_that_makes_no_sense_stops_the_service_with_its_number(line: str) -> None:
    with pytest.raises(Misconfigured, match="line 2"):
        parse(["symbol,ex_date,kind,value", line])


def test_other_columns_are_refused() -> None:
    with pytest.raises(Misconfigured, match="columns"):
        parse(["ticker,date,ratio"])
