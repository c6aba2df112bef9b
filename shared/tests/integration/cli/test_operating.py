"""`breezeway keys | vault | audit`: with the folder's own database, running or not, and with the operator's."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from breezeway.cli.home import find_root
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id

AUTH = find_root() / "services" / "auth"


def breezeway(home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environment: Mapping[str, str] = {**ours, "BREEZEWAY_HOME": str(home), **more}
    command = [sys.executable, "-m", "breezeway.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_keys_rotate_and_the_next_start_makes_no_first_key_again(tmp_path: Path) -> None:
    made = breezeway(tmp_path, "keys", "rotate")
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "secrets").glob("signing-key*.pem"))) == 2
    time.sleep(1.1)  # a key is named by the second in which it was made
    assert breezeway(tmp_path, "keys", "rotate", "--leaked").returncode == 0
    (left,) = (tmp_path / "secrets").glob("signing-key*.pem")
    assert breezeway(tmp_path, "keys", "rotate", "--remove-retired").returncode == 0
    assert [left] == list((tmp_path / "secrets").glob("signing-key*.pem"))


@pytest.fixture
def migrated(postgres: EmbeddedPostgres) -> str:
    base = f"op{new_id().hex}"
    postgres.create_database(f"{base}_auth")
    migrate.upgrade(AUTH, postgres.url(f"{base}_auth"))
    return postgres.url(base)


def test_the_operators_database_is_asked(tmp_path: Path, migrated: str) -> None:
    audit = breezeway(tmp_path, "audit", "verify", DATABASE_URL=migrated)
    assert (audit.returncode, audit.stdout) == (0, "The audit log is empty.\n"), audit.stderr
    vault = breezeway(tmp_path, "vault", "rotate", DATABASE_URL=migrated)
    assert vault.returncode == 0, vault.stderr
    assert "Nothing needs another key" in vault.stdout


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """The data folder's own PostgreSQL, with auth's tables."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False, databases=["breezeway_auth"])
    with server:
        migrate.upgrade(AUTH, server.url("breezeway_auth"))
        yield server


def test_the_folders_own_database_is_asked_while_it_runs_and_started_when_not(
    tmp_path: Path, own_database: EmbeddedPostgres
) -> None:
    ourselves = psutil.Process()
    entry = {"pid": ourselves.pid, "started": ourselves.create_time(), "state": "ready"}
    (tmp_path / "run").mkdir()
    state = tmp_path / "run" / "state.json"
    state.write_text(json.dumps({"supervisor": entry, "url": "", "components": {}}))
    running = breezeway(tmp_path, "audit", "verify")
    assert (running.returncode, running.stdout) == (0, "The audit log is empty.\n"), running.stderr
    own_database.stop()
    asked = breezeway(tmp_path, "audit", "verify")
    assert asked.returncode == 1
    assert "cannot be asked" in asked.stderr
    state.unlink()
    stopped = breezeway(tmp_path, "audit", "verify")
    assert (stopped.returncode, stopped.stdout) == (0, "The audit log is empty.\n"), stopped.stderr


def test_a_database_without_tables_is_told_in_words(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    base = f"op{new_id().hex}"
    postgres.create_database(f"{base}_auth")
    answer = breezeway(tmp_path, "vault", "status", DATABASE_URL=postgres.url(base))
    assert answer.returncode == 1
    assert answer.stderr.startswith("not_migrated: ")
