"""The README's examples are run as they are written; only the address differs."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

README = (REPOSITORY / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


def block(language: str, containing: str) -> str:
    """The one fenced block of a language that contains a text."""
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in text]
    assert len(found) == 1, f"the README has {len(found)} {language} blocks with {containing!r}"
    return str(found[0])


async def test_the_python_example_prints_live_ticks(stack: StackProcess, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(block("python", "websockets.connect").replace(ADDRESS, stack.url))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(200):
            while not {"NSE:RELIANCE", "NSE_INDEX:NIFTY", "bar"} <= {line.split()[0] for line in lines if line.strip()}:
                line = await process.stdout.readline()
                assert line, (await process.stderr.read()).decode() if process.stderr else ""
                lines.append(line.decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    tick = next(line.split() for line in lines if line.startswith("NSE:RELIANCE"))
    assert float(tick[1]) > 0
    assert int(tick[3]) > 0


async def test_the_curl_tour_works_line_by_line(stack: StackProcess, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    press_the_button = """
LOGIN=$(curl -s $API/broker-accounts/$ACCOUNT/login-url -H "$AUTH" | sed 's/.*"url":"\\([^"]*\\)".*/\\1/')
SIMULATOR=$(echo "$LOGIN" | sed 's,\\(http://[^/]*\\).*,\\1,')
SESSION=$(curl -s $SIMULATOR/_sim/login -H 'Content-Type: application/json' -d '{"api_key":"sim+key=1"}' \
  | sed 's/.*"api_session":"\\([^"]*\\)".*/\\1/')
curl -s $API/broker-accounts/$ACCOUNT/session -H "$AUTH" -H 'Content-Type: application/json' \
  -d "{\\"api_session\\":\\"$SESSION\\"}"
"""
    tour = block("sh", "/auth/register").replace(ADDRESS, stack.url)
    before, after = tour.split('curl -s $API/broker-accounts/$ACCOUNT/session -H "$AUTH"', 1)
    # A person looks again until the backfill is done.
    look = 'curl -s $API/backfills -H "$AUTH"'
    assert f"{look}      " in after
    until_done = f"until {look} | grep -q 'state\":\"done'; do sleep 1; done"
    after = after.replace(f"{look}      ", f"{until_done}; {look}      ")
    script = before + press_the_button + '\ncurl -s $API/broker-accounts/$ACCOUNT/session -H "$AUTH"' + after
    ran = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", script], capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert '"state":"active"' in ran.stdout, ran.stdout
    assert '"symbol":"NSE:RELIANCE"' in ran.stdout, ran.stdout
    assert '"state":"done"' in ran.stdout, ran.stdout
    assert '"request_id"' not in ran.stdout, "a problem document\n" + ran.stdout
    assert '"code":"received"' in ran.stdout, "the paper order\n" + ran.stdout
