"""H-01: Schemathesis over the API as two users and as nobody: no server error, and nobody reads what is another's."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from breezeway.ids import new_id
from breezeway.testing import fuzz_links
from breezeway.testing.fuzz import FuzzReport, Login, fuzz
from breezeway.testing.stack_process import StackProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

# Thousands of requests a minute from one address are what the limits are there to stop; here they would stop the test.
NO_LIMITS = {
    "BREEZEWAY_LIMITS": json.dumps(
        {
            kind: {party: "1000000/60" for party in ("ip", "user", "key", "all")}
            for kind in ("credentials", "write", "read", "export", "everything")
        }
    ),
    "LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR": "100000",
    "LOGIN_GLOBAL_LIMIT_PER_MINUTE": "100000",
    "MAIL_REQUEST_LIMIT_PER_MINUTE": "100000",
    "LOGIN_LIMIT_PER_MINUTE": "100000",
    "LOGIN_IP_LIMIT_PER_MINUTE": "100000",
    "REGISTER_LIMIT_PER_MINUTE": "100000",
}
CANARY = "canary-of-a-third-user"
ACCOUNTS = "^/api/v1/(auth|users|broker-accounts|audit)"
EVERYTHING_ELSE = "^/(api/v1|udf)/(?!auth|users|broker-accounts|audit|dev)"
SECONDS = 35
"""Enough for each phase to reach every operation, also on a busy machine."""
SERVICES: Mapping[str, str] = {
    "auth": ACCOUNTS,
    "instruments": "^/api/v1/instruments",
    "market-data": "^/(udf|api/v1/(candles|indicators|backfills|quotes|option-chain|watchlists|subscriptions"
    "|feed|market))",
    "trading": "^/api/v1/(trading|banking)",
    "notifications": "^/api/v1/(notifications|alerts|webhooks|hooks|inbound)",
}
"""Paths of each service. The gateway passes all of them on, and answers for what they do not."""
SOAK_SECONDS = 60
SOAK_CASES = 1_000
"""Of each service."""
SOAK_ROUNDS = 4
ORDERS_LIFE = {
    "POST /api/v1/trading/orders",
    "GET /api/v1/trading/orders/{order_id}",
    "GET /api/v1/trading/orders/{order_id}/events",
    "POST /api/v1/trading/order-groups",
    "GET /api/v1/trading/order-groups/{group_id}",
    "GET /api/v1/trading/accounts/{account_id}/ledger",
    "POST /api/v1/banking/transfers",
}


@pytest.fixture(scope="module")
def unlimited_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    with StackProcess(tmp_path_factory.mktemp("fuzz"), environment=NO_LIMITS) as running:
        running.start(180)
        yield running


@pytest.fixture
def http(unlimited_stack: StackProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=unlimited_stack.url, timeout=30) as client:
        yield client


def made_user(http: httpx.Client, name: str) -> Login:
    login = Login(f"{name}-{new_id().hex}@example.com", "correct horse battery staple")
    answer = http.post("/api/v1/auth/register", json={"email": login.email, "password": login.password})
    assert answer.status_code == 201, answer.text
    return login


def signed_in(http: httpx.Client, login: Login) -> dict[str, str]:
    answer = http.post("/api/v1/auth/login", json={"email": login.email, "password": login.password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def made_trader(http: httpx.Client, name: str) -> Login:
    """A user who has one of most things, so that the first lists that are read lead on."""
    login = made_user(http, name)
    headers = signed_in(http, login)

    def made(path: str, body: dict[str, Any]) -> str:
        answer = http.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json().get("id"))

    account = made("trading/accounts", {"name": name, "initial_cash": "1000000.00"})
    made("trading/orders", {"account_id": account, **fuzz_links.ORDER})
    made("trading/order-groups", {"account_id": account, "kind": "basket", "orders": [fuzz_links.ORDER]})
    bank = made("banking/accounts", fuzz_links.BANK)
    accounts = {"bank_account_id": bank, "trading_account_id": account}
    made("banking/transfers", {**accounts, "direction": "deposit", "amount": "1000.00"})
    made("hooks", {"name": name, "account_id": account})
    made("webhooks", {"url": f"https://{name}.example.com/told"})
    made("alerts", {"symbol": "NSE:INFY", "condition": "crosses_above", "value": "999999"})
    made("watchlists", {"name": name, "symbols": ["NSE:INFY"]})
    return login


def fuzzed(stack: StackProcess, http: httpx.Client, folder: Path, paths: str, **how: Any) -> FuzzReport:
    """A run as two new users that found nothing: no server error, and no object of one shown to the other."""
    users = [made_trader(http, "alice"), made_trader(http, "bob")]
    report = fuzz(stack.url, paths, users, folder, **{"seconds": SECONDS, **how})
    print(f"{paths} {how}: {report.cases} requests, {report.links} links")
    assert report.exit_status == 0, report.text[-8000:]
    # How many there are in a minute is the machine's business; the soak test goes on until there are enough.
    assert report.cases > 0
    assert report.exchanges.count('"status": 429') <= report.cases / 20, "the limits stopped the test, not the attacker"
    assert CANARY not in report.exchanges
    return report


def test_h_01_accounts(unlimited_stack: StackProcess, http: httpx.Client, tmp_path: Path) -> None:
    headers = signed_in(http, made_user(http, CANARY))
    account = {
        "broker": "breeze",
        "label": CANARY,
        "api_key": f"{CANARY}-key",
        "api_secret": f"{CANARY}-secret",
        "environment": "simulator",
    }
    assert http.post("/api/v1/broker-accounts", json=account, headers=headers).status_code == 201

    fuzzed(unlimited_stack, http, tmp_path, ACCOUNTS)

    kept = http.get("/api/v1/broker-accounts", headers=headers).json()["items"]
    assert [item["label"] for item in kept] == [CANARY]


def test_h_01_market_data_and_trading(unlimited_stack: StackProcess, http: httpx.Client, tmp_path: Path) -> None:
    headers = signed_in(http, made_user(http, CANARY))
    lists = "/api/v1/watchlists"
    assert http.post(lists, json={"name": CANARY, "symbols": ["NSE:INFY"]}, headers=headers).status_code == 201
    paper = {"name": CANARY, "initial_cash": "100000"}
    assert http.post("/api/v1/trading/accounts", json=paper, headers=headers).status_code == 201

    fuzzed(unlimited_stack, http, tmp_path, EVERYTHING_ELSE)

    assert [each["name"] for each in http.get(lists, headers=headers).json()["items"]] == [CANARY]
    accounts = http.get("/api/v1/trading/accounts", headers=headers).json()["items"]
    assert [(each["name"], each["cash"]) for each in accounts] == [(CANARY, "100000.00")]


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_h_01_every_service_for_long(unlimited_stack: StackProcess, http: httpx.Client, tmp_path: Path) -> None:
    """At least 1,000 cases of each service, stateful, as two users and as nobody; what a third one has stays theirs.

    A round takes eleven minutes and is enough on a quiet machine.
    """
    headers = signed_in(http, made_user(http, CANARY))
    paper = {"name": CANARY, "initial_cash": "100000"}
    hook = {"url": f"https://{CANARY}.example.com/told"}
    alert = {"symbol": "NSE:INFY", "condition": "crosses_above", "value": "999999", "note": CANARY}
    for path, body in (("trading/accounts", paper), ("webhooks", hook), ("alerts", alert)):
        answer = http.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
    cases, followed, succeeded = Counter[str](), Counter[str](), set[str]()
    for seed in range(1, SOAK_ROUNDS + 1):
        for service, paths in SERVICES.items():
            for phases in ((), ("stateful",)):
                folder = tmp_path / f"{service}-{seed}-{len(phases)}"
                folder.mkdir()
                how = {"seconds": SOAK_SECONDS, "seed": seed, "phases": phases}
                report = fuzzed(unlimited_stack, http, folder, paths, **how)
                cases[service] += report.cases
                followed[service] += report.links
                succeeded |= report.succeeded
        print(f"{cases.total()} requests: {dict(cases)}; links followed: {dict(followed)}")
        if min(cases[service] for service in SERVICES) >= SOAK_CASES and succeeded >= ORDERS_LIFE:
            break
    assert min(cases[service] for service in SERVICES) >= SOAK_CASES, cases
    assert all(followed[service] > 0 for service in ("market-data", "trading", "notifications")), followed
    assert succeeded >= ORDERS_LIFE, ORDERS_LIFE - succeeded
    for path in ("trading/accounts", "webhooks", "alerts"):
        assert len(http.get(f"/api/v1/{path}", headers=headers).json()["items"]) == 1, path
    unhandled = re.findall(r'"event": ?"unexpected_error"[^\n]*', unlimited_stack.log)
    assert unhandled == []
