"""The rules around history and quotes: caps, refusals, rows of BSE, option chains."""

from typing import Any

import pytest

from breeze_simulator.application.accounts import Accounts, App
from breeze_simulator.application.history import History, HistoryRules
from breeze_simulator.application.portfolio import Portfolio
from breeze_simulator.application.positions import Positions
from breeze_simulator.application.quotes import Quotes
from breeze_simulator.domain.envelopes import BrokerRefusal, HttpStatuses, Refusals
from breezeway.testing.clock import FixedClock

REFUSALS = Refusals(HttpStatuses())
ASK = {
    "interval": "1minute",
    "from_date": "2026-08-03T09:20:00.000Z",
    "to_date": "2026-08-03T09:22:00.000Z",
    "stock_code": "RELIND",
}
OPTION = {"stock_code": "NIFTY", "exchange_code": "NFO", "product_type": "options"}


@pytest.fixture
def history(market: Any) -> History:
    return History(market, REFUSALS, HistoryRules())


@pytest.fixture
def quotes(market: Any) -> Quotes:
    return Quotes(market, REFUSALS)


def test_v2_includes_both_ends_and_v1_loses_its_first_minute(history: History) -> None:
    v2 = history.v2(ASK | {"exch_code": "nse"})
    v1 = history.v1(ASK | {"exchange_code": "nse", "interval": "minute"})
    assert [row["datetime"] for row in v2] == [f"2026-08-03 09:{m}:00" for m in (20, 21, 22)]
    assert [row["datetime"] for row in v1] == [f"2026-08-03 09:{m}:00" for m in (21, 22)]


def test_v1_keeps_all_when_asked_to(market: Any) -> None:
    history = History(market, REFUSALS, HistoryRules(v1_drops_first_bar=False))
    assert len(history.v1(ASK | {"exchange_code": "NSE", "interval": "minute"})) == 3


@pytest.mark.parametrize(("keep", "first"), [("first", "09:15"), ("last", "15:25")])
def test_v2_cuts_at_the_cap(market: Any, keep: Any, first: str) -> None:
    history = History(market, REFUSALS, HistoryRules(cap=5, keep=keep))
    rows = history.v2(ASK | {"exch_code": "NSE", "from_date": "2026-08-03", "to_date": "2026-08-03T23:00:00.000Z"})
    assert len(rows) == 5
    assert str(rows[0]["datetime"])[11:16] == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"stock_code": "NOSUCH"},
        {"interval": "2minute"},
        {"from_date": "soon"},
        {"exchange": "XXX"},
    ],
)
def test_v2_answers_nonsense_with_nothing_and_v1_with_one_text(history: History, wrong: dict[str, str]) -> None:
    exchange = wrong.pop("exchange", "NSE")
    assert history.v2(ASK | {"exch_code": exchange} | wrong) == []
    with pytest.raises(BrokerRefusal) as error:
        history.v1(ASK | {"exchange_code": exchange} | wrong)
    assert error.value.envelope == {"Success": None, "Status": 500, "Error": "Historical Data Fail"}


def test_v1_has_no_bse(history: History) -> None:
    assert len(history.v2(ASK | {"exch_code": "BSE"})) == 3
    with pytest.raises(BrokerRefusal):
        history.v1(ASK | {"exchange_code": "BSE"})


def test_bse_gives_two_rows_and_the_second_is_its_own(quotes: Quotes) -> None:
    rows = quotes.quotes({"stock_code": "RELIND", "exchange_code": "BSE", "product_type": "cash"})
    assert [row["exchange_code"] for row in rows] == ["NSE", "BSE"]
    assert len(quotes.quotes({"stock_code": "RELIND", "exchange_code": "NSE"})) == 1


def test_unknown_codes_and_dead_contracts_differ(quotes: Quotes) -> None:
    with pytest.raises(BrokerRefusal, match="contact admin"):
        quotes.quotes({"stock_code": "NOSUCH", "exchange_code": "NSE"})
    with pytest.raises(BrokerRefusal, match="No Data Found"):
        quotes.quotes(OPTION | {"expiry_date": "2020-01-30T06:00:00.000Z", "right": "call", "strike_price": "24500"})


@pytest.mark.parametrize(
    ("members", "rights"),
    [
        ({"expiry_date": "2026-08-25T06:00:00.000Z", "right": "call"}, ["Call"]),
        ({"expiry_date": "2026-08-25T06:00:00.000Z", "strike_price": "24500"}, ["Call", "Put"]),
        ({"right": "put", "strike_price": "24500"}, ["Put"]),
    ],
)
def test_a_chain_needs_two_of_three(quotes: Quotes, members: dict[str, str], rights: list[str]) -> None:
    assert [row["right"] for row in quotes.option_chain(OPTION | members)] == rights


@pytest.mark.parametrize("members", [{}, {"right": "call"}, {"strike_price": "0", "right": "call"}])
def test_a_chain_of_less_is_empty(quotes: Quotes, members: dict[str, str]) -> None:
    with pytest.raises(BrokerRefusal, match="No Data Found"):
        quotes.option_chain(OPTION | members)


def test_a_chain_of_futures(quotes: Quotes) -> None:
    (row,) = quotes.option_chain(OPTION | {"product_type": "futures"})
    assert (row["product_type"], row["right"], row["expiry_date"]) == ("Futures", "Others", "25-Aug-2026")


def test_money_moves_between_bank_and_segment(market: Any, wall: FixedClock) -> None:
    accounts = Accounts([App(api_key="k", secret="s", user_id="U1", user_name="X")])
    portfolio = Portfolio(market, accounts, Positions(), REFUSALS, wall)
    before = portfolio.funds("U1")
    assert portfolio.set_funds("U1", {"transaction_type": "credit", "amount": "5000", "segment": "Equity"}) == {
        "status": "Success"
    }
    after = portfolio.funds("U1")
    assert after["allocated_equity"] == before["allocated_equity"] + 5000.0  # type: ignore[operator]
    assert float(str(after["unallocated_balance"])) == float(str(before["unallocated_balance"])) - 5000
    for wrong in (
        {"transaction_type": "debit", "amount": "999999999", "segment": "Equity"},
        {"transaction_type": "credit", "amount": "NaN", "segment": "Equity"},
        {"transaction_type": "credit", "amount": "1", "segment": "Casino"},
        {"transaction_type": "gift", "amount": "1", "segment": "Equity"},
    ):
        with pytest.raises(BrokerRefusal):
            portfolio.set_funds("U1", wrong)
    assert portfolio.funds("U1") == after


def test_holdings_and_positions_are_rows_of_strings(market: Any, wall: FixedClock) -> None:
    portfolio = Portfolio(market, Accounts([]), Positions(), REFUSALS, wall)
    (held,) = portfolio.holdings("U1", {"exchange_code": "NSE"})
    assert (held["stock_code"], held["quantity"], held["current_market_price"]) == ("RELIND", "50", "894.75")
    (position,) = portfolio.positions("U1")
    assert (position["stock_code"], position["quantity"], position["action"]) == ("NIFTY", "65", "Buy")
    assert len(position) == 31
    (demat,) = portfolio.demat_holdings()
    assert demat["stock_ISIN"] == "INE002A01018"
    with pytest.raises(BrokerRefusal, match="No Data Found"):
        portfolio.holdings("U1", {"exchange_code": "NSE", "stock_code": "TCS"})
