"""Candles as columns, and what people make of them: rows, NumPy, pandas, Arrow, files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from breezeway.clock import IST
from breezeway.errors import InvalidInput, Misconfigured, UpstreamFault

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

Format = Literal["parquet", "arrow", "csv", "json"]

FORMATS: Final[tuple[Format, ...]] = ("parquet", "arrow", "csv", "json")
_TIMEZONE: Final = "Asia/Kolkata"
_COLUMNS: Final = ("open", "high", "low", "close", "volume")
_FIXED: Final = frozenset({"time", *_COLUMNS, "oi"})
_FINE: Final = frozenset({"1s", "5s", "1m", "3m", "5m"})
_MANY: Final = 20_000


class Candle(NamedTuple):
    """One bar; `time` is its start in Indian time."""

    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    oi: int | None


class Candles:
    """Bars of one instrument in ascending order, as NumPy columns.

    `t` is each bar's start in epoch seconds UTC; `o h l c` are rupees; `oi` is None where the instrument has none.
    `indicators` has a column (with NaN where there is no value) for each output asked for, by its name. `complete` says
    whether every trading day of the range is stored whole at the server; if not, a backfill fetches the rest.
    """

    def __init__(self, symbol: str, interval: str, pages: Sequence[Mapping[str, Any]]) -> None:
        import numpy as np  # here: importing the client must not cost what only candles need

        # An empty page does not know whether the instrument has open interest.
        full = [page for page in pages if len(page["t"])] or pages[:1]

        def column(name: str, kind: type[Any]) -> Any:
            return np.concatenate([np.asarray(page[name], dtype=kind) for page in full] or [np.empty(0, kind)])

        self.symbol = symbol
        self.interval = interval
        self.t: Ints = column("t", np.int64)
        self.o: Floats = column("o", np.float64)
        self.h: Floats = column("h", np.float64)
        self.l: Floats = column("l", np.float64)
        self.c: Floats = column("c", np.float64)
        self.v: Ints = column("v", np.int64)
        self.oi: Ints | None = column("oi", np.int64) if full and all(p["oi"] is not None for p in full) else None
        names = full[0]["indicators"] if full else ()
        self.indicators: dict[str, Floats] = {
            # None becomes NaN when it is read as a float.
            name: np.concatenate([np.asarray(page["indicators"][name], dtype=np.float64) for page in full])
            for name in names
        }
        self.complete = all(page["complete"] for page in pages)

    def __len__(self) -> int:
        return len(self.t)

    def __repr__(self) -> str:
        return f"<Candles {self.symbol} {self.interval}: {len(self):,} bars{'' if self.complete else ', incomplete'}>"

    def __iter__(self) -> Iterator[Candle]:
        times = (datetime.fromtimestamp(t, IST) for t in self.t.tolist())
        prices = (column.tolist() for column in (self.o, self.h, self.l, self.c, self.v))
        interest: Sequence[int | None] = self.oi.tolist() if self.oi is not None else [None] * len(self)
        return map(Candle._make, zip(times, *prices, interest, strict=True))

    def to_list(self) -> list[Candle]:
        """One tuple a bar."""
        return list(self)

    def to_numpy(self) -> "npt.NDArray[np.void]":
        """A structured array: `time` (datetime64[s], UTC), `open high low close volume oi`, then the indicators.

        Where there is no open interest `oi` is 0.
        """
        import numpy as np

        columns: dict[str, Any] = {
            "time": self.t.astype("datetime64[s]"),
            **self._columns(),
            "oi": self.oi if self.oi is not None else np.zeros(len(self), np.int64),
            **self.indicators,
        }
        table = np.empty(len(self), dtype=[(name, column.dtype) for name, column in columns.items()])
        for name, values in columns.items():
            table[name] = values
        return table

    def to_pandas(self) -> "pd.DataFrame":
        """A DataFrame indexed by `time` (Indian time), with `open high low close volume`, `oi` where there is some, and
        the indicators.

        Raises:
            Misconfigured: `pandas_missing`.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise Misconfigured("pandas is not installed: pip install pandas", code="pandas_missing") from error
        index = pd.to_datetime(self.t, unit="s", utc=True).tz_convert(_TIMEZONE).rename("time")
        interest = {"oi": self.oi} if self.oi is not None else {}
        frame = pd.DataFrame({**self._columns(), **interest, **self.indicators}, index=index)
        frame.attrs.update(symbol=self.symbol, interval=self.interval, complete=self.complete)
        return frame

    def to_arrow(self) -> "pa.Table":
        """An Arrow table with the columns of `GET /api/v1/candles/{symbol}?format=arrow`.

        Raises:
            Misconfigured: `pyarrow_missing`.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise Misconfigured("pyarrow is not installed: pip install pyarrow", code="pyarrow_missing") from error
        import numpy as np

        columns = {
            "time": pa.array(self.t * 1000).cast(pa.timestamp("ms")).cast(pa.timestamp("ms", _TIMEZONE)),
            **{name: pa.array(column) for name, column in self._columns().items()},
            "oi": pa.array(self.oi) if self.oi is not None else pa.nulls(len(self), pa.int64()),
            **{name: pa.array(column, mask=np.isnan(column)) for name, column in self.indicators.items()},
        }
        return pa.table(columns).replace_schema_metadata({"symbol": self.symbol, "interval": self.interval})

    def write(self, path: "str | Path", form: Format | None = None) -> Path:
        """Write a file; its ending names the format unless `form` does. An existing file is replaced when all is
        written, never before.

        Raises:
            InvalidInput: `unsupported_format`.
            Misconfigured: `pyarrow_missing`, for Parquet and Arrow.
        """
        target = Path(path).expanduser()
        chosen = form or target.suffix.removeprefix(".").lower()
        if chosen not in FORMATS:
            raise InvalidInput(f"{target.name}: files end in {', '.join(FORMATS)}.", code="unsupported_format")
        unfinished = target.with_name(f".{target.name}.part")
        try:
            self._write(unfinished, chosen)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return target

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict a bar, as JSON has it: `time` with its offset, numbers, None for what there is not."""
        names = ("time", *_COLUMNS, "oi", *self.indicators)
        extra = [[None if v != v else v for v in column.tolist()] for column in self.indicators.values()]
        for bar, *rest in zip(self, *extra, strict=True):
            yield dict(zip(names, (bar.time.isoformat(), *bar[1:], *rest), strict=True))

    def _columns(self) -> dict[str, Any]:
        return dict(zip(_COLUMNS, (self.o, self.h, self.l, self.c, self.v), strict=True))

    def _write(self, path: Path, form: str) -> None:
        match form:
            case "parquet":
                table = self.to_arrow()
                import pyarrow.parquet as pq

                pq.write_table(table, path, compression="zstd")
            case "arrow":
                table = self.to_arrow()
                import pyarrow as pa

                with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
            case "csv":
                with path.open("w", encoding="utf-8") as file:
                    file.write(",".join(("time", *_COLUMNS, "oi", *self.indicators)))
                    file.write("\n")
                    for row in self.rows():
                        file.write(",".join("" if value is None else str(value) for value in row.values()) + "\n")
            case _:
                path.write_bytes(orjson.dumps(list(self.rows()), option=orjson.OPT_APPEND_NEWLINE))


