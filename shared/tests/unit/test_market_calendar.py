"""The calendar: effective-dated sessions, holidays, special sessions, overrides; and the days of real bars."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from breezeway.clock import IST, ist_datetime
from breezeway.errors import InvalidInput, Misconfigured, NotFound
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Phase, Segment, SessionKind, segment_of

NSE, NFO, MCX, CDS = Segment.NSE, Segment.NFO, Segment.MCX, Segment.CDS
COTTON, MENTHA = Segment.MCX_AGRI_INTL, Segment.MCX_AGRI


@pytest.fixture(scope="module")
def calendar() -> MarketCalendar:
    return MarketCalendar.default()


def hours(calendar: MarketCalendar, segment: Segment, day: date, *, cas: bool = False) -> list[str]:
    return [f"{a:%H:%M}-{b:%H:%M}" for a, b in calendar.continuous(segment, day, cas_eligible=cas)]


@pytest.mark.parametrize(
    ("segment", "day", "cas", "expected"),
    [
        (NSE, date(2026, 7, 31), True, ["09:15-15:30"]),
        (NSE, date(2026, 8, 3), False, ["09:15-15:30"]),
        (NSE, date(2026, 8, 3), True, ["09:15-15:15"]),
        (NFO, date(2026, 7, 31), False, ["09:15-15:30"]),
        (NFO, date(2026, 8, 3), False, ["09:15-15:40"]),
        (CDS, date(2026, 11, 20), False, ["09:00-17:00"]),
        (MCX, date(2026, 3, 6), False, ["09:00-23:55"]),
        (MCX, date(2026, 3, 9), False, ["09:00-23:30"]),
        (MCX, date(2026, 10, 30), False, ["09:00-23:30"]),
        (MCX, date(2026, 11, 2), False, ["09:00-23:55"]),
        (MCX, date(2026, 11, 24), False, ["17:00-23:55"]),
        (MCX, date(2026, 12, 25), False, []),
        (COTTON, date(2026, 3, 6), False, ["09:00-21:00"]),
        (COTTON, date(2026, 7, 20), False, ["09:00-21:00"]),
        (COTTON, date(2026, 11, 24), False, ["17:00-21:00"]),
        (COTTON, date(2026, 12, 25), False, []),
        (COTTON, date(2026, 11, 8), False, ["18:15-19:15"]),
        (COTTON, date(2026, 11, 21), False, []),
        (MENTHA, date(2026, 3, 6), False, ["09:00-17:00"]),
        (MENTHA, date(2026, 11, 24), False, []),
        (MENTHA, date(2026, 11, 8), False, ["18:15-19:15"]),
        (NSE, date(2026, 11, 24), False, []),
        (NSE, date(2026, 11, 21), False, []),
        (NSE, date(2026, 11, 8), False, ["18:15-19:15"]),
        (NSE, date(2021, 11, 4), False, ["18:15-19:15"]),
        (NSE, date(2025, 10, 21), False, ["13:45-14:45"]),
        (NSE, date(2024, 3, 2), False, ["09:15-10:00", "11:30-12:30"]),
        (NSE, date(2020, 2, 1), False, ["09:15-15:30"]),
        (NSE, date(2026, 2, 1), False, ["09:15-15:30"]),
    ],
)
def test_hours(calendar: MarketCalendar, segment: Segment, day: date, cas: bool, expected: list[str]) -> None:
    assert hours(calendar, segment, day, cas=cas) == expected
    assert calendar.is_trading_day(segment, day) is bool(expected)


@pytest.mark.parametrize(
    ("at", "cas", "phase", "name"),
    [
        ("2026-11-20T08:59:59", False, Phase.CLOSED, None),
        ("2026-11-20T09:00:00", False, Phase.PRE_OPEN, "order_entry"),
        ("2026-11-20T09:06:00", False, Phase.PRE_OPEN, "limit_only"),
        ("2026-09-04T09:06:00", False, Phase.PRE_OPEN, "order_entry"),
        ("2026-11-20T09:15:00", False, Phase.CONTINUOUS, "continuous"),
        ("2026-11-20T15:20:00", False, Phase.CONTINUOUS, "continuous"),
        ("2026-11-20T15:20:00", True, Phase.CLOSING_AUCTION, "order_entry"),
        ("2026-11-20T15:34:00", True, Phase.CLOSING_AUCTION, "matching"),
        ("2026-11-20T15:35:00", True, Phase.CLOSED, None),
        ("2026-11-20T15:30:00", False, Phase.CLOSED, None),
        ("2026-11-20T15:55:00", False, Phase.POST_CLOSE, "closing_price"),
        ("2026-07-31T15:45:00", False, Phase.POST_CLOSE, "closing_price"),
        ("2026-11-08T18:20:00", False, Phase.SPECIAL, "special"),
    ],
)
def test_phase(calendar: MarketCalendar, at: str, cas: bool, phase: Phase, name: str | None) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=IST)
    assert calendar.phase(NSE, moment, cas_eligible=cas) is phase
    assert calendar.phase(NSE, moment.astimezone(UTC), cas_eligible=cas) is phase
    session = calendar.session_at(NSE, moment, cas_eligible=cas)
    assert (session.name if session else None) == name


def test_neighbouring_days_and_openings(calendar: MarketCalendar) -> None:
    friday = date(2026, 11, 6)
    assert calendar.next_trading_day(NSE, friday) == date(2026, 11, 8)
    assert calendar.next_trading_day(NSE, date(2026, 11, 8)) == date(2026, 11, 9)
    assert calendar.previous_trading_day(NSE, date(2026, 11, 11)) == date(2026, 11, 9)
    assert calendar.next_open(NSE, ist_datetime(friday, time(9, 15))) == ist_datetime(date(2026, 11, 8), time(18, 15))
    assert calendar.next_open(NSE, ist_datetime(friday, time(9, 14))) == ist_datetime(friday, time(9, 15))
    assert calendar.next_close(NSE, ist_datetime(friday, time(12))) == ist_datetime(friday, time(15, 30))
    assert calendar.next_close(NSE, ist_datetime(friday, time(15, 30))) == ist_datetime(date(2026, 11, 8), time(19, 15))
    assert calendar.trading_days(NSE, date(2026, 11, 6), date(2026, 11, 11)) == [
        date(2026, 11, day) for day in (6, 8, 9, 11)
    ]
    with pytest.raises(NotFound):
        calendar.previous_trading_day(NSE, date(2005, 1, 1))


def test_sessions_of_every_day_follow_one_another(calendar: MarketCalendar) -> None:
    day = date(2011, 1, 1)
    while day <= calendar.known_until:
        for segment in Segment:
            for cas in (False, True):
                sessions = calendar.sessions(segment, day, cas_eligible=cas)
                for before, after in pairwise(sessions):
                    assert before.end <= after.start, (segment, day)
        day += timedelta(days=1)


def test_a_year_has_a_plausible_number_of_trading_days(calendar: MarketCalendar) -> None:
    for year in range(2011, 2027):
        days = calendar.trading_days(NSE, date(year, 1, 1), date(year, 12, 31))
        assert 242 <= len(days) <= 254, (year, len(days))


def test_an_index_keeps_the_hours_of_its_cash_market() -> None:
    assert segment_of("NSE_INDEX") is Segment.NSE
    assert segment_of("BFO") is Segment.BFO
    with pytest.raises(InvalidInput):
        segment_of("NYSE")


@pytest.mark.parametrize(
    ("symbol", "segment"),
    [
        ("MCX:COTTON30OCT26FUT", COTTON),
        ("MCX:COTTONCNDY29JAN27FUT", COTTON),
        ("MCX:MENTHAOIL30NOV26FUT", MENTHA),
        ("MCX:CRUDEOIL19NOV26FUT", MCX),
        ("MCX:GOLD30DEC26140000CE", MCX),
        ("NFO:NIFTY24NOV26FUT", NFO),
        ("NSE:KAPAS", NSE),
        ("NSE_INDEX:NIFTY", NSE),
    ],
)
def test_farm_produce_of_mcx_keeps_hours_of_its_own(calendar: MarketCalendar, symbol: str, segment: Segment) -> None:
    assert calendar.segment_of_symbol(symbol) is segment
    with pytest.raises(InvalidInput):
        calendar.segment_of(segment if segment in (COTTON, MENTHA) else "NOWHERE")


def test_a_folder_moves_a_commodity_and_mcx_days_are_those_of_its_parts(tmp_path: Path) -> None:
    (tmp_path / "mcx.yaml").write_text(
        """
