"""`breezeway run` from the first line to the last process: what a user, a crash and a power cut do to it."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from breezeway.embedded.account import Account
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess, still_alive

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MEMORY_MB = 1_500.0
NO_DEMO = {"BREEZEWAY_DEMO": "off"}  # these tests are about processes


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: that one lies in a folder which other accounts may not enter."""
    made = Path(tempfile.mkdtemp(prefix="bw-stack-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def nothing_left(stack: StackProcess, processes: list[psutil.Process], seconds: float) -> None:
    try:
        asyncio.run(eventually(lambda: not still_alive(processes) and not stack.listens(), seconds=seconds))
    except TimeoutError:
        pytest.fail(f"left after {seconds} s: {still_alive(processes)}")


def own_memory(process: psutil.Process) -> int:
    """Bytes; where the system tells, pages that processes share (PostgreSQL's buffers) are counted once."""
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def run_again(stack: StackProcess, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "breezeway.cli.main", "run"],
        env={"PATH": os.environ["PATH"], "BREEZEWAY_HOME": str(stack.home), "PORT": str(stack.port), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_stack_starts_repairs_itself_and_stops_without_a_trace(folder: Path) -> None:
    with StackProcess(folder / "home") as stack:
        first = stack.start()
        assert answers(stack.url)
        assert f"{stack.url}/docs" in stack.log
        memory = sum(own_memory(process) for process in stack.processes()) / 2**20
        print(f"first start {first:.1f} s, memory {memory:.0f} MB")
        assert memory <= MEMORY_MB

        taken = run_again(stack, BREEZEWAY_HOME=str(folder / "other"))
        assert taken.returncode == 1
        assert f"port {stack.port} on 127.0.0.1 is taken" in taken.stderr
        assert f"PORT={stack.port + 1} make run" in taken.stderr
        assert not (folder / "other" / "postgres").exists()
        in_use = run_again(stack, PORT=str(StackProcess(folder / "x").port))
        assert in_use.returncode == 1
        assert f"is in use by process {stack.pid}" in in_use.stderr

        killed = stack.component("gateway")
        os.kill(killed, signal.SIGKILL)
        asyncio.run(eventually(lambda: "restarting gateway" in stack.log, seconds=60))
        asyncio.run(eventually(lambda: answers(stack.url), seconds=120))
        assert stack.component("gateway") != killed

        processes = stack.processes()
        assert stack.stop(signal.SIGINT) == 0
        nothing_left(stack, processes, seconds=10)


def test_two_stacks_live_side_by_side_and_one_comes_back_after_a_power_cut(folder: Path) -> None:
    """One of them runs as a normal user. The other starts again after everything was killed, and dies with its
    supervisor."""
    theirs_home = folder / "theirs"
    theirs_home.mkdir()
    normal_user = None
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        normal_user = Account(entry.pw_uid, entry.pw_gid)
        normal_user.own(theirs_home)
    with (
        StackProcess(folder / "mine", environment=NO_DEMO) as mine,
        StackProcess(theirs_home, environment=NO_DEMO, account=normal_user) as theirs,
    ):
        mine.start()
        theirs.start()
        assert answers(mine.url)
        assert answers(theirs.url)
        assert psutil.Process(theirs.component("gateway")).uids().effective != 0
        everything = mine.processes()
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        mine.wait()
        nothing_left(mine, everything, seconds=30)
        assert answers(theirs.url)
        processes = theirs.processes()
        assert theirs.stop(signal.SIGHUP) == 0
        nothing_left(theirs, processes, seconds=10)

        again = mine.start()
        print(f"second start, with recovery, {again:.1f} s")
        assert answers(mine.url)
        processes = mine.processes()
        mine.kill()
        nothing_left(mine, processes, seconds=60)
