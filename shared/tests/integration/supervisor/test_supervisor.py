"""The supervisor with real processes: order, restarts, and that nothing is ever left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from breezeway.supervisor import state_file
from breezeway.testing.eventually import eventually

PRELUDE = """
import asyncio, sys
from pathlib import Path
from breezeway.errors import BreezewayError
from breezeway.supervisor.component import *
from breezeway.supervisor.output import Output
from breezeway.supervisor.supervisor import Supervisor

folder = Path(sys.argv[1])
quick = RestartPolicy(first_delay=0.05, longest_delay=0.2)

def python(program):
    return (sys.executable, "-c", program)

def run(*components, **options):
    output = Output([component.name for component in components], "console")
    supervisor = Supervisor(
        components, run_folder=folder / "run", output=output, on_ready=lambda s: output.say("ALL READY"), **options
    )
    try:
        asyncio.run(supervisor.run())
    except BreezewayError as error:
        output.say(f"FAILED {error.detail}")
        sys.exit(1)
    output.say("BYE")
"""
SLEEPER = 'Component("sleeper", python("import time; time.sleep(600)"), ready=AliveReady(0.05), restart=quick)'


class Stack:
    """A supervisor in a process of its own, and what it prints."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self._log = (folder / f"log-{time.monotonic_ns()}").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, str(folder)], stdout=self._log, stderr=subprocess.STDOUT
        )

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()

    def wait_for(self, text: str, seconds: float = 10.0) -> None:
        try:
            asyncio.run(eventually(lambda: text in self.log, seconds=seconds))
        except TimeoutError:
            pytest.fail(f"{text!r} was not printed:\n{self.log}")

    def pid(self, name: str) -> int:
        state = state_file.read(self.folder / "run" / "state.json")
        assert state is not None
        return state.components[name].pid

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture
def stacks() -> Iterator[list[Stack]]:
    started: list[Stack] = []
    yield started
    for stack in started:
        stack.end()


def gone(*pids: int) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_each_waits_for_what_it_needs(tmp_path: Path, stacks: list[Stack]) -> None:
    program = f"""
run(
    Component("web", python("print('web')"), after=["migrate", "file"], one_shot=True),
    Component("migrate", python("import time; time.sleep(0.3); print('migrated')"), one_shot=True),
    Component("file", python("import time, pathlib; time.sleep(0.2); pathlib.Path({str(tmp_path / "sign")!r}).touch();"
        "print('signed', flush=True); time.sleep(600)"), ready=FileReady(folder / "sign")),
    stay=False,
)
"""
    stacks.append(stack := Stack(tmp_path, program))
    assert stack.process.wait(15) == 0, stack.log
    assert stack.log.index("| migrated") < stack.log.index("| web")
    assert stack.log.index("| signed") < stack.log.index("| web")
    assert stack.log.index("ALL READY") < stack.log.index("BYE")


def test_a_dead_child_is_started_again(tmp_path: Path, stacks: list[Stack]) -> None:
    stacks.append(stack := Stack(tmp_path, f"run({SLEEPER})"))
    stack.wait_for("ALL READY")
    first = stack.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    stack.wait_for("killed by SIGKILL")
    asyncio.run(eventually(lambda: stack.log.count("ready      sleeper") == 2))
    assert stack.pid("sleeper") != first
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(10) == 0


def test_a_child_that_never_gets_ready_ends_the_start_with_its_last_words(tmp_path: Path, stacks: list[Stack]) -> None:
    program = f"""
run({SLEEPER}, Component("broken", python("raise SystemExit('no such key')"), restart=quick, after=["sleeper"]))
"""
    stacks.append(stack := Stack(tmp_path, program))
    assert stack.process.wait(15) == 1
    assert "FAILED broken did not start: exit status 1 while starting\n    no such key" in stack.log
    assert stack.log.count("restarting broken") == 2


