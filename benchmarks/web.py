"""The web app in Chromium: what ticks cost its main thread and memory, and what Lighthouse says of its pages.

`BREEZEWAY_BENCH_WEB_SECONDS` (default 60; 600 for the ten minutes of the memory gate) is how long ticks run;
`LIGHTHOUSE` may name an installed copy of the package, see `frontend/e2e/lighthouse.mjs`. Wants a quiet machine: frames
are timed by the clock.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

SECONDS = int(os.environ.get("BREEZEWAY_BENCH_WEB_SECONDS", "60"))
TICKS = "50 instruments at 20 ticks/s each, chart and depth open"


def rows() -> Iterator[Row]:
    """A stack for the pages, then the trace and the page loads."""
    node = shutil.which("node")
    if node is None:
        sys.stderr.write("Node was not found: the web app is left out.\n")
        return
    build = ["/bin/sh", str(REPOSITORY / ".ci" / "web")]
    subprocess.run(build, check=True, stdout=sys.stderr)  # noqa: S603 - our own script
    with (
        tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder,
        StackProcess(Path(folder), environment={"BREEZE_SIM_CLOCK": "replay:2026-11-18"}) as stack,
    ):
        stack.start(180)
        for trace in _script(node, "trace.mjs", stack.url, str(SECONDS)):
            yield from _ticks(trace)
        for page in _script(node, "lighthouse.mjs", stack.url):
            figure = f"performance {page['performance']}, accessibility {page['accessibility']}"
            yield Row(f"{page['page']} page, desktop, by {page['by']}", "Breezeway web", figure)
            figure = f"LCP {page['lcp']} ms, TBT {page['tbt']} ms, CLS {page['cls']}"
            yield Row(f"{page['page']} page, desktop, by {page['by']}", "Breezeway web", figure)


def _ticks(trace: dict[str, Any]) -> Iterator[Row]:
    yield Row(f"{TICKS}, {trace['seconds']} s", "Breezeway web", f"{trace['main_thread_share']:.1%} of a core")
    figure = f"{trace['frames_over_50_ms']} over 50 ms, longest {trace['longest_frame_ms']} ms"
    yield Row("frames meanwhile, by the clock", "Breezeway web", figure)
    figure = f"{trace['tasks_over_50_ms']} over 50 ms, longest {trace['longest_task_ms']} ms"
    yield Row("tasks meanwhile, processor time", "Breezeway web", figure)
    yield Row("memory meanwhile", "Breezeway web", f"{trace['heap_mb']} MB, grown by {trace['heap_growth_mb']} MB")


def _script(node: str, name: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """The lines of JSON that a script prints; exit status 1 means a missed gate, which the figures show."""
    command = [node, f"e2e/{name}", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY / "frontend", capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
