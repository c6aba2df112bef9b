"""The web app: its generated code, its own tests, and a new user's first visit in a real browser."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

FRONTEND = REPOSITORY / "frontend"
OLDEST_NODE = 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str, seconds: int, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=FRONTEND,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the app's dependencies installed and the app built."""
    found = shutil.which("node")
    if found is None or int(run(found, "--version", seconds=20).stdout.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip("Node 20 or newer was not found: the web app is neither built nor tested")
    built = run("sh", str(REPOSITORY / ".ci" / "web"), seconds=240)
    assert built.returncode == 0, built.stdout + built.stderr
    return found


@pytest.fixture
def chromium() -> str:
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    pytest.skip("Chromium was not found (apt-get install chromium): the web app is not tried in a browser")


def test_the_client_is_generated_from_the_present_api() -> None:
    done = run(sys.executable, "tools/export_contract.py", "--check", seconds=60)
    assert done.returncode == 0, done.stderr


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (FRONTEND / "package-lock.json").read_text()


def test_types_lint_generated_code_and_unit_tests(node: str) -> None:
    done = run("npm", "run", "--silent", "check", seconds=400, CI="1", NO_COLOR="1")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


@pytest.mark.e2e
def test_a_new_user_connects_charts_backfills_and_leaves(
    node: str, chromium: str, stack: StackProcess, tmp_path: Path
) -> None:
    shot = tmp_path / "failed.png"
    done = run(node, "e2e/story.mjs", stack.url, seconds=420, CHROMIUM=chromium, SHOT=str(shot))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nscreenshot: {shot}"
    assert "ok: sign out" in done.stdout


@pytest.mark.e2e
def test_a_careful_user_keeps_the_account(node: str, chromium: str, stack: StackProcess, tmp_path: Path) -> None:
    shot = tmp_path / "failed.png"
    done = run(node, "e2e/accounts.mjs", stack.url, seconds=300, CHROMIUM=chromium, SHOT=str(shot))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nscreenshot: {shot}"
    assert "ok: the second factor stays, and a recovery code helps" in done.stdout


@pytest.mark.e2e
def test_what_happens_is_told_and_drawn(node: str, chromium: str, stack: StackProcess, tmp_path: Path) -> None:
    """Bell, inbox, alerts, webhooks, hooks, settings; what is one's own on the chart; the drawer of a tablet."""
    shot = tmp_path / "failed.png"
    done = run(node, "e2e/notifications.mjs", stack.url, seconds=420, CHROMIUM=chromium, SHOT=str(shot))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nscreenshot: {shot}"
    assert "ok: depth and order in a drawer on a tablet" in done.stdout


@pytest.mark.e2e
def test_what_goes_wrong_needs_no_manual_refresh(node: str, chromium: str, stack: StackProcess, tmp_path: Path) -> None:
    """A reload, a killed gateway, a broken and a silent network, expired and refused tokens, a sign-out elsewhere."""
    shot = tmp_path / "failed.png"
    state = str(stack.home / "run" / "state.json")
    done = run(node, "e2e/outages.mjs", stack.url, state, seconds=400, CHROMIUM=chromium, SHOT=str(shot))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nscreenshot: {shot}"
    assert "ok: the sign-in ends elsewhere" in done.stdout


@pytest.mark.e2e
def test_a_page_stays_open_over_midnight(node: str, chromium: str, stack: StackProcess, tmp_path: Path) -> None:
    """The browser's clock goes on to the next morning: change, sparkline, daily bars and stale marks just follow."""
    shot = tmp_path / "failed.png"
    done = run(node, "e2e/day.mjs", stack.url, seconds=400, CHROMIUM=chromium, SHOT=str(shot))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nscreenshot: {shot}"
    assert "ok: the next morning" in done.stdout


@pytest.mark.e2e
def test_the_trace_of_ticks_can_be_taken(node: str, chromium: str, stack: StackProcess) -> None:
    """Only that `python -m benchmarks web` works: its gates are about time, which a busy machine does not keep."""
    done = run(node, "e2e/trace.mjs", stack.url, "2", seconds=180, CHROMIUM=chromium)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    measured = json.loads(done.stdout)
    assert measured["ticks_per_second"] > 0
    assert measured["chart_paints"] > 0
    assert measured["main_thread_share"] > 0
