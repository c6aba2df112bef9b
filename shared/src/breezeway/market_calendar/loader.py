"""Reads the calendar's YAML files, those of the package and those of a folder that extends or corrects them.

An extra folder holds files of the same form, read in the order of their names. A later holiday or special day
replaces an earlier one of the same day and segment, `not_holidays` lists days to take out again (of
`settlement_holidays`, too), and a
timetable of the same first day and segment replaces ours. A holiday closes every segment unless it lists `segments`.
A holiday or special day of `MCX` is one of its agricultural segments, too, unless an entry below it names those.

A file that cannot be understood to the last key is refused whole, with its name, the entry and what is wrong with it: a
holiday that is silently not read costs a user's trading day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from breezeway.errors import Misconfigured
from breezeway.market_calendar.model import MCX_SEGMENTS, Segment, SessionKind


@dataclass(frozen=True, slots=True)
class Slot:
    """One row of a timetable; `end` None means the segment's close of that day."""

    kind: SessionKind
    start: time
    end: time | None
    name: str


Slots: TypeAlias = tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Timetable:
    ordinary: Slots
    cas_eligible: Slots


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day with hours of its own; `slots` None means the ordinary timetable on a day that would be closed."""

    name: str
    slots: Slots | None
    verified: bool


@dataclass(frozen=True, slots=True)
class Holiday:
    name: str
    evening_open: bool
    """Whether MCX trades in the evening."""


@dataclass(slots=True)
class CalendarData:
    """Everything that the files say. Treat as read-only once loaded."""

    versions: list[str] = field(default_factory=list)
    known_until: date = date.min
    timetables: dict[Segment, dict[date, Timetable]] = field(default_factory=dict)
    holidays: dict[tuple[Segment, date], Holiday] = field(default_factory=dict)
    specials: dict[tuple[Segment, date], SpecialDay] = field(default_factory=dict)
    commodities: dict[str, Segment] = field(default_factory=dict)
    """Underlyings on MCX whose segment is not MCX itself."""
    unsettled: dict[date, str] = field(default_factory=dict)
    """Days on which banks or depositories are closed and nothing is paid or delivered, traded or not."""


def load_calendar_data(extra: Path | None = None) -> CalendarData:
    """Read the package's files and then those of `extra`.

    Raises:
        Misconfigured: `invalid_calendar`, when a file is missing or does not have the expected form.
    """
    data = CalendarData()
    own = files("breezeway.market_calendar") / "data"
    for name in ("timetables.yaml", "holidays.yaml", "specials.yaml"):
        _merge(data, name, (own / name).read_text("utf-8"))
    if extra is not None:
        if not extra.is_dir():
            raise Misconfigured(f"The calendar folder {extra} does not exist.", code="invalid_calendar")
        for path in sorted(extra.glob("*.y*ml")):
            _merge(data, path.name, path.read_text("utf-8"))
    return data


def _merge(data: CalendarData, name: str, text: str) -> None:
    try:
        document = yaml.safe_load(text)
        if document is not None:
            _merge_document(data, document)
    except yaml.YAMLError as fault:
        raise Misconfigured(f"The calendar file {name} is no YAML: {fault}.", code="invalid_calendar") from fault
    except _Unusable as fault:
        raise Misconfigured(f"The calendar file {name}: {fault}.", code="invalid_calendar") from fault


class _Unusable(ValueError):
    """What is wrong, and where, in words for whoever wrote the file."""


def _merge_document(data: CalendarData, document: object) -> None:
    if not isinstance(document, Mapping):
        raise _Unusable("it is not a mapping of `holidays`, `specials` and so on")
    unknown = set(document) - _SECTIONS.keys() - {"version", "known_until"}
    if unknown:
        raise _Unusable(f"it has `{min(map(str, unknown))}`, which means nothing here")
    if "version" in document:
        data.versions.append(str(document["version"]))
    if "known_until" in document:
        data.known_until = max(data.known_until, _named("known_until", lambda: _day(document["known_until"])))
    for section, read in _SECTIONS.items():
        entries = document.get(section) or ()
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise _Unusable(f"`{section}` is not a list")
        for number, entry in enumerate(entries, start=1):
            _named(f"{section}, entry {number}", lambda read=read, entry=entry: read(data, entry))  # type: ignore[misc]


def _named(where: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except KeyError as fault:
        raise _Unusable(f"{where}: `{fault.args[0]}` is missing") from fault
    except (ValueError, TypeError, AttributeError) as fault:
        raise _Unusable(f"{where}: {fault}") from fault


def _timetable(data: CalendarData, entry: object) -> None:
    table = _entry(entry, {"segments", "from", "sessions", "cas_eligible"})
    slots = _slots(table["sessions"])
    made = Timetable(slots, _slots(table["cas_eligible"]) if "cas_eligible" in table else slots)
    for segment in _segments(table["segments"]):
        data.timetables.setdefault(segment, {})[_day(table["from"])] = made


def _holiday(data: CalendarData, entry: object) -> None:
    holiday = _entry(entry, {"date", "name", "closes", "segments"})
    if holiday["closes"] not in ("all", "evening"):
        raise ValueError(f"`closes` is {holiday['closes']!r}, not `all` or `evening`")
    day = _day(holiday["date"])
    for segment in _with_parts(_segments(holiday.get("segments", list(Segment)))):
        data.holidays[segment, day] = Holiday(_text(holiday["name"]), holiday["closes"] == "evening")


def _settlement_holiday(data: CalendarData, entry: object) -> None:
    holiday = _entry(entry, {"date", "name"})
    data.unsettled[_day(holiday["date"])] = _text(holiday["name"])


def _no_holiday(data: CalendarData, entry: object) -> None:
    day = _day(entry)
    for segment in Segment:
        data.holidays.pop((segment, day), None)
    data.unsettled.pop(day, None)


def _special(data: CalendarData, entry: object) -> None:
    special = _entry(entry, {"date", "name", "segments", "sessions", "regular", "verified"})
    if bool(special.get("regular")) == ("sessions" in special):
        raise ValueError("it needs either `sessions` or `regular: true`")
    slots = None if special.get("regular") else _slots(special["sessions"])
    made = SpecialDay(_text(special["name"]), slots, bool(special.get("verified", True)))
    for segment in _with_parts(_segments(special["segments"])):
        data.specials[segment, _day(special["date"])] = made


def _commodity(data: CalendarData, entry: object) -> None:
    commodity = _entry(entry, {"segment", "underlyings"})
    segment = Segment(commodity["segment"])
    if segment not in MCX_SEGMENTS:
        raise ValueError(f"{segment} is no segment of MCX")
    underlyings = commodity["underlyings"]
    if not isinstance(underlyings, list) or not underlyings:
        raise ValueError("`underlyings` is not a list")
    for underlying in underlyings:
        data.commodities[_text(underlying)] = segment


_SECTIONS: Mapping[str, Callable[[CalendarData, object], None]] = MappingProxyType(
    {
        "timetables": _timetable,
        "holidays": _holiday,
        "settlement_holidays": _settlement_holiday,
        "not_holidays": _no_holiday,
        "specials": _special,
        "commodities": _commodity,
    }
)


def _entry(value: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a mapping")
    unknown = set(value) - known
    if unknown:
        raise ValueError(f"`{min(map(str, unknown))}` means nothing here; known are {', '.join(sorted(known))}")
    return value


def _segments(value: object) -> list[Segment]:
    if not isinstance(value, list) or not value:
        raise ValueError("`segments` is not a list")
    return [Segment(each) for each in value]


def _with_parts(segments: list[Segment]) -> list[Segment]:
    parts = sorted(MCX_SEGMENTS - set(segments)) if Segment.MCX in segments else []
    return [*segments, *parts]


def _slots(rows: object) -> Slots:
    if not isinstance(rows, list) or not rows:
        raise ValueError("`sessions` is not a list of [kind, start, end]")
    slots: list[Slot] = []
    for row in rows:
        if not isinstance(row, list) or not 3 <= len(row) <= 4 or not all(isinstance(part, str) for part in row):
            raise ValueError(f"{row!r} is not [kind, start, end] with times in quotes")
        kind, start, end, *name = row
        slot = Slot(
            SessionKind(kind),
            time.fromisoformat(start),
            None if end == "close" else time.fromisoformat(end),
            name[0] if name else kind,
        )
        if slot.end is not None and slot.end <= slot.start:
            raise ValueError(f"a session from {start} to {end}")
        before = slots[-1].end if slots else time.min
        if before is None or slot.start < before:
            raise ValueError(f"the session at {start} begins before the one above it ends")
        slots.append(slot)
    return tuple(slots)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("`name` is not a text")
    return value


def _day(value: object) -> date:
    if type(value) is not date:
        raise ValueError(f"{value!r} is not a day; write 2027-01-26 without quotes")
    return value
