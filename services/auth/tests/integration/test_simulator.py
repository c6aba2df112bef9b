"""Auth, the official SDK and the simulator together: connecting for real."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from breezeway.supervisor.ports import free_port

CALLBACK = "http://gateway.test/api/v1/broker-accounts/callback"
ACCOUNTS = "/api/v1/broker-accounts"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a simulator in a process of its own."""
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("simulator")
    origin = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "--factory", "breeze_simulator.main:create_app"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | {"BREEZE_SIM_REDIRECT_URL": CALLBACK, "BREEZE_SIM_TICK_RATE": "0.1"},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(origin, process, folder / "log")
            yield origin
        finally:
            process.terminate()
            process.wait(10)


def wait_until_ready(origin: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{origin}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the simulator does not start: {log.read_text()[-2000:]}")


@pytest.fixture
async def real(start: Any, simulator: str) -> Any:
    """Auth with the real broker adapter, its broker being the simulator."""
    async with httpx.AsyncClient() as control:
        await control.delete(f"{simulator}/_sim/faults")
    async with start(real_broker=True, BREEZE_SIMULATOR_URL=simulator) as auth:
        yield auth


async def simulator_account(auth: Any, headers: dict[str, str], **changes: str) -> str:
    return str(await auth.account(headers, **({"api_key": "sim+key=1", "api_secret": "sim-secret"} | changes)))


async def test_a_user_connects_through_the_login_page(real: Any) -> None:
    _, headers = await real.user()
    account = await simulator_account(real, headers)
    url = (await real.http.get(f"{ACCOUNTS}/{account}/login-url", headers=headers)).json()["url"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["api_key"] == "sim+key=1"
    async with httpx.AsyncClient() as browser:
        assert "Log in as" in (await browser.get(url)).text
        back = await browser.post(url.split("?")[0], data=asked)
    target = urlsplit(back.headers["location"])
    real.http.cookies.clear()
    landed = await real.http.get(f"{target.path}?{target.query}", headers={"Accept": "text/html"})
    assert landed.status_code == 200, landed.text
    assert "DEMO TRADER" in landed.text
    session = (await real.http.get(f"{ACCOUNTS}/{account}/session", headers=headers)).json()
    assert (session["state"], session["user_name"]) == ("active", "DEMO TRADER")
    assert session["calls_left_today"] < 5_000

    funds = (await real.http.get(f"{ACCOUNTS}/{account}/funds", headers=headers)).json()
    assert set(funds["segments"]) >= {"equity", "fno"}
    profile = (await real.http.get(f"{ACCOUNTS}/{account}/profile", headers=headers)).json()
    assert profile["user_id"] == "SIM00001"
    for part in ("holdings", "positions"):
        answer = await real.http.get(f"{ACCOUNTS}/{account}/{part}", headers=headers)
        assert (answer.status_code, answer.json()["next"]) == (200, None), answer.text


@pytest.mark.parametrize(
    ("changes", "value", "codes"),
    [
        ({"api_secret": "wrong"}, None, {"broker_bad_secret"}),
        ({"api_key": "unknown-key"}, "12345678", {"broker_bad_app_key"}),
        ({}, "00000000", {"broker_session_expired", "broker_bad_session"}),
    ],
)
async def test_every_refusal_is_told_apart(
    real: Any, simulator: str, changes: dict[str, str], value: str | None, codes: set[str]
) -> None:
    _, headers = await real.user()
    account = await simulator_account(real, headers, **changes)
    answer = await connect(real, simulator, headers, account, value)
    assert (answer.status_code, answer.json()["code"] in codes) == (422, True), answer.text
    session = (await real.http.get(f"{ACCOUNTS}/{account}/session", headers=headers)).json()
    assert (session["state"], session["detail"]) == ("rejected", answer.json()["detail"])


async def test_a_session_that_the_broker_ends_reads_expired(real: Any, simulator: str) -> None:
    _, headers = await real.user()
    account = await simulator_account(real, headers)
    assert (await connect(real, simulator, headers, account)).json()["state"] == "active"
    async with httpx.AsyncClient() as control:
        fault = await control.post(f"{simulator}/_sim/faults", json={"kind": "expire_session", "count": 1})
    assert fault.is_success, fault.text
    answer = await real.http.get(f"{ACCOUNTS}/{account}/funds", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_session_expired")
    session = (await real.http.get(f"{ACCOUNTS}/{account}/session", headers=headers)).json()
    assert session["state"] == "expired"
    assert (await connect(real, simulator, headers, account)).json()["state"] == "active"


async def test_a_broker_that_is_away_is_a_503(start: Any) -> None:
    async with start(real_broker=True, BREEZE_SIMULATOR_URL=f"http://127.0.0.1:{free_port()}") as auth:
        _, headers = await auth.user()
        account = await simulator_account(auth, headers)
        path = f"{ACCOUNTS}/{account}/session"
        answer = await auth.http.post(path, json={"api_session": "12345678"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_down")
        assert (await auth.http.get(path, headers=headers)).json()["state"] == "disconnected"


async def connect(
    auth: Any, simulator: str, headers: dict[str, str], account: str, value: str | None = None
) -> httpx.Response:
    """Connect by hand, with a fresh session value unless one is given."""
    if value is None:
        async with httpx.AsyncClient() as control:
            login = await control.post(f"{simulator}/_sim/login", json={"api_key": "sim+key=1"})
        value = login.raise_for_status().json()["api_session"]
    path = f"{ACCOUNTS}/{account}/session"
    answer: httpx.Response = await auth.http.post(path, json={"api_session": value}, headers=headers)
    return answer
