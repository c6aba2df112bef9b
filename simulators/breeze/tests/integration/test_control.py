"""The control routes: faults seen from outside, the journal, the clock, the truth, and who may use them."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from breeze_simulator.api.control import _is_loopback
from breeze_simulator.main import create_app
from breeze_simulator.settings import Settings


async def fault(simulator: Any, **body: Any) -> dict[str, Any]:
    answer = await simulator.client.post("/_sim/faults", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_rest_faults_and_their_end(simulator: Any, caller: Any) -> None:
    await fault(simulator, kind="http_error", count=1, status=502)
    assert (await caller.v1("GET", "funds")).status_code == 502
    await fault(simulator, kind="rate_limit", count=1)
    assert "per minute" in (await caller.v1("GET", "funds")).text
    await fault(simulator, kind="html_page", count=1)
    assert (await caller.v1("GET", "funds")).text.startswith("<html>")
    await fault(simulator, kind="truncate", count=1)
    cut = await caller.v1("GET", "funds")
    assert cut.status_code == 200
    with pytest.raises(ValueError, match=r"char \d+"):
        cut.json()
    await fault(simulator, kind="slow", count=1, delay_seconds=0.2)
    started = time.perf_counter()
    assert (await caller.v1("GET", "funds")).json()["Status"] == 200
    assert time.perf_counter() - started >= 0.2


async def test_a_fault_is_confined_to_a_path_and_cleared(simulator: Any, caller: Any) -> None:
    await fault(simulator, kind="http_error", path="/breezeapi/api/v1/quotes")
    assert (await caller.v1("GET", "quotes")).status_code == 500
    assert (await caller.v1("GET", "funds")).status_code == 200
    (active,) = (await simulator.client.get("/_sim/faults")).json()["items"]
    assert (active["kind"], active["hits"]) == ("http_error", 1)
    assert (await simulator.client.delete("/_sim/faults")).json() == {"cleared": 1}
    assert (await caller.v1("GET", "quotes")).status_code == 200


async def test_expiring_sessions(simulator: Any, caller: Any) -> None:
    assert (await fault(simulator, kind="expire_session"))["affected"] == 1
    assert (await caller.v1("GET", "funds")).json()["Error"].endswith("Invalid Checksum.")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sim/faults", {"kind": "earthquake"}),
        ("/_sim/faults", {"kind": "slow", "seconds": -1}),
        ("/_sim/faults", {"kind": "slow", "path": "relative"}),
        ("/_sim/faults", {"kind": "slow", "surprise": 1}),
        ("/_sim/clock", {}),
        ("/_sim/clock", {"mode": "wall", "day": "2026-08-03"}),
        ("/_sim/clock", {"day": "2026-08-02"}),
        ("/_sim/clock", {"day": "2099-01-05"}),
        ("/_sim/clock", {"speed": 0}),
        ("/_sim/tick-rate", {"rate": -1}),
        ("/_sim/apps", {"api_key": "k", "secret": "s", "user_id": "has:colon"}),
        ("/_sim/login", {}),
    ],
)
async def test_bad_input_is_a_problem_that_says_why(simulator: Any, path: str, body: dict[str, Any]) -> None:
    answer = await simulator.client.post(path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_an_unknown_app_cannot_log_in(simulator: Any) -> None:
    answer = await simulator.client.post("/_sim/login", json={"api_key": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "app_not_found")


async def test_the_clock_maps_wall_time(simulator: Any) -> None:
    answer = await simulator.client.post(
        "/_sim/clock", json={"mode": "replay", "day": "2026-07-30", "at": "10:00:00", "speed": 60}
    )
    view = answer.json()
    assert view["replay"] is True
    assert view["exchange_anchor"] == "2026-07-30T10:00:00+05:30"
    assert view["speed"] == 60
    await asyncio.sleep(0.1)
    later = (await simulator.client.get("/_sim/clock")).json()
    assert later["exchange_now"] > view["exchange_now"]
    assert later["wall_anchor"] == view["wall_anchor"]


async def test_the_days_that_can_be_replayed(simulator: Any) -> None:
    newest = (await simulator.client.get("/_sim/clock/days", params={"limit": 1})).json()["items"]
    assert len(newest) == 1
    listed = await simulator.client.get("/_sim/clock/days", params={"before": "2026-08-04", "limit": 3})
    assert listed.json()["items"] == ["2026-08-03", "2026-07-31", "2026-07-30"]
    assert (await simulator.client.post("/_sim/clock", json={"day": listed.json()["items"][0]})).status_code == 200
    none = await simulator.client.get("/_sim/clock/days", params={"before": "0001-01-01"})
    assert none.json()["items"] == []
    assert (await simulator.client.get("/_sim/clock/days", params={"limit": 0})).status_code == 422


async def test_the_journal_tells_every_call_and_no_secret(simulator: Any, caller: Any) -> None:
    before = (await simulator.client.get("/_sim/journal")).json()["last_seq"]
    await caller.v1("GET", "quotes", {"stock_code": "NOSUCH", "exchange_code": "NSE"})
    await fault(simulator, kind="http_error", count=1)
    await caller.v1("GET", "funds")
    answer = await simulator.client.get("/_sim/journal", params={"since": before})
    http = [item for item in answer.json()["items"] if item["kind"] == "http"]
    assert [(item["path"], item["status"]) for item in http] == [
        ("/breezeapi/api/v1/quotes", 200),
        ("/breezeapi/api/v1/funds", 500),
    ]
    assert http[0]["user_id"] == "SIM00001"
    assert http[0]["error"].startswith("Error while calling service")
    assert http[1]["fault"] == "http_error"
    everything = (await simulator.client.get("/_sim/journal")).text
    assert caller.session_key not in everything
    assert caller.token not in everything
    assert caller.secret not in everything


async def test_the_truth_by_symbol_room_or_contract(simulator: Any) -> None:
    span = {"from": "2026-08-03T09:15:00", "to": "2026-08-03T09:17:00"}
    found = [
        (await simulator.client.get("/_sim/truth/candles", params=span | named)).json()
        for named in ({"symbol": "RELIANCE"}, {"symbol": "4.1!2885"}, {"exchange": "NSE", "stock_code": "RELIND"})
    ]
    assert found[0] == found[1] == found[2]
    assert [row[0] for row in found[0]["candles"]] == [1785728700, 1785728760, 1785728820]
    assert found[0]["candles"][0][1:] == [100.0, 101.5, 99.25, 100.5, 1951, None]
    missing = await simulator.client.get("/_sim/truth/candles", params=span | {"symbol": "NOSUCH"})
    assert missing.status_code == 404
    wrong = await simulator.client.get("/_sim/truth/candles", params={"symbol": "RELIANCE", "from": "x", "to": "y"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.5", False), ("testclient", False)],
)
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    assert _is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("token", "sent", "status"),
    [(None, None, 403), (None, "x", 403), ("hush", None, 403), ("hush", "loud", 403), ("hush", "hush", 200)],
)
async def test_strangers_need_the_token(token: str | None, sent: str | None, status: int) -> None:
    app = create_app(Settings(control_token=token))  # type: ignore[arg-type]  # pydantic wraps it
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 4000))
    headers = {"Authorization": f"Bearer {sent}"} if sent else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
        assert (await client.get("/_sim/faults", headers=headers)).status_code == status
        assert (await client.post("/_sim/clock", json={"speed": 2}, headers=headers)).status_code in (status, 503)
        assert (await client.get("/_sim/clock")).status_code == 200
