"""DuckDB and ArcticDB doing what `benchmarks.candles` does: a stored year of minutes to 15-minute JSON.

Run by the interpreter of `.venv-peers`: `candle_stores.py BARS.npz FOLDER REPEAT`; prints one JSON object with each
system's milliseconds and the digest of what it answered, so that the caller sees that all did the same work.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import arcticdb as adb
import duckdb
import numpy as np
import orjson
import pandas as pd

_QUARTER = "15min"
_SYMBOL = "BENCH"
# 09:15 in India, from which the quarters of every day are counted.
_ANCHOR = "2020-01-01 03:45:00"


def as_json(t: np.ndarray, columns: list[np.ndarray], v: np.ndarray) -> bytes:
    names = ("o", "h", "l", "c")
    body = {"t": np.ascontiguousarray(t), **dict(zip(names, map(np.ascontiguousarray, columns), strict=True))}
    return orjson.dumps({**body, "v": np.ascontiguousarray(v)}, option=orjson.OPT_SERIALIZE_NUMPY)


def duck(bars: dict[str, np.ndarray], folder: Path) -> Callable[[], bytes]:
    frame = pd.DataFrame({**bars, "t": bars["t"].astype("datetime64[s]")})
    connection = duckdb.connect(str(folder / "bars.duckdb"))
    connection.execute("SET threads = 2")
    connection.register("frame", frame)
    connection.execute("CREATE TABLE bars AS SELECT * FROM frame ORDER BY t")
    query = (
        "SELECT epoch(time_bucket(INTERVAL '15 minutes', t, TIMESTAMP '2020-01-01 03:45:00'))::BIGINT AS b,"
        " arg_min(o, t), max(h), min(l), arg_max(c, t), sum(v)::BIGINT FROM bars GROUP BY b ORDER BY b"
    )

    def answer() -> bytes:
        t, o, h, low, c, v = connection.execute(query).fetchnumpy().values()
        return as_json(t, [o, h, low, c], v)

    return answer


def arctic(bars: dict[str, np.ndarray], folder: Path) -> Callable[[], bytes]:
    library = adb.Arctic(f"lmdb://{folder / 'arctic'}").get_library("bench", create_if_missing=True)
    index = pd.DatetimeIndex(bars["t"].astype("datetime64[s]").astype("datetime64[ns]"))
    library.write(_SYMBOL, pd.DataFrame({name: bars[name] for name in "ohlcv"}, index=index))
    how = {"o": ("o", "first"), "h": ("h", "max"), "l": ("l", "min"), "c": ("c", "last"), "v": ("v", "sum")}

    def answer() -> bytes:
        builder = adb.QueryBuilder().resample(_QUARTER, origin=pd.Timestamp(_ANCHOR)).agg(how)
        found = library.read(_SYMBOL, query_builder=builder).data
        t = found.index.to_numpy().astype("datetime64[s]").astype(np.int64)
        return as_json(t, [found[name].to_numpy() for name in "ohlc"], found["v"].to_numpy())

    return answer


def main(source: str, folder: str, repeat: str) -> None:
    with np.load(source) as file:
        bars = {name: file[name] for name in "tohlcv"}
    results = {}
    for name, make in (("DuckDB", duck), ("ArcticDB", arctic)):
        answer = make(bars, Path(folder))
        digest = hashlib.sha256(answer()).hexdigest()
        took = []
        for _ in range(int(repeat)):
            started = time.perf_counter()
            answer()
            took.append((time.perf_counter() - started) * 1_000)
        results[name] = {"ms": took, "digest": digest}
    sys.stdout.write(orjson.dumps(results).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
