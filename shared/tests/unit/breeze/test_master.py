import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze import _master_rows as layouts
from breezeway.breeze.master import MalformedMaster, MasterRow, ParsedMaster, nse_cash_tick, parse_master

COLUMNS = {
    "NSEScripMaster.txt": layouts.NSE_COLUMNS,
    "BSEScripMaster.txt": layouts.BSE_COLUMNS,
    "FONSEScripMaster.txt": layouts.CONTRACT_COLUMNS,
    "FOBSEScripMaster.txt": layouts.CONTRACT_COLUMNS,
    "CDNSEScripMaster.txt": layouts.CONTRACT_COLUMNS,
    "MCXScripMaster.txt": layouts.MCX_COLUMNS,
    "MFScripMaster.txt": layouts.MF_COLUMNS,
}
RELIANCE = '"2885","RELIND","EQ","RELIANCE INDUSTRIES",0.01,1,"INE002A01018",1403.4,1148.4,"RELIANCE"'
NIFTY = '"NIFTY 50","NIFTY","0","NIFTY 50",0.01,1,"",0,0,"NIFTY 50"'
BANK = '"NIFTY BANK","CNXBAN","0","NIFTY BANK",0.01,1,"",0,0,"NIFTY BANK"'
BANK_FUTURE = '"7","FUTIDX","CNXBAN","FUTURE","24-Nov-2026","0","XX",30,20,"",50000,60000,5734440,"NIFTY BANK"'
VEDL = '"9","OPTSTK","SESGOA","OPTION","28-Apr-2026","292.5","CE",1150,5,"VEDANTA",0.05,20.1,29105,"VEDL"'
SENSEX_FUTURE = '"825622","FUTIND","BSESEN","FUTURE","27-Aug-2026","0","XX",20,5,"",69526,84977,7794480,"SENSEX"'
SENSEX = '"SENSEX","BSESEN","DR","BSE SENSEX",0,1,"","","SENSEX"'
CRUDE = '"560977","FUTSTK","CRUDE","FUTURE","19-Aug-2026",0,"XX",100,100,"CRUDEOIL",6919,8287,"CRUDEOIL"'


