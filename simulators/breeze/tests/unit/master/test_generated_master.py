"""The generated SecurityMaster has the real one's shape, byte for byte where it matters."""

import csv
import io
import zipfile
from collections import Counter
from datetime import date

import pytest

from breeze_simulator.adapters.master_zip import pack, read_universe
from breeze_simulator.domain.generated_master import GeneratedMaster
from breeze_simulator.domain.instruments import Universe
from breeze_simulator.domain.master_files import ZIP_ORDER, MasterReader
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

DAY = date(2026, 11, 20)
COLUMNS = {
    "BSEScripMaster.txt": 34,
    "CDNSEScripMaster.txt": 69,
    "FOBSEScripMaster.txt": 69,
    "FONSEScripMaster.txt": 69,
    "MCXScripMaster.txt": 27,
    "MFScripMaster.txt": 17,
    "NSEScripMaster.txt": 61,
}


def generate(seed: int = 7, day: date = DAY, extra: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    calendar = MarketCalendar.default()
    master = GeneratedMaster(
        seed, day, lambda each: calendar.is_trading_day(Segment.NSE, each), lambda _, price: price, extra
    )
    return master.files()


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(generate())


@pytest.fixture(scope="module")
def universe(files: dict[str, str]) -> Universe:
    return read_universe(pack(list(files.items()), DAY))


def table(files: dict[str, str], name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(files[name], newline=""), skipinitialspace=True))


def test_seven_files_in_the_order_that_the_sdk_depends_on(files: dict[str, str]) -> None:
    data = pack(list(files.items()), DAY)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert tuple(archive.namelist()) == ZIP_ORDER


def test_every_file_is_ascii_with_crlf_and_no_end_after_the_last_row(files: dict[str, str]) -> None:
    for name, text in files.items():
        assert text.isascii(), name
        assert text.count("\n") == text.count("\r\n") > 0, name
        assert not text.endswith("\n"), name


def test_every_row_has_the_columns_of_its_header(files: dict[str, str]) -> None:
    for name, columns in COLUMNS.items():
        assert {len(row) for row in table(files, name)} == {columns}, name


def test_headers_keep_their_blanks(files: dict[str, str]) -> None:
    assert files["NSEScripMaster.txt"].startswith('"Token", "ShortName", "Series", "CompanyName", "ticksize"')
    assert files["BSEScripMaster.txt"].startswith('"Token","ShortName","Series"')
    assert '"Rating","SchemeName", "SchemeOption"' in files["MFScripMaster.txt"].split("\r\n")[0]


def test_it_is_as_big_as_promised(files: dict[str, str]) -> None:
    shares = [row for row in table(files, "NSEScripMaster.txt")[1:] if row[2] != "0"]
    contracts = sum(len(table(files, name)) - 1 for name in ("FONSEScripMaster.txt", "FOBSEScripMaster.txt"))
    assert len(shares) >= 2000
    assert contracts >= 60_000


def test_the_oddities_are_there(files: dict[str, str]) -> None:
    tokens = Counter(row[0] for row in table(files, "NSEScripMaster.txt")[1:])
    assert tokens["0"] > 50
    assert tokens["nul"] == tokens["X5572"] == 1
    assert max(count for token, count in tokens.items() if token.isdigit() and token.strip("0")) == 2
    index = next(row for row in table(files, "NSEScripMaster.txt") if row[1] == "CNXBAN")
    assert (index[0], index[2], index[60]) == ("NIFTY BANK", "0", "NIFTY BANK")
    assert [row[1] for row in table(files, "CDNSEScripMaster.txt")[1:]] == ["UNDCUR"] * 4
    contracts = table(files, "FONSEScripMaster.txt")[1:]
    assert any("." in row[5] and float(row[5]) for row in contracts if row[5] != "N.A.")
    assert {"5", "1", "10"} <= {row[28] for row in contracts}
    assert any(row[5] == "N.A." for row in contracts)


def test_short_names_and_contracts_are_unique(files: dict[str, str]) -> None:
    codes = Counter(row[1] for row in table(files, "NSEScripMaster.txt")[1:])
    assert max(codes.values()) == 1
    for name in ("FONSEScripMaster.txt", "FOBSEScripMaster.txt"):
        rows = table(files, name)[1:]
        assert max(Counter(tuple(row[2:7]) for row in rows).values()) == 1
        assert max(Counter(row[0] for row in rows if row[0] != "0").values()) == 1


