"""How the broker's rows become ours: identity, ticks, aliases, what is refused."""

from datetime import date
from decimal import Decimal
from typing import Any

from breezeway.breeze.master import MasterRow
from instruments_service.domain.listing import Intake, natural_key, take_in

DAY = date(2026, 7, 30)


def make_row(**over: Any) -> MasterRow:
    values: dict[str, Any] = {
        "file": "NSEScripMaster.txt",
        "line": 2,
        "exchange": "NSE",
        "code": "RELIANCE",
        "symbol": "RELIANCE",
        "broker_code": "RELIND",
        "token": "2885",
        "broker_token": "4.1!2885",
        "kind": "equity",
        "name": "RELIANCE INDUSTRIES",
        "series": "EQ",
        "isin": "INE002A01018",
        "lot_size": 1,
        "tick_size": Decimal("0.01"),
        "expiry": None,
        "strike": None,
        "right": None,
        "underlying": None,
        "underlying_exchange": None,
        "lower_band": Decimal(1148),
        "upper_band": Decimal(1403),
        "reference_price": Decimal(1275),
    }
    return MasterRow(**(values | over))


def make_put(**over: Any) -> MasterRow:
    values: dict[str, Any] = {
        "file": "FONSEScripMaster.txt",
        "exchange": "NFO",
        "code": "BANKNIFTY25AUG2658000PE",
        "broker_code": "CNXBAN",
        "broker_token": "4.1!60003",
        "kind": "option",
        "expiry": date(2026, 8, 25),
        "strike": Decimal("58000.00"),
        "right": "PE",
        "underlying": "BANKNIFTY",
        "underlying_exchange": "NSE_INDEX",
        "lot_size": 30,
        "tick_size": Decimal("0.05"),
    }
    return make_row(**(values | over))


def take(*rows: MasterRow, day: date = DAY) -> Intake:
    return take_in(rows, (), files={"NSEScripMaster.txt": len(rows)}, missing=(), master_date=day)


def test_identity_survives_a_new_symbol_token_series_and_isin() -> None:
    before = make_row()
    after = make_row(code="RIL-BE", symbol="RIL", token="9", broker_token="4.1!9", series="BE", isin="INE002A01026")
    assert natural_key(before) == natural_key(after) == "NSE:RELIND"


def test_identity_of_contracts_ignores_the_token_and_the_strikes_spelling() -> None:
    assert natural_key(make_put()) == "NFO:OPT:CNXBAN:2026-08-25:58000:PE"
    assert natural_key(make_put(token="1", strike=Decimal(58000))) == natural_key(make_put())
    future = make_put(kind="future", strike=None, right=None, code="BANKNIFTY25AUG26FUT")
    assert natural_key(future) == "NFO:FUT:CNXBAN:2026-08-25"


def test_contracts_are_also_spelled_with_iciccis_code() -> None:
    listing = take(make_put()).listings[0]
    assert listing.symbol == "NFO:BANKNIFTY25AUG2658000PE"
    assert listing.broker_symbol == "NFO:CNXBAN25AUG2658000PE"
    assert listing.right == "put"
    assert listing.search_text is None


def test_a_share_that_contracts_are_written_on_is_more_popular() -> None:
    future = make_put(kind="future", strike=None, right=None, underlying="RELIANCE", underlying_exchange="NSE")
    with_contracts = take(make_row(), future).listings[0]
    alone = take(make_row()).listings[0]
    assert with_contracts.popularity > alone.popularity


def test_cash_ticks_follow_the_price_and_contract_ticks_the_file() -> None:
    share = take(make_row()).listings[0]
    assert (share.tick_size, share.monthly_tick) == (Decimal("0.10"), True)
    assert take(make_row(reference_price=Decimal(100))).listings[0].tick_size == Decimal("0.01")
    put = take(make_put()).listings[0]
    assert (put.tick_size, put.monthly_tick) == (Decimal("0.05"), False)
    bse = take(make_row(exchange="BSE", tick_size=None, reference_price=Decimal(1403))).listings[0]
    assert bse.tick_size == Decimal("0.05")


def test_a_contract_that_the_master_still_carries_after_its_expiry_is_expired() -> None:
    assert take(make_put(), day=date(2026, 8, 25)).listings[0].status == "active"
    assert take(make_put(), day=date(2026, 8, 26)).listings[0].status == "expired"


def test_two_rows_with_one_identity_leave_one_and_a_reason() -> None:
    intake = take(make_row(), make_row(line=3, code="OTHER"))
    assert [one.symbol for one in intake.listings] == ["NSE:RELIANCE"]
    assert [(row.line, row.reason) for row in intake.refused] == [(3, "duplicate_identity")]
    assert intake.lines == len(intake.listings) + len(intake.refused)


def test_numbers_that_the_database_cannot_hold_refuse_their_row_only() -> None:
    intake = take(make_row(upper_band=Decimal(10**13)), make_put(line=3, tick_size=Decimal("0.0000001")))
    assert intake.listings == []
    assert [row.reason for row in intake.refused] == ["number_out_of_range", "tick_size_unusable"]
