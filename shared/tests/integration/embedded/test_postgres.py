"""The embedded PostgreSQL, with real servers: it starts after whatever the last end was like, and leaves nothing."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.server_process import StartFailed
from breezeway.errors import InvalidInput, Misconfigured
from breezeway.testing.eventually import eventually

OWNER = """
import sys, time
from pathlib import Path
from breezeway.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print(server.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path / "pg", durable=False)
    yield made
    made.stop()


def working_in(folder: Path) -> list[int]:
    """Process ids of the postgres processes on that data folder."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(folder / "data"):
            found.append(process.pid)
    return found


def test_data_outlives_a_stop_and_no_process_does(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    server.query("CREATE TABLE kept AS SELECT 42 AS answer")
    address = server.url("postgres")
    server.stop()
    assert working_in(tmp_path / "pg") == []
    server.start()
    assert server.query("SELECT answer FROM kept") == "42"
    assert server.url("postgres") == address


def test_only_the_generated_password_opens_it(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    password = tmp_path / "pg" / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert server.query("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'") == "0"
    assert server.query("SHOW listen_addresses") == "127.0.0.1"


def test_databases_are_made_once(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database("breezeway_auth")
    server.create_database("breezeway_auth")
    assert server.query("SELECT current_database()", database="breezeway_auth") == "breezeway_auth"


def test_settling_leaves_nothing_to_repeat_after_a_kill(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database("breezeway_auth")
    written = server.query("SELECT pg_current_wal_lsn()")
    older = f"SELECT redo_lsn < '{written}' FROM pg_control_checkpoint()"  # noqa: S608 - the server's own word
    assert server.query(older) == "t"
    server.settle()
    assert server.query(older) == "f"
    server.stop()
    server.settle()


def test_a_name_that_needs_quoting_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(InvalidInput):
        server.create_database('x"; DROP DATABASE postgres; --')


def test_trigrams_are_available(server: EmbeddedPostgres) -> None:
    server.start()
    server.query("CREATE EXTENSION pg_trgm")
    assert server.query("SELECT similarity('reliance', 'relianc') > 0.5") == "t"


def test_what_was_committed_survives_the_death_of_the_whole_tree(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    server.query("CREATE TABLE kept AS SELECT 1 AS one")
    for pid in working_in(tmp_path / "pg"):
        os.kill(pid, signal.SIGKILL)
    asyncio.run(eventually(lambda: not server.running))
    address = server.url()
    server.start()
    try:
        assert server.query("SELECT one FROM kept") == "1"
        assert server.url() == address
    finally:
        server.stop()


def test_a_lock_file_with_the_id_of_a_living_stranger_does_not_stop_it(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.start()
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lock = tmp_path / "pg" / "data" / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{tmp_path}/pg/data\n0\n5432\n\n127.0.0.1\n0 0\nready\n")
        server.start()
        assert server.query("SELECT 1") == "1"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_data_folder_is_made_again(server: EmbeddedPostgres, tmp_path: Path) -> None:
    (tmp_path / "pg" / "data" / "base").mkdir(parents=True)
    (tmp_path / "pg" / "initdb-dead" / "data").mkdir(parents=True)
    server.start()
    assert server.query("SELECT 1") == "1"
    assert list((tmp_path / "pg").glob("initdb-*")) == []


def test_a_second_owner_is_refused_by_name(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breezeway.embedded.postgres._LOCK_SECONDS", 0.1)
    server.start()
    with pytest.raises(Misconfigured, match=str(os.getpid())):
        EmbeddedPostgres(tmp_path / "pg", durable=False).start()
    assert server.query("SELECT 1") == "1"


def test_concurrent_starters_take_turns(tmp_path: Path) -> None:
    answers: list[str] = []

    def use() -> None:
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as mine:
            answers.append(mine.query("SELECT 7"))

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["7", "7", "7"]


def test_a_failed_start_shows_the_log_and_leaves_nothing(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    server.stop()
    (tmp_path / "pg" / "data" / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StartFailed, match="no_such_setting"):
        server.start()
    assert working_in(tmp_path / "pg") == []
    assert not server.running


def test_it_dies_with_its_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "pg")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert pid in working_in(tmp_path / "pg")
    owner.kill()
    owner.wait()
    owner.stdout.close()
    asyncio.run(eventually(lambda: not working_in(tmp_path / "pg"), seconds=60))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change to another account")
def test_under_root_it_runs_as_someone_else_even_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "pg", durable=False) as server:
        assert server.query("SELECT 1") == "1"
        assert server.pid is not None
        assert psutil.Process(server.pid).uids().effective != 0
    assert closed.stat().st_mode & 0o777 == 0o700
