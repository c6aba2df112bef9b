"""Backup and restore of real databases: same data afterwards, and nothing harmed when something is wrong."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breezeway.cli import backup, backup_commands, postgres_tools
from breezeway.cli.home import find_root
from breezeway.cli.stack import SERVICES_WITH_DATABASE, Place
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import BreezewayError, Conflict, InvalidInput, Misconfigured
from breezeway.ids import new_id

UrlOf = Callable[[str], str]
TWO = ("auth", "trading")
"""Enough where it is not about all of them: each is a process of its own to save and to bring back."""
PASSPHRASE = "a long enough passphrase"


@pytest.fixture
def url_of(postgres: EmbeddedPostgres) -> Iterator[UrlOf]:
    """A database for each service, with rows that say whose it is: copies of one made by hand."""
    prefix = f"b{new_id().hex[:12]}"

    def url(service: str) -> str:
        return postgres.url(f"{prefix}_{service.replace('-', '_')}")

    names = [postgres_tools.name_of(url(service)) for service in SERVICES_WITH_DATABASE]
    postgres.create_database(names[0])
    fill(url(SERVICES_WITH_DATABASE[0]), prefix)
    for name in names[1:]:
        postgres.query(f'CREATE DATABASE "{name}" TEMPLATE "{names[0]}"')
    yield url
    for name in names:
        postgres.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def fill(url: str, word: str) -> None:
    statements = (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('0007')",
        "CREATE TABLE things (id int PRIMARY KEY, word text, amount numeric(20,4), body bytea)",
        "INSERT INTO things SELECT n, '" + word + " ₹' || n, n / 3.0, decode(md5(n::text), 'hex') "
        "FROM generate_series(1, 500) n",
    )
    postgres_tools.query("; ".join(statements), url)


def digest(url: str) -> str:
    """Of everything in the table."""
    return postgres_tools.query("SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM things t", url)[0][0]


def place(home: Path, **operator: str) -> Place:
    (home / "secrets").mkdir(parents=True)
    (home / "secrets" / "vault.key").write_text("vault key of this home")
    return Place(home, home, "127.0.0.1", 1, {}, operator)


def save(url_of: UrlOf, target: Path) -> None:
    backup.write(target, TWO, url_of, str, secrets=None, passphrase="")


def test_data_come_back_after_everything_was_lost(
    postgres: EmbeddedPostgres, url_of: UrlOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backup_commands.PASSPHRASE, PASSPHRASE)
    before = {service: digest(url_of(service)) for service in SERVICES_WITH_DATABASE}
    old = place(tmp_path / "old", BREEZEWAY_BANK_KEY="bank key of the operator")
    file = tmp_path / "backup.tar"
    assert backup_commands.run(old, "backup", [str(file), "--secrets"], url_of, running=True) == 0
    assert file.stat().st_mode & 0o077 == 0
    assert b"vault key" not in file.read_bytes()

    for service in SERVICES_WITH_DATABASE:
        name = postgres_tools.name_of(url_of(service))
        postgres.query(f'DROP DATABASE "{name}" WITH (FORCE)')
        postgres.create_database(name)
    new = place(tmp_path / "new")
    (new.home / "secrets" / "vault.key").write_text("made a moment ago")
    assert backup_commands.run(new, "restore", [str(file)], url_of, running=False) == 0

    assert {service: digest(url_of(service)) for service in SERVICES_WITH_DATABASE} == before
    assert (new.home / "secrets" / "vault.key").read_text() == "vault key of this home"
    assert "BREEZEWAY_BANK_KEY=bank key of the operator" in (new.home / "secrets" / "restored.env").read_text()


def test_databases_that_hold_something_are_left_alone_unless_forced(url_of: UrlOf, tmp_path: Path) -> None:
    save(url_of, tmp_path / "b.tar")
    before = digest(url_of("auth"))
    postgres_tools.query("UPDATE things SET word = 'newer'", url_of("auth"))
    changed = digest(url_of("auth"))
    manifest = backup.read_manifest(tmp_path / "b.tar")
    with pytest.raises(Conflict, match="--force"):
        backup.restore(tmp_path / "b.tar", manifest, url_of, str, force=False)
    assert digest(url_of("auth")) == changed
    backup.restore(tmp_path / "b.tar", manifest, url_of, str, force=True)
    assert digest(url_of("auth")) == before


def test_a_damaged_file_touches_nothing(url_of: UrlOf, tmp_path: Path) -> None:
    save(url_of, tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    middle = len(whole) // 2
    damaged = {
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "cut": whole[:middle],
        "empty": b"",
        "other": b"no tar file" * 100,
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput):
            backup.read_manifest(tmp_path / name)


def test_a_dump_that_cannot_be_restored_leaves_what_is_there(url_of: UrlOf, tmp_path: Path) -> None:
    """The checksum fits and PostgreSQL still refuses: all databases stay as they were, and nothing is left behind."""
    save(url_of, tmp_path / "b.tar")
    manifest = backup.read_manifest(tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        tar.extractall(tmp_path / "parts", filter="data")
    (tmp_path / "parts" / "trading.dump").write_bytes(b"PGDMP but not really")
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        for part in (tmp_path / "parts").iterdir():
            tar.add(part, arcname=part.name)
    before = {service: digest(url_of(service)) for service in TWO}
    with pytest.raises(Misconfigured, match="pg_restore failed"):
        backup.restore(tmp_path / "bad.tar", manifest, url_of, str, force=True)
    assert {service: digest(url_of(service)) for service in TWO} == before
    names = postgres_tools.query("SELECT datname FROM pg_database", url_of("auth"))
    assert not [name for (name,) in names if name.endswith("_restored")]


def test_a_backup_overwrites_nothing_and_half_a_one_is_not_left(url_of: UrlOf, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    target.write_text("precious")
    with pytest.raises(Conflict, match="exists"):
        save(url_of, target)
    assert target.read_text() == "precious"
    with pytest.raises(Misconfigured, match="pg_dump failed"):
        save(lambda service: url_of(service) + "_nowhere", tmp_path / "c.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar"]


def test_the_manifest_says_what_is_in_it(url_of: UrlOf, tmp_path: Path) -> None:
    save(url_of, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        manifest = json.load(member)
    assert set(manifest["databases"]) == set(TWO)
    assert {each["revision"] for each in manifest["databases"].values()} == {"0007"}
    assert "secrets" not in manifest


def test_what_cannot_work_is_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backup_commands.PASSPHRASE, raising=False)
    home, file = place(tmp_path / "home"), str(tmp_path / "new.tar")

    def nowhere(service: str) -> str:
        raise AssertionError(f"{service} was asked")

    for words, running, said in (
        (["backup", file, "--secrets"], False, "passphrase"),
        (["restore", file], False, "no complete backup"),
        (["restore", file], True, "stack runs"),
    ):
        with pytest.raises(BreezewayError, match=said):
            backup_commands.run(home, words[0], words[1:], nowhere, running=running)
    assert not (tmp_path / "new.tar").exists()


def test_every_service_s_real_tables_come_back(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """Triggers, functions, extensions and all: some dumps cannot be restored although they could be made."""
    prefix = f"r{new_id().hex[:12]}"

    def url(service: str) -> str:
        return postgres.url(f"{prefix}_{service.replace('-', '_')}")

    def schema(service: str) -> str:
        printed = postgres_tools.run("pg_dump", ["--schema-only", "--no-owner"], url(service))
        return "\n".join(line for line in printed.splitlines() if not line.startswith("\\"))

    for service in SERVICES_WITH_DATABASE:
        postgres.create_database(postgres_tools.name_of(url(service)))
        migrate.upgrade(find_root() / "services" / service, url(service))
    before = {service: schema(service) for service in SERVICES_WITH_DATABASE}
    file = tmp_path / "b.tar"
    backup.write(file, SERVICES_WITH_DATABASE, url, str, secrets=None, passphrase="")
    backup.restore(file, backup.read_manifest(file), url, str, force=True)
    assert {service: schema(service) for service in SERVICES_WITH_DATABASE} == before
    assert all("CREATE TABLE" in text for text in before.values())
    for service in SERVICES_WITH_DATABASE:
        postgres.query(f'DROP DATABASE "{postgres_tools.name_of(url(service))}" WITH (FORCE)')


def test_the_commands_save_a_data_folder_and_bring_it_back_into_another(tmp_path: Path) -> None:
    """As an operator does it: backup, the machine is lost, restore on a new one, with the keys."""

    def breezeway(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environment = {**ours, "BREEZEWAY_HOME": str(home), backup_commands.PASSPHRASE: PASSPHRASE}
        command = [sys.executable, "-m", "breezeway.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    old, new, file = tmp_path / "old", tmp_path / "new", str(tmp_path / "b.tar")
    with EmbeddedPostgres(old / "postgres", durable=False, databases=["breezeway_auth"]) as server:
        fill(server.url("breezeway_auth"), "old")
        before = digest(server.url("breezeway_auth"))
    saved = breezeway(old, "backup", file, "--secrets")
    assert saved.returncode == 0, saved.stderr
    vault_key = (old / "secrets" / "vault.key").read_text()
    shutil.rmtree(old)

    back = breezeway(new, "restore", file)
    assert back.returncode == 0, back.stderr
    assert (new / "secrets" / "vault.key").read_text() == vault_key
    with EmbeddedPostgres(new / "postgres", durable=False) as server:
        assert digest(server.url("breezeway_auth")) == before