def arrow_pays(interval: str, bars: int) -> bool:
    """Whether to ask for Arrow. Its columns are read as they are, in a tenth of the time that many bars take as JSON;
    but loading pyarrow costs more than a few thousand bars do.
    """
    return bars > _MANY and interval in _FINE and find_spec("pyarrow") is not None


def arrow_page(content: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """One answer of `GET /api/v1/candles/{symbol}?format=arrow`, as `checked_page` gives it.

    Raises:
        UpstreamFault: `unexpected_answer`.
    """
    import pyarrow as pa

    def column(name: str) -> Any:
        return table[name].to_numpy(zero_copy_only=False)

    try:
        table = pa.ipc.open_stream(content).read_all()
        metadata = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
        interest = table["oi"]
        return {
            "symbol": metadata["symbol"],
            "interval": metadata["interval"],
            "t": table["time"].cast(pa.timestamp("s", _TIMEZONE)).cast(pa.int64()).to_numpy(),
            **{short: column(name) for short, name in zip("ohlcv", _COLUMNS, strict=True)},
            "oi": interest.to_numpy() if interest.null_count == 0 and len(interest) else None,
            # Nulls become NaN.
            "indicators": {name: column(name) for name in table.column_names if name not in _FIXED},
            "complete": headers["X-Complete"] == "true",
            "next": headers["X-Next"] or None,
        }
    except (pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise UpstreamFault("The server's candles cannot be read.", code="unexpected_answer") from error


def checked_page(content: bytes) -> dict[str, Any]:
    """One answer of `GET /api/v1/candles/{symbol}`.

    Raises:
        UpstreamFault: `unexpected_answer`.
    """
    try:
        page = orjson.loads(content)
        sizes = {len(page[name]) for name in "tohlcv"} | {len(page["oi"] or page["t"])}
        sizes |= {len(column) for column in page.setdefault("indicators", {}).values()}
        if len(sizes) == 1 and {"symbol", "interval", "complete", "next"} <= page.keys():
            return dict(page)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpstreamFault("The server's candles cannot be read.", code="unexpected_answer") from error
    raise UpstreamFault("The columns of the server's candles do not fit together.", code="unexpected_answer")