def test_nfo_tokens_stay_clear_of_nse_tokens(files: dict[str, str]) -> None:
    shares = {row[0] for row in table(files, "NSEScripMaster.txt")}
    contracts = {row[0] for row in table(files, "FONSEScripMaster.txt")[1:] if row[0] != "0"}
    assert not shares & contracts


def test_the_same_seed_and_day_give_the_same_bytes() -> None:
    first, second = (pack(generate(seed=3), DAY) for _ in range(2))
    assert first == second
    assert pack(generate(seed=4), DAY) != first


def test_a_contract_keeps_its_token_from_day_to_day() -> None:
    before, after = (
        {tuple(row[2:7]): row[0] for row in table(dict(generate(day=day)), "FONSEScripMaster.txt")[1:]}
        for day in (date(2026, 11, 19), DAY)
    )
    kept = before.keys() & after.keys()
    assert len(kept) > 50_000
    moved = sum(before[contract] != after[contract] for contract in kept)
    assert moved / len(kept) < 0.01


def test_known_names_carry_their_real_codes(universe: Universe) -> None:
    share = universe.by_contract("NSE", "RELIND", "cash")
    assert share is not None
    assert (share.exchange_symbol, share.token, share.isin) == ("RELIANCE", "2885", "INE002A01018")
    assert universe.by_room("4.1!2885") is share
    assert universe.by_room("4.2!2885") is share
    for code, symbol in (("INFTEC", "INFY"), ("STABAN", "SBIN"), ("ICIBAN", "ICICIBANK"), ("TCS", "TCS")):
        found = universe.by_contract("NSE", code, "cash")
        assert found is not None
        assert found.exchange_symbol == symbol


def test_rooms_find_indices_and_every_derivatives_exchange(universe: Universe) -> None:
    for room, code in (("4.1!NIFTY 50", "NIFTY"), ("4.1!NIFTY BANK", "CNXBAN"), ("1.1!SENSEX", "BSESEN")):
        index = universe.by_room(room)
        assert index is not None
        assert (index.kind, index.stock_code) == ("index", code)
    expiry = universe.expiries("BFO", "BSESEN", "future")[0]
    future = universe.by_contract("BFO", "BSESEN", "futures", expiry)
    assert future is not None
    assert universe.by_room(future.quote_room) is future
    assert universe.by_room(future.ohlc_room) is future
    assert future.ohlc_room.startswith("2.1!")
    assert universe.by_room("4.1!False") is None
    assert universe.by_room("nonsense") is None


def test_expiries_follow_the_calendar(universe: Universe) -> None:
    # 2026-11-24 is a Tuesday and a holiday, so the month's contracts expire on the Monday.
    assert universe.expiries("NFO", "NIFTY", "future")[0] == date(2026, 11, 23)
    assert universe.expiries("NFO", "NIFTY", "option")[1] == date(2026, 12, 1)
    assert universe.expiries("BFO", "BSESEN", "option")[0] == date(2026, 11, 26)
    assert len(universe.expiries("NFO", "CNXBAN", "option")) == 3


def test_contracts_are_found_by_strike_and_right(universe: Universe) -> None:
    expiry = universe.expiries("NFO", "NIFTY", "option")[0]
    chain = universe.chain("NFO", "NIFTY", expiry)
    assert [option.right for option in chain[:2]] == ["call", "put"]
    option = chain[41]
    for right in ("Put", "PE", "put"):
        assert universe.by_contract("NFO", "NIFTY", "options", expiry, option.strike, right) is option
    assert universe.by_contract("NFO", "NIFTY", "options", expiry, 1.0, "call") is None
    below = universe.underlying_of(option)
    assert below is not None
    assert below.token == "NIFTY 50"


def test_symbols_of_candle_files_are_listed() -> None:
    universe = read_universe(pack(generate(extra=("RELIANCE", "NOSUCHCO")), DAY))
    share = universe.by_symbol("NSE", "NOSUCHCO")
    assert share is not None
    assert universe.by_room(share.quote_room) is share


def test_rows_that_cannot_be_used_are_counted_not_fatal() -> None:
    reader = MasterReader()
    lines = ['"Token", "ShortName"', '"1","A"', '"5","B","EQ"', "", '"x"']
    assert list(reader.read("NSEScripMaster.txt", lines)) == []
    assert reader.refused.total() >= 3
