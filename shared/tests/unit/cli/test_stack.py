"""The table of the stack and the data folder's secrets, without starting anything."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from breezeway.cli import main as command
from breezeway.cli import stack
from breezeway.cli.home import find_root, open_home, secret_environment
from breezeway.errors import Misconfigured
from breezeway.supervisor.component import Component
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.ports import PortReservation

OPERATOR = {
    "DATABASE_URL": "postgresql://me:pw@db.internal:5433/trading?sslmode=require",
    "REDIS_URL": "redis://cache.internal:6379/2",
}


@pytest.fixture
def ports() -> Iterator[PortReservation]:
    made = PortReservation()
    yield made
    made.release()


@pytest.fixture
def place(tmp_path: Path) -> stack.Place:
    return stack.Place(
        root=find_root(),
        home=tmp_path,
        host="127.0.0.1",
        port=8123,
        secrets={"BREEZEWAY_VAULT_KEY": "v", "BREEZEWAY_INTERNAL_KEY": "i"},
        operator=OPERATOR,
    )


def table(place: stack.Place, ports: PortReservation) -> Mapping[str, Component]:
    stores = stack.prepare_stores(place, Guard(), ports)
    components = [
        *stores.components,
        stack.migration_component(place, stores),
        *stack.service_components(place, stores, ports),
    ]
    return {component.name: component for component in components}


def test_gateways_share_the_port(place: stack.Place, ports: PortReservation) -> None:
    assert "--workers" not in table(place, ports)["gateway"].command
    several = replace(place, operator={**OPERATOR, "GATEWAYS": "3"})
    assert table(several, ports)["gateway"].command[-2:] == ("--workers", "3")
    assert "--workers" not in table(several, ports)["auth"].command


@pytest.mark.parametrize("text", ["0", "-1", "two", "65", "١"])
def test_a_count_of_gateways_that_is_none_is_refused(place: stack.Place, text: str) -> None:
    with pytest.raises(Misconfigured, match="GATEWAYS"):
        assert replace(place, operator={"GATEWAYS": text}).gateways


def test_the_operators_servers_replace_the_embedded_ones(place: stack.Place, ports: PortReservation) -> None:
    components = table(place, ports)
    assert {"postgres", "valkey"} & set(components) == set()
    assert "databases" in components
    environment = components["market-data"].env()
    assert environment["DATABASE_URL"] == "postgresql://me:pw@db.internal:5433/trading_market_data?sslmode=require"
    assert environment["REDIS_URL"] == OPERATOR["REDIS_URL"]


def test_a_database_url_without_a_name_is_refused(place: stack.Place, ports: PortReservation) -> None:
    bare = replace(place, operator={"DATABASE_URL": "postgresql://me@db.internal:5433"})
    with pytest.raises(Misconfigured, match="DATABASE_URL"):
        table(bare, ports)


def test_each_service_sees_its_own_database_only(place: stack.Place, ports: PortReservation) -> None:
    components = table(place, ports)
    urls = {name: each.env().get("DATABASE_URL", "") for name, each in components.items() if name != "databases"}
    migrated = json.loads(components["migrate"].env()["BREEZEWAY_MIGRATIONS"])
    services = ("auth", "instruments", "market-data", "trading", "notifications")
    assert list(migrated.values()) == [urls[name] for name in services]
    assert urls["market-data"] == urls["feed-owner"] == urls["market-data-worker"]
    assert urls["trading"] == urls["trading-worker"]
    assert urls["notifications"] == urls["notifications-worker"]
    assert len(set(migrated.values())) == 5
    assert urls["gateway"] == urls["simulator"] == urls["seed"] == ""


def test_services_wait_for_the_migrations(place: stack.Place, ports: PortReservation) -> None:
    components = table(place, ports)
    for service in stack.SERVICES_WITH_DATABASE:
        assert "migrate" in components[service].after
    assert "gateway" in components["seed"].after
    assert not components["seed"].required


def test_the_demo_can_be_left_out(place: stack.Place, ports: PortReservation) -> None:
    assert "seed" not in table(replace(place, operator={"BREEZEWAY_DEMO": "off"}), ports)


def test_only_the_gateways_port_is_fixed(place: stack.Place, ports: PortReservation) -> None:
    components = table(place, ports)
    listening = {
        name: each.command[list(each.command).index("--port") + 1]
        for name, each in components.items()
        if "--port" in each.command
    }
    assert listening.pop("gateway") == "8123"
    assert len(set(listening.values())) == 6
    assert components["auth"].env()["AUTH_URL"] == f"http://127.0.0.1:{listening['auth']}"


def test_secrets_are_made_once_for_the_owner_only(tmp_path: Path) -> None:
    home = open_home({"BREEZEWAY_HOME": str(tmp_path / "home")}, find_root())
    first = secret_environment(home, {})
    assert secret_environment(home, {}) == first
    assert first["BREEZEWAY_VAULT_KEY"] != first["BREEZEWAY_INTERNAL_KEY"]
    files = list((home / "secrets").iterdir())
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700


def test_the_operators_keys_win(tmp_path: Path) -> None:
    home = open_home({"BREEZEWAY_HOME": str(tmp_path / "home")}, find_root())
    assert secret_environment(home, {"BREEZEWAY_VAULT_KEY": "mine"})["BREEZEWAY_VAULT_KEY"] == "mine"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="file/home cannot be used"):
        open_home({"BREEZEWAY_HOME": str(tmp_path / "file" / "home")}, find_root())


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "８０"])
def test_a_port_that_is_none_is_refused(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", port)
    monkeypatch.setenv("BREEZEWAY_HOME", str(tmp_path))
    assert command.main(["run"]) == 1
    assert "PORT must be a number from 1 to 65535" in capsys.readouterr().err


def test_status_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BREEZEWAY_HOME", str(tmp_path))
    assert command.main(["status"]) == 1
    assert capsys.readouterr().out == f"No stack runs in {tmp_path}.\n"
    assert os.listdir(tmp_path) == ["secrets"]
