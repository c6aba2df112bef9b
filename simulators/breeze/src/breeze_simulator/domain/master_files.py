"""Reading SecurityMaster text files into instruments; the reader forgives whatever the real files contain.

A row that cannot be used (a junk token, an unreadable date or number, too few columns) is counted and left out, never
fatal: the real file has about a hundred of them every day.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from breeze_simulator.domain.instruments import Instrument, Kind, Right
from breeze_simulator.domain.tick_sizes import cash_tick
from breeze_simulator.domain.well_known import INDICES

ZIP_ORDER: Final = (
    "BSEScripMaster.txt",
    "CDNSEScripMaster.txt",
    "FOBSEScripMaster.txt",
    "FONSEScripMaster.txt",
    "MCXScripMaster.txt",
    "MFScripMaster.txt",
    "NSEScripMaster.txt",
)
"""The SDK reads the files in this order and lets later ones overwrite, so the order is part of the format."""

_EXCHANGE_OF_FILE: Final = {
    "BSEScripMaster.txt": "BSE",
    "CDNSEScripMaster.txt": "NDX",
    "FOBSEScripMaster.txt": "BFO",
    "FONSEScripMaster.txt": "NFO",
    "MCXScripMaster.txt": "MCX",
    "NSEScripMaster.txt": "NSE",
}

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_RIGHTS: Final[dict[str, Right]] = {"CE": "call", "PE": "put"}
_INDEX_SYMBOLS: Final = {(index.exchange, index.code): index for index in INDICES}
_DERIVATIVES_OF: Final = {"NFO": "NSE", "BFO": "BSE"}


@dataclass(slots=True)
class MasterReader:
    """Turns files into instruments and counts, by reason, the rows that it left out."""

    refused: Counter[str] = field(default_factory=Counter)
    _shared: dict[str, str] = field(default_factory=dict)

    def read(self, file_name: str, lines: Iterable[str]) -> Iterator[Instrument]:
        """The instruments of one file; nothing for a file that holds none (MF, CDNSE)."""
        exchange = _EXCHANGE_OF_FILE.get(file_name)
        if exchange is None or exchange == "NDX":
            return
        rows = csv.reader(lines, skipinitialspace=True)
        next(rows, None)
        parse = self._cash_row if exchange in ("NSE", "BSE") else self._contract_row
        if exchange == "MCX":
            parse = self._commodity_row
        for row in rows:
            try:
                instrument = parse(exchange, row)
            except (ValueError, IndexError, KeyError):
                self.refused["unreadable"] += 1
                continue
            if instrument is None:
                self.refused["junk_token"] += 1
            else:
                yield instrument

    def _share(self, text: str) -> str:
        # 130,000 rows repeat a few thousand names; one object for each keeps the universe small.
        return self._shared.setdefault(text, text)

    def _cash_row(self, exchange: str, row: list[str]) -> Instrument | None:
        token, code, series = row[0], row[1], row[2]
        known = _INDEX_SYMBOLS.get((exchange, code))
        is_index = known is not None or (exchange == "NSE" and series == "0")
        if not is_index and (not token.isdigit() or not token.strip("0")):
            return None
        if exchange == "NSE":
            exchange_code, isin = row[60], row[10]
            # Named WarningPercent and FreezePercent, these columns hold the day's circuit limits in rupees.
            price = (float(row[21] or 0) + float(row[22] or 0)) / 2
        else:
            exchange_code, isin = row[33] or row[11], row[25]
            price = (float(row[4] or 0) + float(row[23] or 0)) / 2
        if is_index:
            price = known.price if known else (float(row[11] or 0) + float(row[12] or 0)) / 2
        symbol = known.symbol if known else exchange_code or code
        return Instrument(
            exchange=exchange,
            stock_code=self._share(code),
            exchange_symbol=self._share(symbol),
            token=token,
            kind="index" if is_index else "equity",
            name=self._share(row[3]),
            series=self._share(series),
            isin=isin,
            lot_size=int(row[5] or 1) or 1,
            tick_size=0.05 if is_index else cash_tick(price),
            underlying="",
            reference_price=round(price, 4),
        )

    def _contract_row(self, exchange: str, row: list[str]) -> Instrument | None:
        token, code = row[0], self._share(row[2])
        if not token.isdigit() or not token.strip("0"):
            return None
        known = _INDEX_SYMBOLS.get((_DERIVATIVES_OF[exchange], code))
        symbol = self._share(known.symbol if known else row[68])
        kind: Kind = "option" if row[3] == "OPTION" else "future"
        strike_text = row[5]
        return Instrument(
            exchange=exchange,
            stock_code=code,
            exchange_symbol=symbol,
            token=token,
            kind=kind,
            name=self._share(row[29]),
            series=self._share(row[3]),
            isin="",
            lot_size=int(row[27]),
            tick_size=_rupees(row[28]),
            expiry=parse_master_date(row[4]),
            strike=_strike(strike_text) if kind == "option" else None,
            strike_text=self._share(strike_text),
            right=_RIGHTS[row[6]] if kind == "option" else None,
            underlying=symbol,
            reference_price=float(row[67] or 0) / 100 if kind == "future" else 0.0,
        )

    def _commodity_row(self, exchange: str, row: list[str]) -> Instrument | None:
        token, code = row[0], self._share(row[2])
        if not token.isdigit() or not token.strip("0"):
            return None
        kind: Kind = "option" if row[3] == "OPTION" else "future"
        symbol = self._share(row[26] or row[4])
        return Instrument(
            exchange=exchange,
            stock_code=code,
            exchange_symbol=symbol,
            token=token,
            kind=kind,
            name=self._share(row[4]),
            series=self._share(row[3]),
            isin="",
            lot_size=int(row[6]),
            tick_size=_rupees(row[5]),
            expiry=parse_master_date(row[7]),
            strike=_strike(row[9]) if kind == "option" else None,
            strike_text=self._share(row[9]),
            right=_RIGHTS[row[8]] if kind == "option" else None,
            underlying=symbol,
            reference_price=(float(row[20] or 0) + float(row[21] or 0)) / 2 if kind == "future" else 0.0,
        )


@lru_cache(maxsize=4096)
def parse_master_date(text: str) -> date:
    """`04-Aug-2026`; by hand, because `strptime` depends on the locale and is slow.

    Raises:
        ValueError: the text is no such date.
        KeyError: the month is no English abbreviation.
    """
    day, month, year = text.split("-")
    return date(int(year), _MONTHS[month], int(day))


def master_date(day: date) -> str:
    """A date as the master writes it, whatever the locale."""
    return f"{day.day:02}-{list(_MONTHS)[day.month - 1]}-{day.year}"


@lru_cache(maxsize=16_384)
def _strike(text: str) -> float:
    return float(text)


@lru_cache(maxsize=64)
def _rupees(paise: str) -> float:
    return round(float(paise) / 100, 4)
