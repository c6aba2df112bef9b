"""docker-compose.yml and its neighbours, checked without Docker."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOTS = {"databases", "migrate-auth", "migrate-instruments", "migrate-market-data", "migrate-trading"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


@pytest.fixture(scope="module")
def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: each for name, each in compose["services"].items() if each["image"] == "breezeway:latest"}


def test_it_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "deploy" / "schema" / "compose-spec.json").read_text())
    jsonschema.validate(compose, schema)
    compose["services"]["gateway"]["no_such_key"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, schema)
    del compose["services"]["gateway"]["no_such_key"]


def test_only_nginx_is_reachable_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, each in compose["services"].items() if "ports" in each] == ["nginx"]
    assert [name for name, each in compose["services"].items() if "edge" in each["networks"]] == ["nginx"]
    assert all("network_mode" not in each for each in compose["services"].values())


def test_every_dependency_exists_and_is_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, each in services.items():
        for other, how in each.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}, which does not exist"
            wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
            assert how["condition"] == wanted, f"{name} must wait until {other} is ready"


def test_one_shots_end_and_the_rest_restarts(ours: dict[str, dict[str, Any]]) -> None:
    assert {name: each["restart"] for name, each in ours.items()} == {
        name: "no" if name in ONE_SHOTS else "unless-stopped" for name in ours
    }


def test_nothing_runs_with_more_rights_than_it_needs(ours: dict[str, dict[str, Any]]) -> None:
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours.values())
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert re.findall(r"(?m)^USER (.*)$", dockerfile)[-1] == "breezeway"


def test_the_vault_key_reaches_the_auth_service_alone(ours: dict[str, dict[str, Any]]) -> None:
    holders = {name for name, each in ours.items() if "BREEZEWAY_VAULT_KEY" in each["environment"]}
    assert holders == {"auth", "migrate-auth"}


def test_every_variable_is_explained_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    explained = set(re.findall(r"(?m)^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text()))
    assert used - explained == set()


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / ".env.example").read_text()
    assert re.findall(r"\$\{[A-Z_]*(?:PASSWORD|KEY)[A-Z_]*:-[^}]+\}", text) == []
    assert re.findall(r"(?m)^[A-Z_]*(?:PASSWORD|_KEY)=\S+$", text) == []


def test_nginx_upgrades_websockets_and_hides_metrics() -> None:
    config = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    websocket = config.split("location /ws/ {")[1].split("}")[0]
    assert "proxy_set_header Upgrade $http_upgrade;" in websocket
    assert "proxy_buffering off;" in websocket
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in config
    assert re.search(r"location = /metrics \{\s*return 404;", config)
    assert config.count("{") == config.count("}")
