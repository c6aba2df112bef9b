"""What REST clients may rely on: every promised route is there, under the promised method, with problem documents."""

from typing import Any

import pytest
from fastapi import FastAPI

import auth_service.main
import auth_service.settings
import gateway_service.main
import gateway_service.settings
import instruments_service.main
import instruments_service.settings
import market_data_service.main
import market_data_service.settings
import notifications_service.main
import notifications_service.settings
import trading_service.main
import trading_service.settings

ENVIRONMENT = {
    "BREEZEWAY_INTERNAL_KEY": "k" * 40,
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "BREEZE_SIMULATOR_URL": "http://127.0.0.1:1",
    "BREEZEWAY_VAULT_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}

PROMISED = """
auth POST /api/v1/auth/register
auth POST /api/v1/auth/login
auth POST /api/v1/auth/token
auth POST /api/v1/auth/refresh
auth POST /api/v1/auth/logout
auth POST /api/v1/auth/logout-all
auth GET /api/v1/auth/sessions
auth DELETE /api/v1/auth/sessions/{id}
auth POST /api/v1/auth/password/change
auth POST /api/v1/auth/password/forgot
auth POST /api/v1/auth/password/reset
auth POST /api/v1/auth/email/verify
auth POST /api/v1/auth/email/verification
auth POST /api/v1/auth/mfa/totp
auth POST /api/v1/auth/mfa/totp/confirm
auth DELETE /api/v1/auth/mfa/totp
auth POST /api/v1/auth/mfa/step-up
auth GET /api/v1/dev/mailbox
auth GET /api/v1/auth/api-keys
auth POST /api/v1/auth/api-keys
auth DELETE /api/v1/auth/api-keys/{id}
auth GET /api/v1/users
auth DELETE /api/v1/users/me
auth GET /api/v1/users/me/preferences/{key}
auth PUT /api/v1/users/me/preferences/{key}
auth GET /api/v1/audit
auth GET /api/v1/users/me
auth PATCH /api/v1/users/me
auth GET /.well-known/jwks.json
auth GET /api/v1/broker-accounts
auth POST /api/v1/broker-accounts
auth GET /api/v1/broker-accounts/{id}
auth PATCH /api/v1/broker-accounts/{id}
auth DELETE /api/v1/broker-accounts/{id}
auth GET /api/v1/broker-accounts/{id}/login-url
auth GET /api/v1/broker-accounts/callback
auth POST /api/v1/broker-accounts/callback
auth GET /api/v1/broker-accounts/{id}/session
auth POST /api/v1/broker-accounts/{id}/session
auth DELETE /api/v1/broker-accounts/{id}/session
auth GET /api/v1/broker-accounts/{id}/profile
auth GET /api/v1/broker-accounts/{id}/funds
auth GET /api/v1/broker-accounts/{id}/holdings
auth GET /api/v1/broker-accounts/{id}/positions
instruments GET /api/v1/instruments/search
instruments GET /api/v1/instruments
instruments GET /api/v1/instruments/{symbol}
instruments GET /api/v1/instruments/{underlying}/expiries
instruments POST /api/v1/instruments/sync
instruments GET /api/v1/instruments/sync
instruments GET /api/v1/instruments.csv.gz
market-data GET /api/v1/candles/{symbol}
market-data GET /api/v1/candles/{symbol}/coverage
market-data POST /api/v1/backfills
market-data GET /api/v1/backfills
market-data GET /api/v1/backfills/{id}
market-data POST /api/v1/backfills/{id}/pause
market-data POST /api/v1/backfills/{id}/resume
market-data POST /api/v1/backfills/{id}/cancel
market-data POST /api/v1/backfills/{id}/retry
market-data GET /api/v1/quotes
market-data GET /api/v1/feed
market-data GET /api/v1/market/status
trading GET /api/v1/trading/accounts
trading POST /api/v1/trading/accounts
trading GET /api/v1/trading/accounts/{id}
trading DELETE /api/v1/trading/accounts/{id}
trading PATCH /api/v1/trading/accounts/{id}
trading POST /api/v1/trading/accounts/{id}/reset
trading POST /api/v1/trading/orders
trading POST /api/v1/trading/orders/preview
trading GET /api/v1/trading/orders
trading GET /api/v1/trading/orders/{id}
trading GET /api/v1/trading/orders/by-client-id/{id}
trading PATCH /api/v1/trading/orders/{id}
trading DELETE /api/v1/trading/orders/{id}
trading GET /api/v1/trading/orders/{id}/events
trading GET /api/v1/trading/orders/{id}/candidates
trading POST /api/v1/trading/orders/{id}/resolution
trading GET /api/v1/trading/accounts/{id}/positions
trading GET /api/v1/trading/accounts/{id}/holdings
trading GET /api/v1/trading/accounts/{id}/trades
trading GET /api/v1/trading/accounts/{id}/ledger
trading GET /api/v1/trading/accounts/{id}/contract-notes
trading POST /api/v1/trading/accounts/{id}/positions/{symbol}/close
trading GET /api/v1/trading/accounts/{id}/portfolio/history
trading GET /api/v1/trading/accounts/{id}/performance
trading POST /api/v1/trading/order-groups
trading GET /api/v1/trading/order-groups
trading GET /api/v1/trading/order-groups/{id}
trading PATCH /api/v1/trading/order-groups/{id}
trading DELETE /api/v1/trading/order-groups/{id}
trading GET /api/v1/banking/accounts
trading POST /api/v1/banking/accounts
trading DELETE /api/v1/banking/accounts/{id}
trading GET /api/v1/banking/transfers
trading POST /api/v1/banking/transfers
notifications GET /api/v1/notifications
notifications GET /api/v1/notifications/unread-count
notifications GET /api/v1/notifications/{id}
notifications DELETE /api/v1/notifications/{id}
notifications POST /api/v1/notifications/{id}/read
notifications POST /api/v1/notifications/read-all
notifications GET /api/v1/notifications/preferences
notifications PUT /api/v1/notifications/preferences
notifications GET /api/v1/notifications/telegram
notifications PUT /api/v1/notifications/telegram
notifications POST /api/v1/notifications/telegram/confirm
notifications DELETE /api/v1/notifications/telegram
notifications GET /api/v1/alerts
notifications POST /api/v1/alerts
notifications GET /api/v1/alerts/{id}
notifications PATCH /api/v1/alerts/{id}
notifications DELETE /api/v1/alerts/{id}
notifications GET /api/v1/webhooks
notifications POST /api/v1/webhooks
notifications GET /api/v1/webhooks/{id}
notifications PATCH /api/v1/webhooks/{id}
notifications DELETE /api/v1/webhooks/{id}
notifications POST /api/v1/webhooks/{id}/secret
notifications POST /api/v1/webhooks/{id}/test
notifications GET /api/v1/webhooks/{id}/deliveries
notifications GET /api/v1/webhooks/{id}/deliveries/{did}
notifications POST /api/v1/webhooks/{id}/deliveries/{did}/replay
notifications GET /api/v1/hooks
notifications POST /api/v1/hooks
notifications GET /api/v1/hooks/{id}
notifications PATCH /api/v1/hooks/{id}
notifications DELETE /api/v1/hooks/{id}
notifications POST /api/v1/hooks/{id}/secret
notifications GET /api/v1/hooks/{id}/calls
notifications POST /api/v1/inbound/{id}
gateway GET /api/v1/system/status
gateway GET /api/v1/dev/simulator/clock
gateway POST /api/v1/dev/simulator/clock
gateway GET /api/v1/dev/simulator/days
"""


def apps() -> dict[str, FastAPI]:
    """Every service's application, built but not started."""
    return {
        "auth": auth_service.main.create_app(auth_service.settings.AuthSettings.model_validate(ENVIRONMENT)),
        "instruments": instruments_service.main.create_app(
            instruments_service.settings.InstrumentsSettings.model_validate(ENVIRONMENT)
        ),
        "market-data": market_data_service.main.create_app(
            market_data_service.settings.MarketDataSettings.model_validate(ENVIRONMENT)
        ),
        "trading": trading_service.main.create_app(
            trading_service.settings.TradingSettings.model_validate(ENVIRONMENT)
        ),
        "notifications": notifications_service.main.create_app(
            notifications_service.settings.NotificationsSettings.model_validate(ENVIRONMENT)
        ),
        "gateway": gateway_service.main.create_app(
            gateway_service.settings.GatewaySettings.model_validate(ENVIRONMENT)
        ),
    }


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: app.openapi() for name, app in apps().items()}