commodities:
  - {segment: MCX_AGRI, underlyings: [COTTON]}
  - {segment: MCX, underlyings: [CPO]}
holidays:
  - {date: 2026-07-06, name: Closed, closes: all, segments: [MCX]}
specials:
  - {date: 2026-07-11, name: Test, segments: [MCX], sessions: [[special, "11:00", "12:00"]]}
  - {date: 2026-07-11, name: Test, segments: [MCX_AGRI], sessions: [[special, "10:00", "11:00"]]}
timetables:
  - {segments: [MCX_AGRI], from: 2026-07-13, sessions: [[continuous, "09:00", "17:30"]]}
"""
    )
    calendar = MarketCalendar.load(tmp_path)
    assert calendar.segment_of("MCX", "COTTON") is MENTHA
    assert calendar.segment_of("MCX", "CPO") is MCX
    assert [hours(calendar, each, date(2026, 7, 6)) for each in (MCX, COTTON, MENTHA, NSE)] == [
        [], [], [], ["09:15-15:30"]
    ]  # fmt: skip
    assert hours(calendar, COTTON, date(2026, 7, 11)) == ["11:00-12:00"]
    assert hours(calendar, MENTHA, date(2026, 7, 11)) == ["10:00-11:00"]
    assert hours(calendar, MENTHA, date(2026, 7, 10)) == ["09:00-17:00"]
    assert hours(calendar, MENTHA, date(2026, 7, 13)) == ["09:00-17:30"]
    assert hours(calendar, MCX, date(2026, 7, 13)) == ["09:00-23:30"]


def test_a_folder_extends_and_corrects(tmp_path: Path) -> None:
    (tmp_path / "2027.yaml").write_text(
        "version: local\n"
        "known_until: 2027-12-31\n"
        "holidays:\n  - {date: 2027-01-26, name: Republic Day, closes: all}\n"
        "not_holidays: [2026-11-24]\n"
        "specials:\n"
        "  - {date: 2026-11-08, name: Muhurat, segments: [NSE], sessions: [[special, '18:00', '19:00']]}\n"
    )
    calendar = MarketCalendar.load(tmp_path)
    assert calendar.version.endswith("+local")
    assert calendar.known_until == date(2027, 12, 31)
    assert not calendar.is_trading_day(NSE, date(2027, 1, 26))
    assert calendar.is_trading_day(NSE, date(2026, 11, 24))
    assert hours(calendar, NSE, date(2026, 11, 8)) == ["18:00-19:00"]
    assert calendar.day_name(NSE, date(2027, 1, 26)) == "Republic Day"


@pytest.mark.parametrize(
    "text",
    [
        "holidays: [{date: 2027-01-26}]",
        "holidays: [{date: '2027-01-26', name: x, closes: all}]",
        "holidays: [{date: 2027-01-26, name: x, closes: some}]",
        "specials: [{date: 2027-01-26, name: x, segments: [NYSE], regular: true}]",
        "specials: [{date: 2027-01-26, name: x, segments: [NSE], sessions: [[special, '19:00', '18:00']]}]",
        "{",
        "- 1",
        "holiday: [{date: 2027-01-26, name: x, closes: all}]",
        "holidays: [{date: 2027-01-26, name: x, closes: all, segment: [NSE]}]",
        "holidays: [{date: 2027-01-26, name: x, closes: all, segments: NSE}]",
        "holidays: {date: 2027-01-26}",
        "holidays: [2027-01-26]",
        "holidays: [{date: 2027-01-26, name: '', closes: all}]",
        "not_holidays: ['2027-01-26']",
        "known_until: soon",
        "specials: [{date: 2027-01-26, name: x, segments: [NSE]}]",
        "specials: [{date: 2027-01-26, name: x, segments: [NSE], regular: true,"
        " sessions: [[special, '18:00', '19:00']]}]",
        "specials: [{date: 2027-01-26, name: x, segments: [NSE], sessions: [[special, 18:00, 19:00]]}]",
        "specials: [{date: 2027-01-26, name: x, segments: [NSE], sessions:"
        " [[special, '18:00', '19:00'], [special, '18:30', '20:00']]}]",
        "timetables: [{segments: [NSE], from: 2027-01-01, sessions: []}]",
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(Misconfigured, match=r"wrong\.yaml") as refusal:
        MarketCalendar.load(tmp_path)
    assert refusal.value.code == "invalid_calendar"


def test_the_message_says_which_entry_and_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "2027.yaml").write_text(
        "holidays:\n  - {date: 2027-01-26, name: Republic Day, closes: all}\n  - {date: 2027-03-22, name: Holi}\n"
    )
    with pytest.raises(Misconfigured) as refusal:
        MarketCalendar.load(tmp_path)
    assert str(refusal.value) == "The calendar file 2027.yaml: holidays, entry 2: `closes` is missing."


def test_a_holiday_may_close_some_segments_only(tmp_path: Path) -> None:
    (tmp_path / "banks.yaml").write_text(
        "holidays: [{date: 2026-12-01, name: Bank closing, closes: all, segments: [CDS]}]\n"
    )
    calendar = MarketCalendar.load(tmp_path)
    day = date(2026, 12, 1)
    assert [segment for segment in Segment if not calendar.is_trading_day(segment, day)] == [CDS]
    assert (calendar.day_name(CDS, day), calendar.day_name(NSE, day)) == ("Bank closing", None)


def test_the_calendar_agrees_with_exchange_calendars() -> None:
    """Which weekdays BSE was closed on, 2011 to 2026, by another project. It does not know special sessions, so days
    that open for an hour (Muhurat) are holidays to it, all but the first two."""
    calendar = MarketCalendar.default()
    path = Path(__file__).with_name("fixtures") / "xbom_closed_weekdays.txt"
    years = [line.split() for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    theirs = {date.fromisoformat(f"{year}-{day}") for year, *days in years for day in days}
    first, last = date(2011, 1, 1), date(2026, 12, 31)
    weekdays = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    ours = {
        day
        for day in weekdays
        if day.weekday() < 5
        and (not calendar.is_trading_day(Segment.BSE, day) or calendar.day_name(Segment.BSE, day) == "Muhurat")
    }
    assert ours - theirs == {date(2011, 10, 26), date(2012, 11, 13)}
    assert theirs <= ours


def test_no_contract_expires_on_the_holiday_of_2026_11_24(calendar: MarketCalendar) -> None:
    """The sample symbols of our contract are spelled with that Tuesday; both sources have Guru Nanak Jayanti there."""
    tuesday = date(2026, 11, 24)
    assert [segment for segment in Segment if calendar.is_trading_day(segment, tuesday)] == [MCX, COTTON]
    assert calendar.previous_trading_day(NFO, tuesday) == date(2026, 11, 23)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        MarketCalendar.load(tmp_path / "absent")


REAL_FILES = [
    # (file, bars are labelled by their end)
    ("NIFTY_1min_2019_2020.csv.gz", True),
    ("FEDERALBNK_1min_nse1minR.csv.gz", True),
    ("NSE_50stocks_12indices_1min_from_ticks_2021-03-26_2021-06-11.csv.gz", False),
]


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "end_labelled"), REAL_FILES)
def test_real_bars_fall_on_trading_days_and_fill_their_sessions(
    calendar: MarketCalendar, real_data: Path, name: str, end_labelled: bool
) -> None:
    shift = timedelta(minutes=1) if end_labelled else timedelta()
    starts: dict[date, set[datetime]] = defaultdict(set)
    with gzip.open(real_data / "candles_1min" / name, "rt") as text:
        for row in csv.DictReader(text):
            stamp = row.get("datetime") or f"{row['date'][:4]}-{row['date'][4:6]}-{row['date'][6:]} {row['time']}"
            moment = datetime.fromisoformat(stamp).replace(tzinfo=IST) - shift
            starts[moment.date()].add(moment)
    assert [day for day in starts if not calendar.is_trading_day(NSE, day)] == []
    outside: dict[time, int] = defaultdict(int)
    for day, bars in starts.items():
        stretches = calendar.continuous(NSE, day)
        inside = {bar for bar in bars if any(opens <= bar < closes for opens, closes in stretches)}
        assert inside, day
        for bar in bars - inside:
            outside[bar.timetz().replace(tzinfo=None)] += 1
    # What lies outside are the pre-open print and the prints after the close, not minutes of trading.
    unexpected = {at: n for at, n in outside.items() if time(9, 15) <= at < time(15, 30)}
    assert unexpected == {}


@pytest.mark.real_data
def test_every_trading_day_of_two_real_years_has_bars(calendar: MarketCalendar, real_data: Path) -> None:
    days: set[date] = set()
    with gzip.open(real_data / "candles_1min" / "NIFTY_1min_2019_2020.csv.gz", "rt") as text:
        for row in csv.DictReader(text):
            days.add(date.fromisoformat(row["date"]))
    assert calendar.trading_days(NSE, min(days), max(days)) == sorted(days)


def test_special_days_are_marked_as_special(calendar: MarketCalendar) -> None:
    sessions = calendar.sessions(NSE, date(2019, 10, 27))
    assert [session.kind for session in sessions] == [
        SessionKind.PRE_OPEN,
        SessionKind.SPECIAL,
        SessionKind.POST_CLOSE,
    ]
    assert calendar.day_name(NSE, date(2019, 10, 27)) == "Muhurat"


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        (date(2026, 3, 30), date(2026, 4, 2)),  # 31 March is a trading holiday, and on 1 April banks close their books
        (date(2026, 4, 1), date(2026, 4, 2)),  # traded, but not settled, on 1 April; 3 April is Good Friday
        (date(2026, 4, 2), date(2026, 4, 6)),
        (date(2026, 2, 18), date(2026, 2, 20)),
        (date(2026, 2, 19), date(2026, 2, 20)),
        (date(2026, 11, 20), date(2026, 11, 23)),
    ],
)
def test_what_is_traded_settles_on_the_next_day_on_which_banks_settle(traded: date, settles: date) -> None:
    calendar = MarketCalendar.default()
    assert calendar.is_trading_day(Segment.NSE, traded)
    assert calendar.settlement_day(Segment.NSE, traded) == settles


def test_settlement_holidays_can_be_added_and_taken_out(tmp_path: Path) -> None:
    text = "settlement_holidays: [{date: 2026-11-23, name: Banks}]\nnot_holidays: [2026-04-01]\n"
    (tmp_path / "more.yaml").write_text(text, "utf-8")
    calendar = MarketCalendar.load(tmp_path)
    assert calendar.settlement_day(Segment.NSE, date(2026, 11, 20)) == date(2026, 11, 25)
    assert calendar.settlement_day(Segment.NSE, date(2026, 3, 30)) == date(2026, 4, 1)
    assert calendar.is_trading_day(Segment.NSE, date(2026, 11, 23))
