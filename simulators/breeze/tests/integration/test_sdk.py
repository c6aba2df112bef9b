"""The unmodified SDK as the oracle: the demo that `make sdk-demo` runs, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run_demo(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "breeze_simulator.sdk_demo", *options],
        cwd=folder,
        env=os.environ | {"TZ": "UTC"} | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
def test_the_official_sdk_works_against_the_simulator(tmp_path: Path) -> None:
    run = run_demo(tmp_path, BREEZE_SIM_CLOCK="replay:2026-07-30")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "FAIL" not in run.stdout
    sections = ("Session", "Quotes", "History", "Option chain", "Account", "Orders", "Feeds", "Refusals")
    assert [line for line in run.stdout.splitlines() if line in sections] == list(sections)
    assert run.stdout.count("    ok   ") >= 75


@pytest.mark.slow
@pytest.mark.real_data
def test_the_sdk_reads_the_real_master_as_it_does_from_the_broker(tmp_path: Path, real_data: Path) -> None:
    run = run_demo(
        tmp_path,
        BREEZE_SIM_CLOCK="replay:2026-07-30",
        BREEZE_SIM_MASTER_ZIP=str(real_data / "security_master" / "SecurityMaster_2026-07-30_full7.zip"),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "[13358, 5690, 0, 37409, 70951, 4440]" in run.stdout


def test_the_demo_fails_when_the_simulator_misbehaves(tmp_path: Path) -> None:
    """An address where nobody listens must not end in success."""
    assert run_demo(tmp_path, "--url", "http://127.0.0.1:9").returncode != 0
