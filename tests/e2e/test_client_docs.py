"""The examples of docs/client.md, the README's and the notebook run as written; only address and dates differ."""

import ast
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from breezeway.clock import IST
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

GUIDE = (REPOSITORY / "docs" / "client.md").read_text()
NOTEBOOK = json.loads((REPOSITORY / "docs" / "notebook.ipynb").read_text())
ADDRESS = "127.0.0.1:8000"
README = (REPOSITORY / "README.md").read_text()
BLOCKS = [
    *re.findall(r"```python\n(.*?)```", GUIDE, re.S),
    *(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "BreezewaySync" in block),
]
# Alpaca's client still imports the old half of `websockets`, which warns.
ARGUMENTS = ("-W", "error", "-W", "ignore::DeprecationWarning")


def recent(example: str) -> str:
    """With a date that stays a few days ago, however old the guide becomes."""
    day = datetime.now(IST).date() - timedelta(days=12)
    return re.sub(r"2026-11-0\d", day.isoformat(), example)


def run(arguments: list[str], folder: Path, environment: Mapping[str, str], feed: str = "") -> str:
    """Standard output of a program that must end well."""
    ran = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, **environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        input=feed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_python_example_of_the_guide_runs(stack: StackProcess, tmp_path: Path, number: int) -> None:
    script = tmp_path / "example.py"
    script.write_text(recent(BLOCKS[number]).replace(ADDRESS, f"127.0.0.1:{stack.port}"))
    out = run([sys.executable, *ARGUMENTS, str(script)], tmp_path, {})
    assert out.strip(), "an example that prints nothing shows nothing"
    if found := re.search(r"([\d,]+) minutes", out):
        assert int(found[1].replace(",", "")) > 1_000
    if "write(" in BLOCKS[number]:
        assert (tmp_path / "reliance.parquet").stat().st_size > 1_000


def test_the_commands_of_the_guide_run_line_by_line(stack: StackProcess, tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.S)
    environment = {"BREEZEWAY_URL": stack.url, "BREEZEWAY_CONFIG": str(tmp_path / "config")}
    out = run(["bash", "-e", "-c", recent(block)], tmp_path, environment, "breezeway-demo\n")
    for expected in ("NFO:RELIANCE", "done", '"close"', "sma:5", "put delta", "NSE:RELIANCE "):
        assert expected in out, out
    assert (tmp_path / "reliance.parquet").stat().st_size > 1_000
    assert json.loads((tmp_path / "config" / "credentials.json").read_text())["servers"] == {}


def test_the_notebook_has_no_output_and_its_cells_run_one_after_the_other(stack: StackProcess, tmp_path: Path) -> None:
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}
    sources = ["".join(cell["source"]) for cell in cells]
    for source in sources:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ast.parse(source)
    # Inside a running loop, as a kernel runs them.
    program = (
        "import asyncio, json, sys\n"
        "async def kernel(names):\n"
        "    for cell in json.load(sys.stdin):\n"
        "        exec(compile(cell, '<cell>', 'exec'), names)\n"
        "asyncio.run(kernel({}))\n"
    )
    out = run([sys.executable, *ARGUMENTS, "-c", program], tmp_path, {"BREEZEWAY_URL": stack.url}, json.dumps(sources))
    assert "daily volatility" in out
    assert out.count("NSE") >= 5
    assert (tmp_path / "reliance-15m.parquet").exists()
