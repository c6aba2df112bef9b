"""Decoding one Breeze frame: our pure decoder beside the official SDK's `parse_data`."""

import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from benchmarks.table import Row
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.frames import decode_stock
from breezeway.breeze.sdk import load_sdk

QUOTE: list[Any] = [
    *("4.1!10604", 885, 893.75, 894.75, 884, 0.94, 893.65, 15, 893.75, 561, 2, 891.46, 786772, 280490, 296628),
    *("70.14C", "", 796.9, 973.9, 1691559630, 885.4),
]
DEPTH: list[Any] = ["4.2!95826", 1691390811, [[14.6, 375, 1, "", 15.1, 375, 1, ""]] * 5]
SECONDS = 1.0


class _NoHttp:
    """The decoder needs no network."""

    def request(self, *_: object, **__: object) -> Any:
        raise RuntimeError("a benchmark of decoding called the network")


def rows() -> Iterator[Row]:
    """Frames a second, one core, for a quote and for a depth frame."""
    if find_spec("breeze_connect") is None:
        sys.stderr.write("breeze-connect is not installed; its figures are left out\n")
        return
    parse = _official_parser()
    for name, frame in {"quote": QUOTE, "depth": DEPTH}.items():
        yield Row(f"decode one {name} frame", "breeze-connect parse_data", f"{_rate(parse, frame):,.0f}/s")
        yield Row(f"decode one {name} frame", "Breezeway", f"{_rate(decode_stock, frame):,.0f}/s")


def _official_parser() -> Callable[[list[Any]], object]:
    module = load_sdk(BreezeEndpoints.single_origin("http://127.0.0.1:9"), _NoHttp())  # type: ignore[arg-type]
    parser: Callable[[list[Any]], object] = module.BreezeConnect("key").parse_data
    return parser


def _rate(decode: Callable[[list[Any]], object], frame: list[Any]) -> float:
    done = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SECONDS:
        for _ in range(1000):
            decode(frame)
        done += 1000
    return done / elapsed
