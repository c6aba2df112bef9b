"""What a long run of tests says of itself."""

import queue
import re

from breezeway.testing.run_watch import RunWatch


def test_a_run_says_what_is_running_and_how_far_it_is() -> None:
    said: queue.Queue[str] = queue.Queue()
    watch = RunWatch(said.put, every_s=0.01)
    watch.pytest_runtest_logstart("tests/a.py::test_done")
    watch.pytest_runtest_logfinish("tests/a.py::test_done")
    watch.pytest_runtest_logstart("tests/a.py::test_slow")
    watch.start()
    line, machine = said.get(timeout=5).rsplit("; ", 1)
    assert line == "[0 min] 1 tests ended; running: tests/a.py::test_slow for 0 s"
    assert re.fullmatch(r"load [\d.]+, memory [\d.]+ of [\d.]+ GiB", machine)
    watch.pytest_runtest_logfinish("tests/a.py::test_slow")
    assert watch.line() == "[0 min] 2 tests ended; running: none"
    watch.pytest_sessionfinish()
