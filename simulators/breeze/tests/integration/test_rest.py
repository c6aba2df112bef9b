"""The broker's REST over a real connection, byte for byte where it matters."""

from collections.abc import Callable
from typing import Any

import pytest

from breeze_simulator.settings import Settings

V1 = "/breezeapi/api/v1"
HISTORY = {
    "interval": "1minute",
    "from_date": "2026-08-03T09:20:00.000Z",
    "to_date": "2026-08-03T09:22:00.000Z",
    "stock_code": "RELIND",
}


async def test_a_session_from_login_to_call(caller: Any) -> None:
    answer = await caller.v1("GET", "funds")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["Status"], body["Error"]) == (200, None)
    assert isinstance(body["Success"]["total_bank_balance"], float)
    assert isinstance(body["Success"]["unallocated_balance"], str)


async def test_a_get_carries_its_arguments_in_the_body(caller: Any) -> None:
    answer = await caller.v1("GET", "quotes", {"stock_code": "RELIND", "exchange_code": "NSE"})
    assert answer.json()["Success"][0]["ltp"] == 894.75


async def test_v2_spells_its_members_in_alphabetical_order(caller: Any) -> None:
    answer = await caller.v2(**HISTORY, exch_code="NSE")
    assert answer.text.startswith('{"Error":null,"Status":200,"Success":[{"close":')
    empty = await caller.v2(**(HISTORY | {"stock_code": "NOSUCH"}), exch_code="NSE")
    assert empty.text == '{"Error":null,"Status":200,"Success":[]}'


async def test_v1_history_has_strings(caller: Any) -> None:
    answer = await caller.v1("GET", "historicalcharts", HISTORY | {"exchange_code": "NSE"})
    assert [row["count"] for row in answer.json()["Success"]] == [7, 8]
    assert [row["open"] for row in answer.json()["Success"]] == ["101", "102"]
    failed = await caller.v1("GET", "historicalcharts", HISTORY | {"exchange_code": "NSE", "stock_code": "NOSUCH"})
    assert (failed.status_code, failed.text) == (
        200,
        '{"Success":null,"Status":500,"Error":"Historical Data Fail"}',
    )


async def test_a_wrong_secret_is_an_invalid_checksum(caller: Any) -> None:
    caller.secret = "sim-secre"
    answer = await caller.v1("GET", "funds")
    assert (answer.status_code, answer.text) == (
        401,
        '{"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}',
    )


async def test_a_stale_session_is_an_invalid_checksum_on_both_versions(caller: Any) -> None:
    caller.session_key = "11111111"
    for answer in (await caller.v1("GET", "funds"), await caller.v2(**HISTORY, exch_code="NSE")):
        assert (answer.status_code, answer.json()["Status"]) == (401, 5)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"SessionToken":"12345678","AppKey":"nobody"}', "Public Key does not exist."),
        (b'{"SessionToken":"12345678","AppKey":"sim+key=1"}', "Resource not available."),
        (b"not json", "Resource not available."),
        (b"[]", "Resource not available."),
        (b"", "Public Key does not exist."),
    ],
)
async def test_customerdetails_refuses_in_its_own_words(simulator: Any, body: bytes, text: str) -> None:
    answer = await simulator.client.request("GET", f"{V1}/customerdetails", content=body)
    assert (answer.status_code, answer.json()) == (200, {"Success": None, "Status": 500, "Error": text})


async def test_the_minute_limit(served: Callable[..., Any], login: Callable[..., Any]) -> None:
    async with served(Settings(calls_per_minute=3, http_status_of_limit_errors=429)) as running:
        caller = await login(running.client)  # customerdetails is the first call
        answers = [await caller.v1("GET", "funds") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].text == '{"Status":5,"Error":"Limit exceed: API call per minute:Try after some time"}'
        await running.client.post("/_sim/limits", json={"enabled": False})
        assert (await caller.v1("GET", "funds")).status_code == 200


async def test_the_day_limit(served: Callable[..., Any], login: Callable[..., Any]) -> None:
    async with served(Settings(calls_per_day=1)) as running:
        caller = await login(running.client)
        assert (await caller.v1("GET", "funds")).text == '{"Status":5,"Error":"Limit exceed: API call per day: "}'


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{V1}/nosuch"), ("DELETE", f"{V1}/quotes"), ("GET", "/breezeapi/"), ("POST", "/api/v2/historicalcharts")],
)
async def test_unknown_paths_and_methods_get_the_web_servers_page(simulator: Any, method: str, path: str) -> None:
    answer = await simulator.client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_huge_body_is_refused_before_it_is_read(simulator: Any) -> None:
    answer = await simulator.client.request("GET", f"{V1}/customerdetails", content=b"x" * 300_000)
    assert answer.status_code == 413


async def test_the_master_has_validators(simulator: Any) -> None:
    for path in ("/MotherAppMaster/SecurityMaster.zip", "/SecurityMaster.zip"):
        answer = await simulator.client.get(path)
        assert answer.content == b"PK-not-really"
        assert "content-encoding" not in answer.headers
        assert answer.headers["last-modified"].endswith("02:00:00 GMT")
        again = await simulator.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    head = await simulator.client.head("/SecurityMaster.zip")
    assert (head.status_code, head.headers["content-length"]) == (200, "13")


async def test_before_the_market_stands_the_backend_is_down(simulator: Any) -> None:
    simulator.app.state.simulator.broker = None
    answer = await simulator.client.request("GET", f"{V1}/customerdetails", json={})
    assert answer.status_code == 503
    assert answer.text.startswith("<html>")
    assert (await simulator.client.get("/readyz")).status_code == 503
    assert (await simulator.client.get("/livez")).status_code == 200
