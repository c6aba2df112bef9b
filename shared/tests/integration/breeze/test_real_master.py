from decimal import Decimal
from pathlib import Path

import pytest

from breezeway.breeze.master import MasterRow, ParsedMaster, parse_master

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def parsed(real_data: Path) -> ParsedMaster:
    (archive,) = (real_data / "security_master").glob("*.zip")
    return parse_master(archive.read_bytes())


@pytest.fixture(scope="module")
def by_symbol(parsed: ParsedMaster) -> dict[str, MasterRow]:
    return {f"{row.exchange}:{row.code}": row for row in parsed.rows}


def test_every_line_of_the_seven_files_is_stored_or_refused(parsed: ParsedMaster) -> None:
    lines = {name.removesuffix("ScripMaster.txt"): count.lines for name, count in parsed.files.items()}
    assert lines == {"NSE": 5687, "BSE": 13357, "FONSE": 70950, "FOBSE": 4439, "CDNSE": 4, "MCX": 37408, "MF": 7014}
    assert parsed.missing == ()
    assert len(parsed.rows) + len(parsed.refused) == sum(lines.values())
    places = {(row.file, row.line) for row in parsed.rows} | {(row.file, row.line) for row in parsed.refused}
    assert len(places) == sum(lines.values())


def test_only_junk_and_doubles_are_refused(parsed: ParsedMaster) -> None:
    reasons = {row.reason for row in parsed.refused}
    assert reasons == {"token_unusable", "duplicate_code", "duplicate_token"}
    assert len(parsed.refused) == 354
    assert all(count.refused == 0 for name, count in parsed.files.items() if name[:3] not in ("NSE", "BSE"))


def test_codes_and_rooms_are_unique(parsed: ParsedMaster, by_symbol: dict[str, MasterRow]) -> None:
    assert len(by_symbol) == len(parsed.rows)
    rooms = [row.broker_token for row in parsed.rows if row.broker_token]
    assert len(set(rooms)) == len(rooms)


def test_known_instruments(by_symbol: dict[str, MasterRow]) -> None:
    rooms = {
        "NSE:RELIANCE": ("4.1!2885", "RELIND"),
        "BSE:RELIANCE": ("1.1!500325", "RELIND"),
        "NSE_INDEX:NIFTY": ("4.1!NIFTY 50", "NIFTY"),
        "NSE_INDEX:BANKNIFTY": ("4.1!NIFTY BANK", "CNXBAN"),
        "NSE_INDEX:FINNIFTY": ("4.1!NIFTY FIN SERVICE", "NIFFIN"),
        "NSE_INDEX:MIDCPNIFTY": ("4.1!NIFTY MID SELECT", "NIFSEL"),
        "NSE_INDEX:INDIAVIX": ("4.1!INDIA VIX", "INDVIX"),
        "BSE_INDEX:SENSEX": ("1.1!SENSEX", "BSESEN"),
        "BSE_INDEX:BANKEX": ("1.1!999911", "BANKEX"),
        "NFO:BANKNIFTY25AUG26FUT": ("4.1!58067", "CNXBAN"),
        "NFO:NIFTY04AUG2624500CE": ("4.1!65860", "NIFTY"),
        "BFO:SENSEX27AUG26FUT": ("8.1!825622", "BSESEN"),
        "MCX:CRUDEOIL19AUG26FUT": ("6.1!560977", "CRUDE"),
        "CDS:USDINR": ("13.1!1", "USDINR"),
    }
    assert {symbol: (by_symbol[symbol].broker_token, by_symbol[symbol].broker_code) for symbol in rooms} == rooms
    assert (by_symbol["NFO:NIFTY04AUG2624500CE"].lot_size, by_symbol["BFO:SENSEX27AUG26FUT"].lot_size) == (65, 20)


def test_decimal_strikes_survive(parsed: ParsedMaster, by_symbol: dict[str, MasterRow]) -> None:
    assert sum(1 for row in parsed.rows if row.strike is not None and row.strike % 1) == 1636
    assert by_symbol["NFO:GAIL25AUG26227.5CE"].strike == Decimal("227.5")


def test_contracts_point_at_instruments_that_exist(parsed: ParsedMaster, by_symbol: dict[str, MasterRow]) -> None:
    wanted = {f"{row.underlying_exchange}:{row.underlying}" for row in parsed.rows if row.underlying_exchange}
    assert wanted - set(by_symbol) == set()
    assert len(wanted) == 216
