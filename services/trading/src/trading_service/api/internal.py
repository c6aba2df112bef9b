"""For our own services only; not in the public documents, and refused by the gateway."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header

from breezeway.contracts.trading import OrderView
from breezeway.errors import Forbidden
from breezeway.security.dependencies import CallingService
from trading_service.api.dependencies import TheAccounts, ThePlacing
from trading_service.api.orders import NewOrder
from trading_service.domain.accounts import AccountKind

router = APIRouter(prefix="/internal", include_in_schema=False)

_MAY_PLACE: Final = frozenset({"notifications"})


@router.post("/users/{user_id}/orders")
async def place_for_user(
    user_id: UUID,
    service: CallingService,
    accounts: TheAccounts,
    placing: ThePlacing,
    body: NewOrder,
    key: Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=128)],
) -> OrderView:
    """An order that an alert of the user's asks for; the same key is the same order. Paper accounts only."""
    if service not in _MAY_PLACE:
        raise Forbidden("This service places no orders.", code="not_a_trader")
    found = await accounts.one(user_id, body.account_id)
    if found.account.kind is not AccountKind.PAPER:
        raise Forbidden("An alert places paper orders only.", code="live_trading_disabled")
    return await placing(user_id, body.request(), f"hook:{key}")
