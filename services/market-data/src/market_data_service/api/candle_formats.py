"""Candles as JSON, CSV, Arrow and Parquet.

The tables have one row a bar: `time` (the bar's start; Indian time), `open high low close volume oi`, then the
indicators by their names. `X-Next` and `X-Complete` say what JSON says in its body.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from breezeway.candles.columns import Floats
from breezeway.clock import IST
from breezeway.errors import FieldFault, InvalidInput
from market_data_service.application.candles import CandlesAnswer

if TYPE_CHECKING:
    import pyarrow as pa

TIMEZONE: Final = "Asia/Kolkata"
_CSV_ROWS: Final = 2_000
_LONG_PART: Final = 65_536
_ARROW: Final = "application/vnd.apache.arrow.stream"
_PARQUET: Final = "application/vnd.apache.parquet"

CONTENT_TYPES: Final[dict[str, Any]] = {
    "text/csv": {"example": "time,open,high,low,close,volume,oi\n"},
    _ARROW: {},
    _PARQUET: {},
}


def renderer(form: str) -> Callable[[CandlesAnswer], Response]:
    """What turns an answer into a response of the asked format.

    Raises:
        InvalidInput: `unsupported_format`.
    """
    found = _RENDERERS.get(form)
    if found is None:
        message = f"formats are {', '.join(_RENDERERS)}"
        raise InvalidInput(
            f"format: {message}.", code="unsupported_format", faults=[FieldFault("query.format", message)]
        )
    return found


def _json(answer: CandlesAnswer) -> Response:
    bars = answer.candles
    body: dict[str, object] = {
        "symbol": answer.symbol,
        "interval": answer.interval.value,
        "timezone": TIMEZONE,
        "t": bars.t,
        "o": bars.o,
        "h": bars.h,
        "l": bars.l,
        "c": bars.c,
        "v": bars.v,
        "oi": bars.oi,
        # orjson writes NaN as null.
        "indicators": {name: np.ascontiguousarray(column) for name, column in answer.indicators.items()},
        "complete": answer.complete,
        "next": str(answer.next) if answer.next is not None else None,
    }
    # Straight from the arrays: making Python lists of them first would cost ten times the encoding.
    return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def _csv(answer: CandlesAnswer) -> Response:
    return StreamingResponse(_csv_parts(answer), media_type="text/csv", headers=_headers(answer, "csv"))


def _csv_parts(answer: CandlesAnswer) -> Iterator[str]:
    yield ",".join(("time", "open", "high", "low", "close", "volume", "oi", *answer.indicators)) + "\n"
    for start in range(0, len(answer.candles), _CSV_ROWS):
        part = answer.candles[start : start + _CSV_ROWS]
        interest = part.oi.tolist() if part.oi is not None else [""] * len(part)
        columns: list[list[object]] = [
            [datetime.fromtimestamp(t, IST).isoformat() for t in part.t.tolist()],
            *(column.tolist() for column in (part.o, part.h, part.l, part.c, part.v)),
            interest,
            *(_blank_nan(column[start : start + _CSV_ROWS]) for column in answer.indicators.values()),
        ]
        yield "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def _blank_nan(column: Floats) -> list[object]:
    return ["" if value != value else value for value in column.tolist()]


def _arrow(answer: CandlesAnswer) -> Response:
    import pyarrow as pa  # here: 40 MB of memory that only these two formats need

    table = _table(answer)
    sink = _Parts()
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema) as writer:
        writer.write_table(table)
    return _PartsResponse(sink.joined(), media_type=_ARROW, headers=_headers(answer, "arrow"))


class _Parts:
    """A file for pyarrow that keeps what is written as it comes: the columns' own memory, not a copy of it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[Any] = []

    def write(self, part: Any) -> int:
        self._parts.append(part)
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def joined(self) -> list[bytes | memoryview]:
        """All parts in order, the many short ones between the columns put together."""
        found: list[bytes | memoryview] = []
        for long, run in groupby(self._parts, key=lambda part: len(part) >= _LONG_PART):
            parts = list(run)
            found += [memoryview(part) for part in parts] if long else [b"".join(parts)]
        return found


class _PartsResponse(Response):
    """A body of several parts, one after the other: to put five megabytes together takes longer than to send them."""

    def __init__(self, parts: Sequence[bytes | memoryview], *, media_type: str, headers: dict[str, str]) -> None:
        length = str(sum(len(part) for part in parts))
        super().__init__(b"", media_type=media_type, headers={**headers, "Content-Length": length})
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _parquet(answer: CandlesAnswer) -> Response:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(_table(answer), sink, compression="zstd")
    return Response(memoryview(sink.getvalue()), media_type=_PARQUET, headers=_headers(answer, "parquet"))


def _table(answer: CandlesAnswer) -> "pa.Table":
    import pyarrow as pa

    bars = answer.candles
    size = len(bars)
    columns = {
        "time": pa.array(bars.t * 1000).cast(pa.timestamp("ms")).cast(pa.timestamp("ms", TIMEZONE)),
        "open": pa.array(bars.o),
        "high": pa.array(bars.h),
        "low": pa.array(bars.l),
        "close": pa.array(bars.c),
        "volume": pa.array(bars.v),
        "oi": pa.array(bars.oi) if bars.oi is not None else pa.nulls(size, pa.int64()),
        **{name: pa.array(column, mask=np.isnan(column)) for name, column in answer.indicators.items()},
    }
    metadata = {"symbol": answer.symbol, "interval": answer.interval.value}
    return pa.table(columns).replace_schema_metadata(metadata)


def _headers(answer: CandlesAnswer, ending: str) -> dict[str, str]:
    name = answer.symbol.replace(":", "_").replace("&", "and")
    return {
        "Content-Disposition": f'attachment; filename="{name}_{answer.interval}.{ending}"',
        "X-Next": str(answer.next) if answer.next is not None else "",
        "X-Complete": str(answer.complete).lower(),
    }


_RENDERERS: Final[Mapping[str, Callable[[CandlesAnswer], Response]]] = {
    "json": _json,
    "csv": _csv,
    "arrow": _arrow,
    "parquet": _parquet,
}
