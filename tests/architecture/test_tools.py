"""The checks of `make lint`, `make typecheck` and `make imports`, so that one test run and one exit code cover all."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CODE = ("conftest.py", "shared", "services", "simulators", "tests", "benchmarks")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", *CODE), id="ruff-check"),
        pytest.param(("ruff", "format", "--check", *CODE), id="ruff-format"),
        pytest.param(("mypy",), id="mypy"),
        pytest.param(("lint-imports", "--no-cache"), id="lint-imports"),
    ],
)
def test_tool_finds_nothing(command: tuple[str, ...]) -> None:
    name, *arguments = command
    present = [each for each in arguments if each not in CODE or (ROOT / each).exists()]
    result = subprocess.run([BIN / name, *present], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-6000:]}\n{result.stderr[-2000:]}"