def test_what_the_stack_can_do_without_does_not_stop_it(tmp_path: Path, stacks: list[Stack]) -> None:
    program = f"""
run({SLEEPER}, Component("seed", python("raise SystemExit(1)"), restart=quick, one_shot=True, required=False))
"""
    stacks.append(stack := Stack(tmp_path, program))
    stack.wait_for("ALL READY")
    assert "failed     seed" in stack.log
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_dependents_first(
    number: signal.Signals, tmp_path: Path, stacks: list[Stack]
) -> None:
    speaker = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: (print('end of', sys.argv[1]), sys.exit()));"
        "print('up', flush=True); time.sleep(600)"
    )
    program = f"""
speaker = {speaker!r}
run(
    Component("store", (*python(speaker), "store"), ready=AliveReady(0.3)),
    Component("web", (*python(speaker), "web"), ready=AliveReady(0.3), after=["store"]),
)
"""
    stacks.append(stack := Stack(tmp_path, program))
    stack.wait_for("ALL READY")
    pids = (stack.pid("store"), stack.pid("web"))
    stack.process.send_signal(number)
    assert stack.process.wait(10) == 0
    assert gone(*pids)
    assert stack.log.index("end of web") < stack.log.index("end of store") < stack.log.index("BYE")


def test_a_child_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path, stacks: list[Stack]) -> None:
    stubborn = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('child', subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    )
    program = f"run(Component('stubborn', python({stubborn!r}), ready=AliveReady(0.5), stop_timeout=0.3))"
    stacks.append(stack := Stack(tmp_path, program))
    stack.wait_for("ALL READY")
    grandchild = int(stack.log.split("| child ")[1].split()[0])
    pid = stack.pid("stubborn")
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(10) == 0
    assert gone(pid, grandchild)


def test_a_second_signal_does_not_wait(tmp_path: Path, stacks: list[Stack]) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    program = f"run(Component('stubborn', python({stubborn!r}), ready=AliveReady(0.5), stop_timeout=60))"
    stacks.append(stack := Stack(tmp_path, program))
    stack.wait_for("ALL READY")
    pid = stack.pid("stubborn")
    stack.process.send_signal(signal.SIGINT)
    stack.wait_for("Stopping")
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(10) == 0
    assert gone(pid)


def test_children_die_with_a_killed_supervisor(tmp_path: Path, stacks: list[Stack]) -> None:
    stacks.append(stack := Stack(tmp_path, f"run({SLEEPER})"))
    stack.wait_for("ALL READY")
    pid = stack.pid("sleeper")
    stack.process.kill()
    stack.process.wait()
    asyncio.run(eventually(lambda: gone(pid), seconds=60))


def test_orphans_of_a_killed_supervisor_and_guard_are_ended_at_the_next_start(
    tmp_path: Path, stacks: list[Stack]
) -> None:
    stacks.append(stack := Stack(tmp_path, f"run({SLEEPER})"))
    stack.wait_for("ALL READY")
    orphan = stack.pid("sleeper")
    guards = [
        child for child in psutil.Process(stack.process.pid).children() if "guard_process.py" in child.cmdline()[-1]
    ]
    assert len(guards) == 1
    guards[0].kill()
    stack.process.kill()
    stack.process.wait()
    assert not gone(orphan)
    stacks.append(second := Stack(tmp_path, f"run({SLEEPER})"))
    second.wait_for("ALL READY")
    assert "Ended what an earlier run had left: sleeper" in second.log
    assert gone(orphan)


def test_one_folder_one_stack_two_folders_two_stacks(tmp_path: Path, stacks: list[Stack]) -> None:
    stacks.append(first := Stack(tmp_path, f"run({SLEEPER})"))
    first.wait_for("ALL READY")
    stacks.append(refused := Stack(tmp_path, f"run({SLEEPER})"))
    assert refused.process.wait(10) == 1
    assert f"is in use by process {first.process.pid}" in refused.log
    (tmp_path / "other").mkdir()
    stacks.append(second := Stack(tmp_path / "other", f"run({SLEEPER})"))
    second.wait_for("ALL READY")
    assert not gone(first.pid("sleeper"))
