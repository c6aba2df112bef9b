"""L-13: who gets a live account, and who does not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.errors import BreezewayError
from breezeway.ids import new_id
from breezeway.testing.clock import FixedClock
from trading_service.application.live_gate import LiveGate

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
USER, BROKER_ACCOUNT = new_id(), new_id()
SIMULATOR = frozenset({BrokerEnvironment.SIMULATOR})


class Vault:
    """One open session."""

    def __init__(self, environment: BrokerEnvironment = BrokerEnvironment.SIMULATOR, owner: UUID = USER) -> None:
        self._environment = environment
        self._owner = owner

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        return BrokerCredentials.model_validate(
            {
                "account_id": account_id,
                "user_id": self._owner,
                "environment": self._environment,
                "version": 1,
                "api_key": "k",
                "api_secret": "s",
                "broker_user_id": "U",
                "session_key": "x",
                "expires_at": NOW,
            }
        )


async def test_a_fresh_second_factor_opens_the_users_own_account() -> None:
    gate = LiveGate(SIMULATOR, Vault(), FixedClock(NOW))
    assert await gate.admit(USER, BROKER_ACCOUNT, NOW - timedelta(minutes=4)) == BROKER_ACCOUNT


@pytest.mark.parametrize(
    ("gate", "account", "proved_at", "code"),
    [
        (LiveGate(frozenset(), Vault(), FixedClock(NOW)), BROKER_ACCOUNT, NOW, "live_trading_disabled"),
        (LiveGate(SIMULATOR, Vault(), FixedClock(NOW)), BROKER_ACCOUNT, None, "step_up_required"),
        (
            LiveGate(SIMULATOR, Vault(), FixedClock(NOW)),
            BROKER_ACCOUNT,
            NOW - timedelta(minutes=6),
            "step_up_required",
        ),
        (LiveGate(SIMULATOR, Vault(), FixedClock(NOW)), None, NOW, "broker_account_required"),
        (LiveGate(SIMULATOR, Vault(owner=new_id()), FixedClock(NOW)), BROKER_ACCOUNT, NOW, "broker_account_not_found"),
        (
            LiveGate(SIMULATOR, Vault(BrokerEnvironment.LIVE), FixedClock(NOW)),
            BROKER_ACCOUNT,
            NOW,
            "live_trading_disabled",
        ),
    ],
    ids=["off", "no-factor", "old-factor", "no-account", "somebody-elses", "the-real-broker"],
)
async def test_l_13_everybody_else_is_refused(
    gate: LiveGate, account: UUID | None, proved_at: datetime | None, code: str
) -> None:
    """L-13: without the operator, the second factor, or an account of one's own there is no live account."""
    with pytest.raises(BreezewayError) as refused:
        await gate.admit(USER, account, proved_at)
    assert refused.value.code == code
