"""Real one-minute bars from a folder of CSV, CSV.gz and Parquet files.

Columns `symbol,datetime,open,high,low,close,volume[,oi]`; `datetime` is the bar's start as an IST wall time. All
files are read on first use into one array per column and symbol. A symbol that several files have is merged; where two
have the same minute, the file that comes last by name wins.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.day_path import Floats, Ints
from breeze_simulator.domain.underlyings import SourceDay
from breezeway.errors import Misconfigured

_EPOCH: Final = date(1970, 1, 1)
_SESSION: Final = (555, 930)
_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")
_NAMES: Final = {
    "NIFTY50": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTYFINSERV": "FINNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "MM": "M&M",
    "MMFIN": "M&MFIN",
    "LTF": "LTF",
    "BAJAJAUTO": "BAJAJ-AUTO",
}
"""Data vendors drop the blanks and signs of an exchange's symbol; these are what they meant."""

_log = logging.getLogger(__name__)


class _Series:
    """One symbol's bars in columns; `minute` counts from 1970 in IST wall time."""

    def __init__(self, minute: Ints, prices: Floats, volume: Ints, oi: Ints | None) -> None:
        self.minute = minute
        self.prices = prices
        self.volume = volume
        self.oi = oi
        days, starts = np.unique(minute // 1440, return_index=True)
        self.days = days
        self.bounds = np.append(starts, len(minute))

    def day(self, number: int) -> SourceDay | None:
        at = int(np.searchsorted(self.days, number))
        if at == len(self.days) or self.days[at] != number:
            return None
        rows = slice(int(self.bounds[at]), int(self.bounds[at + 1]))
        opens, highs, lows, closes = self.prices[:, rows]
        oi = None if self.oi is None else self.oi[rows]
        return SourceDay(self.minute[rows] % 1440, opens, highs, lows, closes, self.volume[rows], oi)

    def anchor(self, number: int) -> tuple[int, float]:
        at = int(np.searchsorted(self.days, number, side="right")) - 1
        if at < 0:
            # Before the file begins, a price that leads into its first bar.
            return int(self.days[0]) - 1, float(self.prices[0, 0])
        rows = slice(int(self.bounds[at]), int(self.bounds[at + 1]))
        minute = self.minute[rows] % 1440
        inside = np.flatnonzero((minute >= _SESSION[0]) & (minute < _SESSION[1]))
        last = int(inside[-1]) if len(inside) else len(minute) - 1
        return int(self.days[at]), float(self.prices[3, rows][last])


class CandleFolder:
    """A `PriceSource` over a folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise Misconfigured(f"BREEZE_SIM_CANDLES_DIR is no folder: {folder}.")
        self._folder = folder
        self._series: Mapping[str, _Series] | None = None

    def symbols(self) -> Collection[str]:
        return self._loaded().keys()

    def day(self, symbol: str, day: date) -> SourceDay | None:
        series = self._loaded().get(symbol)
        return None if series is None else series.day((day - _EPOCH).days)

    def anchor(self, symbol: str, day: date) -> tuple[date, float] | None:
        series = self._loaded().get(symbol)
        if series is None:
            return None
        number, price = series.anchor((day - _EPOCH).days)
        return _EPOCH + timedelta(days=number), price

    def load(self) -> None:
        """Read the files now (seconds for a million bars), rather than at the first question.

        Raises:
            Misconfigured: a file is no such table.
        """
        self._loaded()

    def _loaded(self) -> Mapping[str, _Series]:
        if self._series is None:
            parts: dict[str, list[_Part]] = {}
            for path in sorted(self._folder.iterdir()):
                if path.name.endswith(_SUFFIXES):
                    for symbol, part in _read(path):
                        parts.setdefault(symbol, []).append(part)
            self._series = {symbol: _merge(found) for symbol, found in parts.items()}
            _give_back_memory()
            _log.info("candle_files_loaded", extra={"symbols": len(self._series), "folder": str(self._folder)})
        return self._series


_Part = tuple[Ints, Floats, Ints, "Ints | None"]


def _merge(parts: list[_Part]) -> _Series:
    minute = np.concatenate([part[0] for part in parts])
    prices = np.concatenate([part[1] for part in parts], axis=1)
    volume = np.concatenate([part[2] for part in parts])
    oi = None
    if any(part[3] is not None for part in parts):
        oi = np.concatenate([part[3] if part[3] is not None else np.zeros(len(part[0]), np.int64) for part in parts])
    order = np.argsort(minute, kind="stable")
    # Of equal minutes keep the last, which came from the later file.
    kept = order[np.append(np.diff(minute[order]) > 0, True)]
    return _Series(minute[kept], np.ascontiguousarray(prices[:, kept]), volume[kept], None if oi is None else oi[kept])


def _read(path: Path) -> list[tuple[str, _Part]]:
    # pyarrow is a heavy import and only needed where a folder is configured.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv
    import pyarrow.parquet as papq

    try:
        if path.suffix == ".parquet":
            table = papq.read_table(path)
        else:
            options = pacsv.ConvertOptions(
                column_types={"symbol": pa.dictionary(pa.int32(), pa.string()), "datetime": pa.timestamp("s")},
                timestamp_parsers=[pacsv.ISO8601, "%Y-%m-%d %H:%M", "%d-%m-%Y %H:%M:%S"],
            )
            table = pacsv.read_csv(path, convert_options=options)
        moments = table["datetime"]
        if pa.types.is_string(moments.type):
            moments = pc.cast(moments, pa.timestamp("s"))
        elif moments.type.tz is not None:
            moments = pc.local_timestamp(moments)
        minute = pc.cast(pc.cast(moments, pa.timestamp("s")), pa.int64()).to_numpy() // 60
        symbols = table["symbol"].combine_chunks()
        if not pa.types.is_dictionary(symbols.type):
            symbols = symbols.dictionary_encode()
        if isinstance(symbols, pa.ChunkedArray):
            symbols = symbols.unify_dictionaries().combine_chunks()
        codes, names = symbols.indices.to_numpy(), symbols.dictionary.to_pylist()
        prices = np.stack([_column(table, name, np.float64) for name in ("open", "high", "low", "close")])
        volume = _column(table, "volume", np.int64)
        oi = _column(table, "oi", np.int64) if "oi" in table.column_names else None
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise Misconfigured(f"The candle file {path.name} cannot be read: {error}.") from error

    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    found = []
    for code, name in enumerate(names):
        rows = order[bounds[code] : bounds[code + 1]]
        if len(rows):
            part = (minute[rows], prices[:, rows], volume[rows], None if oi is None else oi[rows])
            found.append((_exchange_symbol(name), part))
    return found


def _give_back_memory() -> None:
    # Arrow keeps what it parsed into for the next file; there is none.
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _column(table: Any, name: str, kind: type[np.generic]) -> NDArray[Any]:
    values: NDArray[Any] = np.nan_to_num(table[name].to_numpy().astype(np.float64)).astype(kind)
    return values


def _exchange_symbol(name: str) -> str:
    return _NAMES.get("".join(character for character in name.upper() if character.isalnum()), name.upper())
