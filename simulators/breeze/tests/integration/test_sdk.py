"""The unmodified SDK as the oracle: the demo that `make sdk-demo` runs, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_official_sdk_works_against_the_simulator(tmp_path: Path) -> None:
    environment = os.environ | {"BREEZE_SIM_CLOCK": "replay:2026-07-30", "TZ": "UTC"}
    run = subprocess.run(
        [sys.executable, "-m", "breeze_simulator.sdk_demo"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "FAIL" not in run.stdout
    sections = ("Session", "Quotes", "History", "Option chain", "Account", "Feeds", "Refusals")
    assert [line for line in run.stdout.splitlines() if line in sections] == list(sections)
    assert run.stdout.count("    ok   ") >= 55


def test_the_demo_fails_when_the_simulator_misbehaves(tmp_path: Path) -> None:
    """An address where nobody listens must not end in success."""
    run = subprocess.run(
        [sys.executable, "-m", "breeze_simulator.sdk_demo", "--url", "http://127.0.0.1:9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