def archive(files: dict[str, list[str]], *, space: bool = False, end: str = "\r\n") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, lines in files.items():
            header = (", " if space else ",").join(f'"{column}"' for column in COLUMNS[name])
            entry = zipfile.ZipInfo(name, (2026, 7, 30, 7, 42, 0))
            package.writestr(entry, end.join([header, *lines]), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def parse(name: str, *lines: str) -> ParsedMaster:
    return parse_master(archive({name: list(lines)}))


def only(parsed: ParsedMaster) -> MasterRow:
    (row,) = parsed.rows
    return row


@pytest.mark.parametrize("space", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_share(space: bool, end: str) -> None:
    parsed = parse_master(archive({"NSEScripMaster.txt": [RELIANCE]}, space=space, end=end))
    row = only(parsed)
    assert (row.exchange, row.code, row.broker_code, row.broker_token) == ("NSE", "RELIANCE", "RELIND", "4.1!2885")
    assert (row.kind, row.isin, row.lot_size, row.line) == ("equity", "INE002A01018", 1, 2)
    assert (row.lower_band, row.upper_band, row.reference_price) == (
        (Decimal("1148.4"), Decimal("1403.4"), Decimal("1275.9"))
    )
    assert parsed.built_at.isoformat() == "2026-07-30T07:42:00+05:30"


def test_another_series_is_another_instrument() -> None:
    assert only(parse("NSEScripMaster.txt", RELIANCE.replace('"EQ"', '"BE"'))).code == "RELIANCE-BE"


def test_indices_and_their_contracts_share_the_markets_code() -> None:
    parsed = parse_master(archive({"NSEScripMaster.txt": [NIFTY, BANK], "FONSEScripMaster.txt": [BANK_FUTURE]}))
    nifty, bank, future = parsed.rows
    assert (nifty.exchange, nifty.code, nifty.broker_token) == ("NSE_INDEX", "NIFTY", "4.1!NIFTY 50")
    assert (bank.code, bank.broker_code) == ("BANKNIFTY", "CNXBAN")
    assert (future.exchange, future.code, future.kind) == ("NFO", "BANKNIFTY24NOV26FUT", "future")
    assert (future.underlying, future.underlying_exchange, future.strike) == ("BANKNIFTY", "NSE_INDEX", None)
    assert (future.tick_size, future.reference_price) == (Decimal("0.2"), Decimal("57344.4"))


def test_an_index_contract_is_named_without_its_index_row() -> None:
    assert only(parse("FONSEScripMaster.txt", BANK_FUTURE)).code == "BANKNIFTY24NOV26FUT"


def test_a_decimal_strike_keeps_no_needless_zeros() -> None:
    row = only(parse("FONSEScripMaster.txt", VEDL))
    assert (row.code, row.strike, row.right, row.expiry) == (
        ("VEDL28APR26292.5CE", Decimal("292.5"), "CE", date(2026, 4, 28))
    )
    assert only(parse("FONSEScripMaster.txt", VEDL.replace("292.5", "290.00"))).code == "VEDL28APR26290CE"


def test_bse_finds_its_indices_among_the_shares() -> None:
    parsed = parse_master(archive({"BSEScripMaster.txt": [SENSEX], "FOBSEScripMaster.txt": [SENSEX_FUTURE]}))
    future, index = parsed.rows
    assert (index.exchange, index.code, index.kind, index.broker_token) == (
        ("BSE_INDEX", "SENSEX", "index", "1.1!SENSEX")
    )
    assert (future.code, future.broker_token, future.underlying_exchange) == (
        ("SENSEX27AUG26FUT", "8.1!825622", "BSE_INDEX")
    )


def test_a_commodity() -> None:
    row = only(parse("MCXScripMaster.txt", CRUDE))
    assert (row.code, row.broker_token, row.tick_size, row.underlying, row.underlying_exchange) == (
        ("CRUDEOIL19AUG26FUT", "6.1!560977", Decimal(1), "CRUDEOIL", None)
    )


def test_a_currency_pair_has_its_tick_in_rupees() -> None:
    pair = '"1","UNDCUR","USDINR","SPOT","01-Jan-1980",0,"XX",1000,0.0025,"USDINR",37.8225,46.23,0,"USDINR"'
    row = only(parse("CDNSEScripMaster.txt", pair))
    assert (row.kind, row.exchange, row.tick_size) == ("currency_spot", "CDS", Decimal("0.0025"))


def test_a_fund_may_lack_an_isin() -> None:
    row = only(parse("MFScripMaster.txt", '"21","103D","103616","53.3696","SBI Large Cap","Growth","*"'))
    assert (row.exchange, row.code, row.isin, row.broker_token) == ("MF", "21-103D", None, None)


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("NSEScripMaster.txt", RELIANCE.replace('"2885"', '"0"'), "token_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace('"2885"', '"nul"'), "token_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace('"2885"', '"X5572"'), "token_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace('"2885"', '"٢"'), "token_unusable"),
        ("NSEScripMaster.txt", RELIANCE + ',"more"', "column_count"),
        ("NSEScripMaster.txt", '"2885","RELIND","EQ","RELI', "quoting"),
        ("NSEScripMaster.txt", RELIANCE.replace('"RELIANCE"', '"?"'), "symbol_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace("1403.4", "1e9"), "number_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace(",1,", ",0,"), "lot_size_unusable"),
        ("NSEScripMaster.txt", RELIANCE.replace("RELIND", ""), "short_name_missing"),
        ("NSEScripMaster.txt", "\0" + RELIANCE, "encoding"),
        ("NSEScripMaster.txt", RELIANCE + " " * 30_000, "line_too_long"),
        ("FONSEScripMaster.txt", VEDL.replace("28-Apr", "31-Apr"), "expiry_unusable"),
        ("FONSEScripMaster.txt", VEDL.replace("292.5", "0"), "strike_not_positive"),
        ("FONSEScripMaster.txt", VEDL.replace('"CE"', '"CX"'), "option_type_unknown"),
        ("MFScripMaster.txt", '"","103D","1","5","x","Growth","*"', "scheme_missing"),
    ],
)
def test_a_bad_line_is_refused_and_its_neighbours_live(name: str, line: str, reason: str) -> None:
    good = {"NSEScripMaster.txt": NIFTY, "FONSEScripMaster.txt": BANK_FUTURE}.get(
        name, '"21","104G","1","5","x","Growth","*"'
    )
    parsed = parse(name, line, good)
    (refused,) = parsed.refused
    assert (refused.reason, refused.line, refused.text) == (reason, 2, line[:200])
    assert len(parsed.rows) == 1
    assert parsed.files[name].lines == 2


def test_of_two_lines_with_one_code_the_real_listing_stays_whatever_the_order() -> None:
    offer = '"51005","ADAOFS","DR","ADANI POWER OFS",0,1,"ADANIPOWER","INE000000005","ADANIPOWER"'
    share = '"533096","ADAPOW","DR","ADANI POWER LIMITED",230.5,1,"ADANIPOWER","INE814H01029","ADANIPOWER"'
    for lines in ([offer, share], [share, offer]):
        parsed = parse("BSEScripMaster.txt", *lines)
        assert only(parsed).token == "533096"
        assert [(row.reason, row.text) for row in parsed.refused] == [("duplicate_code", offer)]
        assert parsed.files["BSEScripMaster.txt"].duplicates == 1


def test_of_two_lines_with_one_token_the_share_stays() -> None:
    bond = RELIANCE.replace('"EQ"', '"NI"').replace('"RELIANCE"', '"840CIFCL27"')
    parsed = parse("NSEScripMaster.txt", bond, RELIANCE)
    assert only(parsed).code == "RELIANCE"
    assert [row.reason for row in parsed.refused] == ["duplicate_token"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>down</html>", "not_a_zip"),
        (b"", "not_a_zip"),
        (archive({"NSEScripMaster.txt": [RELIANCE]})[:-40], "not_a_zip"),
    ],
)
def test_what_is_no_zip(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedMaster) as caught:
        parse_master(content)
    assert caught.value.reason == reason


