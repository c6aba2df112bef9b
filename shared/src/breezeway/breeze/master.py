"""Parser of the broker's daily SecurityMaster.zip.

Every line of every known file ends either as a `MasterRow` or as a `RefusedRow` with a reason, and a bad line is never
fatal. Pure: bytes in, rows out; 138,000 rows take about a second, so call it off the event loop.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Final, NamedTuple

from breezeway.breeze import _master_rows as r
from breezeway.breeze._master_rows import Context, Kind, MasterRow, Refusal
from breezeway.clock import IST

__all__ = [
    "KNOWN_FILES",
    "FileCount",
    "Kind",
    "MalformedMaster",
    "MasterRow",
    "ParsedMaster",
    "RefusedRow",
    "nse_cash_tick",
    "parse_master",
]

MAX_BYTES: Final = 256 * 1024 * 1024
"""Ceiling of all files unpacked together; the real ones are 32 MB."""

_MAX_TEXT: Final = 200
_MAX_LINE: Final = 20_000


class MalformedMaster(ValueError):
    """The download is not a security master at all; `reason` is a stable word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class RefusedRow(NamedTuple):
    """A line that is not an instrument. `line` counts from 1, the header; `text` is its first 200 characters."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of one file's data lines; `lines == accepted + refused`, and `duplicates` are among the refused."""

    lines: int
    accepted: int
    refused: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class ParsedMaster:
    """A whole master. `built_at` is the broker's own time of the newest file; `missing` names the files that lacked."""

    rows: tuple[MasterRow, ...]
    refused: tuple[RefusedRow, ...]
    files: Mapping[str, FileCount]
    missing: tuple[str, ...]
    built_at: datetime


class _Layout(NamedTuple):
    """`columns` must be there; an `optional` one that is not is read as blank, behind them."""

    name: str
    columns: tuple[str, ...]
    build: r.Builder
    optional: str | None = None


# In this order because contracts name their underlying by ICICI's code: NSE's indices must be known before its
# contracts, and BSE's contracts before its shares, among which its indices hide.
_LAYOUTS: Final = (
    _Layout("NSEScripMaster.txt", r.NSE_COLUMNS, r.nse_equity),
    _Layout("FONSEScripMaster.txt", r.CONTRACT_COLUMNS, r.nse_contract, r.OPEN_INTEREST_COLUMN),
    _Layout("FOBSEScripMaster.txt", r.CONTRACT_COLUMNS, r.bse_contract, r.OPEN_INTEREST_COLUMN),
    _Layout("BSEScripMaster.txt", r.BSE_COLUMNS, r.bse_equity),
    _Layout("CDNSEScripMaster.txt", r.CONTRACT_COLUMNS, r.currency),
    _Layout("MCXScripMaster.txt", r.MCX_COLUMNS, r.mcx_contract),
    _Layout("MFScripMaster.txt", r.MF_COLUMNS, r.mutual_fund),
)
KNOWN_FILES: Final = tuple(layout.name for layout in _LAYOUTS)


def parse_master(archive: bytes, *, max_bytes: int = MAX_BYTES) -> ParsedMaster:
    """Read a SecurityMaster.zip.

    Raises MalformedMaster when it is not a zip, unpacks to more than `max_bytes`, holds none of the known files, or one
    of them lacks a column. Of two lines that claim one code, or one token on one exchange, the likelier instrument
    stays (see `_standing`) and the other is refused as `duplicate_code` or `duplicate_token`.
    """
    contents, built_at = _unpack(archive, max_bytes)
    context = Context()
    rows: list[MasterRow] = []
    refused: list[RefusedRow] = []
    files: dict[str, FileCount] = {}
    for layout in _LAYOUTS:
        if layout.name not in contents:
            continue
        text = contents.pop(layout.name).decode("utf-8", errors="replace")
        lines = text.replace("\r\n", "\n").split("\n")
        accepted, unusable = _read(context, layout, lines)
        kept, doubles = _without_duplicates(accepted, lines)
        rows += kept
        refused += unusable
        refused += doubles
        total = len(accepted) + len(unusable)
        files[layout.name] = FileCount(total, len(kept), total - len(kept), len(doubles))
    return ParsedMaster(
        rows=tuple(rows),
        refused=tuple(refused),
        files=files,
        missing=tuple(name for name in KNOWN_FILES if name not in files),
        built_at=built_at,
    )


def nse_cash_tick(price: Decimal) -> Decimal:
    """The tick of an NSE share, by the last close before the month, in rupees.

    The bands of NSE's circular in force since 2025-04-15; the exchange resets each share's tick monthly, so a share
    that has since crossed a band keeps its old tick until the month ends.
    """
    for limit, tick in (("250", "0.01"), ("1000", "0.05"), ("5000", "0.10"), ("10000", "0.50"), ("20000", "1")):
        if price < Decimal(limit) if limit == "250" else price <= Decimal(limit):
            return Decimal(tick)
    return Decimal(5)