def shape(path: str) -> str:
    """A path with its parameters unnamed: what they are called inside is nobody's business."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("promise", PROMISED.strip().splitlines())
def test_a_promised_route_is_there(documents: dict[str, dict[str, Any]], promise: str) -> None:
    service, method, path = promise.split()
    operations = {
        (verb.upper(), shape(found)) for found, verbs in documents[service]["paths"].items() for verb in verbs
    }
    assert (method, shape(path)) in operations


def test_no_internal_route_is_published(documents: dict[str, dict[str, Any]]) -> None:
    for document in documents.values():
        assert not [path for path in document["paths"] if path.startswith(("/internal", "/_"))]


def test_operation_ids_are_unique_in_all_services_together(documents: dict[str, dict[str, Any]]) -> None:
    ids = [
        operation["operationId"]
        for document in documents.values()
        for verbs in document["paths"].values()
        for operation in verbs.values()
    ]
    assert len(ids) == len(set(ids)), sorted({name for name in ids if ids.count(name) > 1})


def test_every_operation_describes_its_problem_documents(documents: dict[str, dict[str, Any]]) -> None:
    for document in documents.values():
        for path, verbs in document["paths"].items():
            for operation in verbs.values():
                assert {"4XX", "5XX"} <= set(operation["responses"]), path
                assert operation.get("summary"), path


def test_every_request_body_refuses_unknown_fields(documents: dict[str, dict[str, Any]]) -> None:
    for service, document in documents.items():
        for path, verbs in document["paths"].items():
            for operation in verbs.values():
                content = operation.get("requestBody", {}).get("content", {}).get("application/json")
                if content and "$ref" in content["schema"]:
                    name = content["schema"]["$ref"].rpartition("/")[2]
                    if name == "JsonValue":  # a preference is whatever its app keeps there
                        continue
                    schema = document["components"]["schemas"][name]
                    assert schema.get("additionalProperties") is False, f"{service} {path} {name}"