def test_a_zip_bomb_is_stopped_by_what_it_unpacks_to() -> None:
    bomb = archive({"NSEScripMaster.txt": ["0" * 2_000_000]})
    assert len(bomb) < 5_000
    with pytest.raises(MalformedMaster) as caught:
        parse_master(bomb, max_bytes=1_000_000)
    assert caught.value.reason == "too_large"


def test_an_archive_without_known_files_or_columns_is_refused_whole() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("readme.txt", "hello")
    with pytest.raises(MalformedMaster) as caught:
        parse_master(buffer.getvalue())
    assert caught.value.reason == "no_known_file"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("NSEScripMaster.txt", '"Token","ShortName"\n')
    with pytest.raises(MalformedMaster, match="Series") as caught:
        parse_master(buffer.getvalue())
    assert caught.value.reason == "columns_missing"


@pytest.mark.parametrize(
    ("price", "tick"),
    [("249.99", "0.01"), ("250", "0.05"), ("1000", "0.05"), ("1000.05", "0.10"), ("20000", "1"), ("20001", "5")],
)
def test_the_cash_tick_follows_the_price(price: str, tick: str) -> None:
    assert nse_cash_tick(Decimal(price)) == Decimal(tick)


@given(st.sampled_from(sorted(COLUMNS)), st.lists(st.text(max_size=80), max_size=5), st.data())
def test_every_line_is_accounted_for(name: str, lines: list[str], data: st.DataObject) -> None:
    seeds = [RELIANCE, VEDL, CRUDE, SENSEX, BANK_FUTURE]
    lines += [
        line[:cut] + data.draw(st.text(max_size=3)) + line[cut:]
        for line in data.draw(st.lists(st.sampled_from(seeds), max_size=3))
        for cut in [data.draw(st.integers(0, len(line)))]
    ]
    parsed = parse(name, *lines)
    count = parsed.files[name]
    assert count.accepted == len(parsed.rows)
    assert count.refused == len(parsed.refused)
    assert count.lines == count.accepted + count.refused
    assert len({(row.exchange, row.code) for row in parsed.rows}) == len(parsed.rows)
