"""docker-compose.yml and its neighbours, checked without Docker."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOTS = {
    "certificate",
    "databases",
    "migrate-auth",
    "migrate-instruments",
    "migrate-market-data",
    "migrate-trading",
    "migrate-notifications",
}


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
    published = {name: each["ports"] for name, each in compose["services"].items() if "ports" in each}
    nginx = published.pop("nginx")
    assert nginx == ["${HTTP_PORT:-80}:8080", "${HTTPS_PORT:-443}:8443"]
    assert {name for name in published if compose["services"][name]["profiles"] == ["monitoring"]} == set(published)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
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


def test_everything_that_stays_is_asked_how_it_is(compose: dict[str, Any], ours: dict[str, dict[str, Any]]) -> None:
    """What serves at port 8000 by the image's own check, workers at the port of their metrics, the stores by theirs."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "http://127.0.0.1:8000/" in dockerfile.partition("HEALTHCHECK")[2]
    for name, each in ours.items():
        check, command = each.get("healthcheck"), " ".join(each["command"])
        if name in ONE_SHOTS:
            assert check == {"disable": True}, name
        elif check is None:
            assert "--port 8000" in command, name
        else:
            assert "http://127.0.0.1:9000/" in check["test"][-1], name
            assert "9000" in each["environment"].values(), name
    for name, each in compose["services"].items():
        assert name in ours or "profiles" in each or each["healthcheck"]["test"], name
    assert {"notifications", "notifications-worker"} <= set(ours)


def test_h_13_nothing_runs_with_more_rights_than_it_needs(
    compose: dict[str, Any], ours: dict[str, dict[str, Any]]
) -> None:
    """H-13: nobody is root, no root disk is writable, no capability is kept, nobody has Docker's socket."""
    for name, each in compose["services"].items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert not any("docker.sock" in str(volume) for volume in each.get("volumes", [])), name
        assert name in ours or each["user"].split(":")[0] not in {"0", "root"}, name
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
    """tests/e2e/test_nginx.py runs it; this holds where nginx is not installed."""
    config = (ROOT / "deploy" / "nginx" / "site.conf").read_text()
    websocket = config.split("location /ws/ {")[1].split("}")[0]
    assert "proxy_buffering off;" in websocket
    assert "proxy_set_header Upgrade $http_upgrade;" in config
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in config
    # A location that sets one of them would lose all others, Host and address included.
    server = config.split("include listen-https.conf;")[1]
    assert all("proxy_set_header" not in part.split("}")[0] for part in server.split("location ")[1:])
    assert re.search(r"location ~ \^/\(metrics\|readyz\|internal\)\(/\|\$\) \{\s*return 404;", config)
    assert config.count("{") == config.count("}")


def test_the_image_has_stages_and_the_last_one_only_runs() -> None:
    """One image, built apart from what runs: the last stage installs nothing and copies what the others made."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    stages = re.split(r"(?m)^FROM ", dockerfile)[1:]
    names = re.findall(r"(?m)^FROM \S+ AS (\w+)$", dockerfile)
    assert (len(stages), names) == (3, ["build", "web"])
    last = stages[-1]
    assert set(re.findall(r"COPY --from=(\w+)", last)) == {"build", "web"}
    assert not re.search(r"(?m)^(COPY|ADD) (?!--from=)", last)
    assert not re.search(r"pip install|npm |apt-get", last)
    assert "HEALTHCHECK" in last
    assert re.search(r"pip install --require-hashes", stages[0])
    assert re.findall(r"(?mi)^(?:ARG|ENV) .*(?:password|secret|_key)", dockerfile) == []
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".breezeway", ".venv"} <= set(ignored)
