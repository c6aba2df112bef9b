"""`make bench`, or one part of it: `python -m benchmarks frames`."""

import importlib
import sys

from benchmarks import table

PARTS = (
    "frames",
    "candles",
    "candles_http",
    "backfill",
    "fanout",
    "stream_limits",
    "feed_path",
    "master",
    "search",
    "accounts",
    "trading",
    "stack",
    "web",
)


def main(wanted: list[str]) -> int:
    """Run the parts that were named, or all."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.stderr.write(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.\n")
        return 2
    sys.stdout.write(f"{table.machine()}\n\n")
    table.heading()
    for part in wanted or PARTS:
        table.show(importlib.import_module(f"benchmarks.{part}").rows())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
