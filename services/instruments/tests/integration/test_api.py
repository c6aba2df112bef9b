"""The routes, with real tokens, a real database and a real Valkey."""

import gzip
import time
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from breezeway.contracts.instruments import ResolveAnswer
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.security.authenticator import Authenticator
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from breezeway.security.tokens import AUDIENCE, ISSUER, SigningKey, sign
from breezeway.testing import small_master as small
from breezeway.testing.eventually import eventually
from instruments_service.main import create_app
from instruments_service.settings import InstrumentsSettings

INTERNAL_KEY = "an internal key of more than thirty-two characters"
KEY = SigningKey("test", generate_private_key(SECP256R1()))


def bearer(role: str = "user") -> dict[str, str]:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "role": role,
        "scope": "read data trade",
        "sid": "s",
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 300,
    }
    return {"Authorization": f"Bearer {sign(claims, KEY)}"}


@pytest_asyncio.fixture
async def api(service: Any, valkey: EmbeddedValkey, redis: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = InstrumentsSettings.model_validate(
        {
            "DATABASE_URL": service.url,
            "REDIS_URL": valkey.url,
            "BREEZEWAY_INTERNAL_KEY": INTERNAL_KEY,
            "BREEZE_SIMULATOR_URL": "http://127.0.0.1:9",
            "BREEZEWAY_ENVIRONMENT": "test",
        }
    )
    app = create_app(settings)

    async def keys() -> dict[str, Any]:
        return {"keys": [KEY.public_jwk()]}

    async with app.router.lifespan_context(app):
        app.state.authenticator = Authenticator(keys)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://instruments", headers=bearer()) as client:
            client.app = app  # type: ignore[attr-defined]
            yield client


@pytest_asyncio.fixture
async def filled(api: httpx.AsyncClient, service: Any) -> httpx.AsyncClient:
    await service.run(small.master(date(2026, 7, 30)))
    await api.app.state.catalogue.refresh()  # type: ignore[attr-defined]
    return api


async def test_nobody_gets_in_without_a_token(api: httpx.AsyncClient) -> None:
    del api.headers["Authorization"]
    for path in ("", "/search?q=x", "/NSE:RELIANCE", "/NIFTY/expiries", "/sync", ".csv.gz"):
        answer = await api.get(f"/api/v1/instruments{path}")
        assert answer.status_code == 401, path
        assert answer.json()["code"] == "unauthenticated"


async def test_before_the_first_sync_readers_are_asked_to_wait(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/instruments/search", params={"q": "nifty"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "master_not_synced"
    assert int(answer.headers["Retry-After"]) >= 1


async def test_one_instrument_by_any_name(filled: httpx.AsyncClient) -> None:
    for name in ("NSE:RELIANCE", "nse:relind", "4.1!2885"):
        answer = await filled.get(f"/api/v1/instruments/{name}")
        assert answer.status_code == 200, name
        assert answer.json()["symbol"] == "NSE:RELIANCE"
    body = answer.json()
    assert {"NSE:RELIND", "4.1!2885", str(body["instrument_id"])} <= set(body["aliases"])
    assert body["tick_size"] == "0.1"
    assert (await filled.get(f"/api/v1/instruments/{body['instrument_id']}")).json()["symbol"] == "NSE:RELIANCE"
    option = (await filled.get("/api/v1/instruments/NFO:CNXBAN25AUG2658000PE")).json()
    assert (option["symbol"], option["strike"], option["right"]) == ("NFO:BANKNIFTY25AUG2658000PE", "58000", "put")


async def test_an_unknown_name_is_a_404_with_a_hint(filled: httpx.AsyncClient) -> None:
    for name in ("NSE:NOPE", "garbage", "NSE:%00", "9" * 100, "NSE:%F0%9F%98%80"):
        answer = await filled.get(f"/api/v1/instruments/{name}")
        assert answer.status_code == 404, name
        assert answer.json()["code"] == "instrument_not_found"
    assert "search?q=NOPE" in (await filled.get("/api/v1/instruments/NSE:NOPE")).json()["detail"]


async def test_as_of(filled: httpx.AsyncClient) -> None:
    then = await filled.get("/api/v1/instruments/NSE:RELIANCE", params={"as_of": "2026-07-30"})
    assert then.json()["as_of"] == "2026-07-30"
    before = await filled.get("/api/v1/instruments/NSE:RELIANCE", params={"as_of": "2026-07-29"})
    assert (before.status_code, before.json()["code"]) == (404, "instrument_not_listed")
    wrong = await filled.get("/api/v1/instruments/NSE:RELIANCE", params={"as_of": "yesterday"})
    assert wrong.status_code == 422


async def test_search(filled: httpx.AsyncClient) -> None:
    async def found(**params: str) -> list[str]:
        answer = await filled.get("/api/v1/instruments/search", params=params)
        assert answer.status_code == 200, answer.text
        return [item["symbol"] for item in answer.json()["items"]]

    assert (await found(q="reliance"))[:3] == ["NSE:RELIANCE", "BSE:RELIANCE", "NFO:RELIANCE25AUG26FUT"]
    assert await found(q="reliance", exchange="bse") == ["BSE:RELIANCE"]
    assert await found(q="reliance", type="option") == ["NFO:RELIANCE25AUG261280CE"]
    assert await found(q="reliance 1280 ce aug") == ["NFO:RELIANCE25AUG261280CE"]
    assert await found(q="banknifty 25aug 58000 pe") == ["NFO:BANKNIFTY25AUG2658000PE"]
    assert await found(q="hdfc bank") == ["NSE:HDFCBANK"]
    assert (await found(q="relianse"))[0] == "NSE:RELIANCE"
    assert await found(q="sbi large") == ["MF:21-103D"]
    assert await found(q="zzzzqqqq") == []
    assert await found(q="%_\\'\0") == []
    assert len(await found(q="reliance", limit="1")) == 1


@pytest.mark.parametrize("query", ["", "?q=", "?q=x&limit=0", "?q=x&limit=501", "?q=x&exchange=NYSE", "?q=x&type=bond"])
async def test_a_wrong_search_is_a_422(filled: httpx.AsyncClient, query: str) -> None:
    answer = await filled.get(f"/api/v1/instruments/search{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_lists_filter_and_page(filled: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        params = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = (await filled.get("/api/v1/instruments", params=params)).json()
        seen += [item["symbol"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == small.STORED
    assert seen[-3:] == ["NFO:RELIANCE25AUG261280CE", "NFO:BANKNIFTY25AUG2658000PE", "BFO:SENSEX27AUG26FUT"]

    async def symbols(**params: str) -> list[str]:
        answer = await filled.get("/api/v1/instruments", params=params)
        assert answer.status_code == 200, answer.text
        return [item["symbol"] for item in answer.json()["items"]]

    assert await symbols(exchange="MCX") == ["MCX:CRUDEOIL19AUG26FUT"]
    assert await symbols(underlying="reliance", type="future") == ["NFO:RELIANCE25AUG26FUT"]
    assert await symbols(right="pe") == ["NFO:BANKNIFTY25AUG2658000PE"]
    assert await symbols(strike_min="1000", strike_max="2000") == ["NFO:RELIANCE25AUG261280CE"]
    assert await symbols(expiry="2026-08-27") == ["BFO:SENSEX27AUG26FUT"]
    assert await symbols(status="expired") == []


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "WyIyMDI2LTA4LTI1IiwiTmFOIiwxXQ", "WyIyMDI2LTA4LTI1IiwiMSIsOTk5OTk5OTk5OTldXQ"]
)
async def test_a_forged_cursor_is_a_422(filled: httpx.AsyncClient, cursor: str) -> None:
    answer = await filled.get("/api/v1/instruments", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_expiries(filled: httpx.AsyncClient) -> None:
    await_days = await filled.get("/api/v1/instruments/RELIND/expiries")
    assert await_days.status_code == 200
    assert await_days.json()["underlying"] == "RELIANCE"
    assert set(await_days.json()["items"]) <= {"2026-08-25"}
    assert (await filled.get("/api/v1/instruments/NSE:RELIANCE/expiries")).json()["underlying"] == "RELIANCE"
    nothing = await filled.get("/api/v1/instruments/NOPE/expiries")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "underlying_not_found")
    wrong = await filled.get("/api/v1/instruments/NIFTY/expiries", params={"exchange": "NSE"})
    assert wrong.status_code == 422


async def test_only_administrators_sync(api: httpx.AsyncClient, service: Any) -> None:
    refused = await api.post("/api/v1/instruments/sync")
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_only")
    accepted = await api.post("/api/v1/instruments/sync", headers=bearer("admin"))
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "queued"
    again = await api.post("/api/v1/instruments/sync", headers=bearer("admin"))
    assert again.json()["id"] == accepted.json()["id"]


async def test_runs_are_reported_with_their_refusals(filled: httpx.AsyncClient) -> None:
    listed = (await filled.get("/api/v1/instruments/sync")).json()
    run = listed["items"][0]
    assert (run["state"], run["rows"], run["stored"], run["refused"]) == ("completed", small.ROWS, small.STORED, 1)
    assert run["refused_by_reason"] == {"token_unusable": 1}
    detail = (await filled.get(f"/api/v1/instruments/sync/{run['id']}")).json()
    assert detail["refused_lines"][0]["reason"] == "token_unusable"
    missing = await filled.get(f"/api/v1/instruments/sync/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "sync_not_found")


async def test_the_whole_master_as_a_file(filled: httpx.AsyncClient) -> None:
    answer = await filled.get("/api/v1/instruments.csv.gz")
    assert answer.headers["content-type"] == "application/gzip"
    lines = gzip.decompress(answer.content).decode().splitlines()
    assert lines[0].startswith("instrument_id,symbol,exchange,")
    assert len(lines) == 1 + small.STORED
    assert any(",NSE:RELIANCE," in line for line in lines)


async def test_services_resolve_many_names_at_once(filled: httpx.AsyncClient) -> None:
    names = ["NSE:RELIND", "nope", "4.1!1333", "", "NSE:RELIND"]
    refused = await filled.post("/internal/instruments/resolve", json={"symbols": names})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_service_token")
    token = ServiceTokens(INTERNAL_KEY, "market-data").issue("instruments")
    answer = await filled.post(
        "/internal/instruments/resolve", json={"symbols": names}, headers={SERVICE_TOKEN_HEADER: token}
    )
    assert answer.status_code == 200
    found = ResolveAnswer.model_validate_json(answer.content)
    assert [(item.asked, item.instrument.symbol) for item in found.items] == [
        ("NSE:RELIND", "NSE:RELIANCE"),
        ("4.1!1333", "NSE:HDFCBANK"),
    ]
    assert found.missing == ["nope", ""]
    many = await filled.post(
        "/internal/instruments/resolve", json={"symbols": ["x"] * 1001}, headers={SERVICE_TOKEN_HEADER: token}
    )
    assert many.status_code == 422


async def test_an_announced_master_replaces_what_was_remembered(
    filled: httpx.AsyncClient, service: Any, redis: Any
) -> None:
    from breezeway.redis import keys

    assert (await filled.get("/api/v1/instruments/NFO:RELIANCE25AUG26FUT")).json()["lot_size"] == 500
    fonse = [small.AUG_FUTURE.replace(",500,", ",250,"), small.AUG_CALL, small.BANK_PUT]
    run = await service.run(small.master(date(2026, 7, 31), fonse=fonse))
    await redis.publish(keys.instruments_changed(), str(run.id))

    async def is_fresh() -> bool:
        answer = await filled.get("/api/v1/instruments/NFO:RELIANCE25AUG26FUT")
        return bool(answer.json()["lot_size"] == 250)

    await eventually(is_fresh, 60)


async def test_readiness_and_documentation(api: httpx.AsyncClient) -> None:
    assert (await api.get("/readyz")).json() == {"status": "ready", "checks": {"database": "ok", "redis": "ok"}}
    paths = (await api.get("/openapi.json")).json()["paths"]
    assert set(paths) == {
        "/api/v1/instruments",
        "/api/v1/instruments.csv.gz",
        "/api/v1/instruments/search",
        "/api/v1/instruments/sync",
        "/api/v1/instruments/sync/{sync_id}",
        "/api/v1/instruments/{symbol}",
        "/api/v1/instruments/{underlying}/expiries",
    }
