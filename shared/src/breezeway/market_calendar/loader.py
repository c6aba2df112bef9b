"""Reads the calendar's YAML files, those of the package and those of a folder that extends or corrects them.

An extra folder holds files of the same form, read in the order of their names. A later holiday or special day
replaces an earlier one of the same day (and segment), `not_holidays` lists days to take out again, and a
timetable of the same first day and segment replaces ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from breezeway.errors import Misconfigured
from breezeway.market_calendar.model import Segment, SessionKind


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
    holidays: dict[date, Holiday] = field(default_factory=dict)
    specials: dict[tuple[Segment, date], SpecialDay] = field(default_factory=dict)


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
        document = yaml.safe_load(text) or {}
        _merge_document(data, document)
    except (yaml.YAMLError, KeyError, ValueError, TypeError, AttributeError) as fault:
        raise Misconfigured(f"The calendar file {name} is malformed: {fault!r}.", code="invalid_calendar") from fault


def _merge_document(data: CalendarData, document: Mapping[str, Any]) -> None:
    if "version" in document:
        data.versions.append(str(document["version"]))
    if "known_until" in document:
        data.known_until = max(data.known_until, _day(document["known_until"]))
    for entry in document.get("timetables", ()):
        slots = _slots(entry["sessions"])
        table = Timetable(slots, _slots(entry["cas_eligible"]) if "cas_eligible" in entry else slots)
        for segment in entry["segments"]:
            data.timetables.setdefault(Segment(segment), {})[_day(entry["from"])] = table
    for entry in document.get("holidays", ()):
        if entry["closes"] not in ("all", "evening"):
            raise ValueError(f"closes: {entry['closes']}")
        data.holidays[_day(entry["date"])] = Holiday(entry["name"], entry["closes"] == "evening")
    for day in document.get("not_holidays", ()):
        data.holidays.pop(_day(day), None)
    for entry in document.get("specials", ()):
        slots_or_none = None if entry.get("regular") else _slots(entry["sessions"])
        special = SpecialDay(entry["name"], slots_or_none, bool(entry.get("verified", True)))
        for segment in entry["segments"]:
            data.specials[Segment(segment), _day(entry["date"])] = special


def _slots(rows: Sequence[Sequence[str]]) -> Slots:
    slots = []
    for kind, start, end, *name in rows:
        slot = Slot(
            SessionKind(kind),
            time.fromisoformat(start),
            None if end == "close" else time.fromisoformat(end),
            name[0] if name else kind,
        )
        if slot.end is not None and slot.end <= slot.start:
            raise ValueError(f"a session from {start} to {end}")
        slots.append(slot)
    return tuple(slots)


def _day(value: object) -> date:
    if type(value) is not date:
        raise ValueError(f"{value!r} is not a day")
    return value