def _unpack(archive: bytes, max_bytes: int) -> tuple[dict[str, bytes], datetime]:
    contents: dict[str, bytes] = {}
    newest: datetime | None = None
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            wanted = {info.filename.rsplit("/", 1)[-1]: info for info in package.infolist()}
            wanted = {name: info for name, info in wanted.items() if name in KNOWN_FILES}
            left = max_bytes
            for name, info in wanted.items():
                with package.open(info) as member:
                    # The size in the directory may lie, so the stream itself is capped.
                    contents[name] = member.read(left + 1)
                left -= len(contents[name])
                if left < 0:
                    raise MalformedMaster("too_large", f"The master unpacks to more than {max_bytes} bytes.")
                newest = max(newest or _entry_time(info), _entry_time(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, MalformedMaster):
            raise
        raise MalformedMaster("not_a_zip", "The download is not a readable zip archive.") from error
    if newest is None:
        raise MalformedMaster("no_known_file", "The archive holds none of the known master files.")
    return contents, newest


def _entry_time(info: zipfile.ZipInfo) -> datetime:
    """Zip entries carry naive local time, and the broker's machine is in India."""
    year, month, day, hour, minute, second = info.date_time
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=IST)
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=IST)


def _read(context: Context, layout: _Layout, lines: list[str]) -> tuple[list[MasterRow], list[RefusedRow]]:
    header = [name.strip() for name in next(csv.reader(lines[:1], skipinitialspace=True), [])]
    lacking = [name for name in layout.columns if name not in header]
    if lacking:
        raise MalformedMaster("columns_missing", f"{layout.name} lacks the columns {', '.join(lacking)}.")
    width = len(header)
    places = [header.index(name) for name in layout.columns]
    if layout.optional is not None:
        places.append(header.index(layout.optional) if layout.optional in header else width)
    pick = itemgetter(*places)
    name, build = layout.name, layout.build
    rows: list[MasterRow] = []
    refused: list[RefusedRow] = []
    for line, text in enumerate(lines[1:], start=2):
        if not text:
            if line <= len(lines) - 1:
                refused.append(RefusedRow(name, line, "blank", ""))
            continue
        try:
            fields = _split(text, width)
            fields.append("")
            rows.append(build(context, name, line, pick(fields)))
        except Refusal as refusal:
            refused.append(RefusedRow(name, line, str(refusal), text[:_MAX_TEXT]))
    return rows, refused


def _split(text: str, width: int) -> list[str]:
    """Fields of one line. Lines are read one by one, so that a stray quote spoils its own line and not the next."""
    if len(text) > _MAX_LINE:
        raise Refusal("line_too_long")
    if "\ufffd" in text or "\0" in text:
        raise Refusal("encoding")
    # Nearly every line: quotes stand only at the ends of fields, and no field has a comma in it.
    quotes = text.count('"')
    opening = text.count(',"') + (text[0] == '"')
    if quotes == 2 * opening and opening == text.count('",') + (text[-1] == '"'):
        fields = text.replace('"', "").split(",")
        if len(fields) == width:
            return fields
    try:
        fields = next(csv.reader((text,), strict=True))
    except (csv.Error, StopIteration) as error:
        raise Refusal("quoting") from error
    if len(fields) != width:
        raise Refusal("column_count")
    return fields


def _without_duplicates(rows: list[MasterRow], lines: list[str]) -> tuple[list[MasterRow], list[RefusedRow]]:
    losers: dict[int, str] = {}
    for reason, keys in (
        ("duplicate_code", [(row.exchange, row.code) for row in rows]),
        ("duplicate_token", [(row.exchange, row.broker_token or row.code) for row in rows]),
    ):
        if len(set(keys)) == len(keys):
            continue
        for group in _groups(rows, keys):
            standing = [row for row in group if row.line not in losers]
            for row in sorted(standing, key=_standing)[1:]:
                losers[row.line] = reason
    if not losers:
        return rows, []
    doubles = [
        RefusedRow(row.file, row.line, losers[row.line], lines[row.line - 1][:_MAX_TEXT])
        for row in rows
        if row.line in losers
    ]
    return [row for row in rows if row.line not in losers], doubles


def _groups(rows: Iterable[MasterRow], keys: Iterable[object]) -> Iterator[list[MasterRow]]:
    first: dict[object, MasterRow] = {}
    many: dict[object, list[MasterRow]] = {}
    for row, what in zip(rows, keys, strict=True):
        other = first.setdefault(what, row)
        if other is not row:
            many.setdefault(what, [other]).append(row)
    return iter(many.values())


def _standing(row: MasterRow) -> tuple[bool, bool, bool, int, str, int]:
    """Sort key, best first: a real listing before an offer-for-sale window (which borrows the share's symbol under a
    placeholder ISIN), a share before its other series, a known ISIN, the six-digit scrip code, the lower token."""
    offer = row.name.endswith(" OFS") or (row.isin or "").startswith("INE000000")
    return (offer, row.series != "EQ", row.isin is None, abs(len(row.token) - 6), row.token, row.line)
