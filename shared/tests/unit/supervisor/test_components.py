"""Orders that cannot be kept are refused before anything starts; delays grow to a limit; ports are not given twice."""

import os
import socket
from pathlib import Path

import pytest

from breezeway.errors import Misconfigured
from breezeway.supervisor.component import Component, RestartPolicy
from breezeway.supervisor.folder_lock import FolderLock
from breezeway.supervisor.output import Output
from breezeway.supervisor.ports import PortReservation, is_free
from breezeway.supervisor.state_file import Running, StackState, end_orphans, read, write
from breezeway.supervisor.supervisor import Supervisor


@pytest.mark.parametrize(
    "components",
    [
        pytest.param([Component("a", after=["b"]), Component("b", after=["a"])], id="circle"),
        pytest.param([Component("a", after=["nobody"])], id="unknown"),
        pytest.param([Component("a"), Component("a")], id="twice"),
    ],
)
def test_an_impossible_order_is_refused(components: list[Component], tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        Supervisor(components, run_folder=tmp_path, output=Output([], "json"))


def test_delays_double_up_to_the_longest() -> None:
    policy = RestartPolicy(first_delay=0.5, longest_delay=3.0)
    assert [policy.delay(failures) for failures in (1, 2, 3, 4, 5, 5000)] == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_a_listening_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free("127.0.0.1", server.getsockname()[1])


def test_reserved_ports_differ_and_can_be_listened_on() -> None:
    mine, theirs = PortReservation(), PortReservation()
    try:
        ports = [mine.take() for _ in range(20)] + [theirs.take() for _ in range(20)]
        assert len(set(ports)) == 40
        with socket.create_server(("127.0.0.1", ports[0])) as server:
            assert server.getsockname()[1] == ports[0]
    finally:
        mine.release()
        theirs.release()


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(Misconfigured, match="in use by process"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_recycled_process_id_is_nobody_of_ours(tmp_path: Path) -> None:
    """The file names this very test process by id, but with another start time: it must not be killed."""
    path = tmp_path / "state.json"
    stranger = Running(os.getpid(), 1.0, "ready")
    write(path, StackState(stranger, "http://x", {"web": stranger}))
    assert end_orphans(path) == []
    assert read(path) is None


def test_a_damaged_state_file_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"supervisor": {')
    assert read(path) is None
    assert end_orphans(path) == []
