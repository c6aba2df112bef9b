"""docker-compose.yml without Docker: every service's own command starts, with its own environment, and becomes ready.

Commands, environment and order come from the file. Only what a container changes is translated: host names and ports
become those of embedded stores and free local ports, and paths inside the image become temporary ones.
"""

import base64
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.supervisor.component import AliveReady, Component, HttpReady, RestartPolicy
from breezeway.supervisor.output import Output
from breezeway.supervisor.ports import PortReservation
from breezeway.supervisor.supervisor import Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "breezeway:latest"
WORKER_PORT = "9000"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::[-?](?P<default>[^}]*))?\}")


def translate(text: str, variables: dict[str, str], places: dict[str, str]) -> str:
    """`text` of the file as a process on this machine needs it."""

    def value(match: re.Match[str]) -> str:
        if match["name"] in variables:
            return variables[match["name"]]
        assert ":-" in match[0], f"the compose file needs {match['name']}"
        return match["default"]

    text = VARIABLE.sub(value, text)
    for inside, outside in places.items():
        text = text.replace(inside, outside)
    return text


async def test_every_service_of_the_compose_file_becomes_ready(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    ours = {name: each for name, each in compose["services"].items() if each["image"] == IMAGE}
    ports = PortReservation()
    port_of = {name: ports.take() for name in ours}

    postgres.query("CREATE ROLE breezeway LOGIN CREATEDB PASSWORD 'compose-test'")
    postgres.query("CREATE DATABASE breezeway OWNER breezeway")
    key = tmp_path / "signing-key.pem"
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    variables = {
        "POSTGRES_PASSWORD": "compose-test",
        "VALKEY_PASSWORD": valkey.url.split(":")[2].split("@")[0],
        "GATEWAY_URL": f"http://127.0.0.1:{port_of['gateway']}",
        "BREEZE_SIMULATOR_URL": f"http://127.0.0.1:{port_of['simulator']}",
        "BREEZEWAY_INTERNAL_KEY": base64.b64encode(os.urandom(32)).decode(),
        "BREEZEWAY_VAULT_KEY": base64.b64encode(os.urandom(32)).decode(),
        "BREEZEWAY_SIGNING_KEY_FILE": str(key),
    }
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.html").write_text("<!doctype html><title>Breezeway</title>")
    places = {
        "@postgres:5432": f"@127.0.0.1:{postgres.port}",
        "@valkey:6379": f"@127.0.0.1:{valkey.port}",
        **{f"http://{name}:8000": f"http://127.0.0.1:{port}" for name, port in port_of.items()},
        "/run/secrets/signing-key": str(key),
        "/app/web": str(tmp_path / "web"),
        "/var/lib/breezeway/tls": str(tmp_path / "tls"),
    }

    def component(name: str, service: dict[str, Any]) -> Component:
        words = [translate(str(word), variables, places) for word in service["command"]]
        program = {"python": [sys.executable], "uvicorn": [sys.executable, "-m", "uvicorn"]}[words[0]]
        if "--port" in words:
            words[words.index("--port") + 1] = str(port_of[name])
            words[words.index("--host") + 1] = "127.0.0.1"
        environment = {
            "BREEZEWAY_HOME": str(tmp_path / "home"),
            **{key: translate(str(value), variables, places) for key, value in service["environment"].items()},
        }
        health = service.get("healthcheck", {"test": ["http://127.0.0.1:8000/readyz'"]})
        probe = re.search(r"http://127\.0\.0\.1:(?P<port>\d+)(?P<path>/\w+)'", str(health.get("test", "")))
        if probe is not None and probe["port"] == WORKER_PORT:
            everywhere = "0.0.0.0"  # noqa: S104 - replaced, not bound
            loopback = {everywhere: "127.0.0.1", WORKER_PORT: str(port_of[name])}
            environment = {key: loopback.get(value, value) for key, value in environment.items()}
        return Component(
            name,
            (*program, *words[1:]),
            lambda: environment,
            ready=HttpReady("127.0.0.1", port_of[name], probe["path"]) if probe is not None else AliveReady(3.0),
            after=[other for other in service.get("depends_on", {}) if other in ours],
            one_shot=service["restart"] == "no",
            restart=RestartPolicy(start_attempts=1),
        )

    for leaked in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(leaked, raising=False)
    monkeypatch.chdir(ROOT)  # the image's working folder, where services/ is
    (tmp_path / "home").mkdir()
    ready: list[float] = []
    supervisor = Supervisor(
        [component(name, service) for name, service in ours.items()],
        run_folder=tmp_path / "run",
        output=Output(list(ours), "console"),
        on_ready=ready.append,
        stay=False,
    )
    try:
        await supervisor.run()
    finally:
        ports.release()
    assert len(ready) == 1
