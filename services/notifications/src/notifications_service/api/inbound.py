"""Where alerts of other programs come in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field

from breezeway.errors import TooLarge
from notifications_service.api.dependencies import TheServices
from notifications_service.application.hooks import Knock
from notifications_service.domain.model import CallState

router = APIRouter(prefix="/api/v1/inbound", tags=["hooks"])

_MOST_BYTES = 16_384
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "secret": "bwh_...",
                    "id": "breakout-2026-11-20T10:15:00Z",
                    "symbol": "NSE:RELIANCE",
                    "side": "buy",
                    "quantity": 10,
                    "order_type": "market",
                    "product": "mis",
                },
            }
        },
    }
}


class InboundAnswer(BaseModel):
    """What became of an alert."""

    call_id: UUID
    state: CallState
    order_id: UUID | None
    again: bool = Field(description="Whether this alert had come before; it is then the same order.")
    code: str | None = None


@router.post("/{hook_id}", summary="Post an alert", openapi_extra=_BODY)
async def post_alert(
    hook_id: UUID,
    request: Request,
    services: TheServices,
    secret: Annotated[str | None, Header(alias="X-Hook-Secret", max_length=200)] = None,
    signature: Annotated[
        str | None,
        Header(alias="X-Hook-Signature", max_length=200, description="`t=<epoch seconds>,v1=<HMAC-SHA256 in hex>`"),
    ] = None,
    key: Annotated[str | None, Header(alias="X-Hook-Id", min_length=1, max_length=128)] = None,
) -> InboundAnswer:
    """For programs without an account here, such as TradingView. The hook's secret stands in `X-Hook-Secret`, or signs
    `<t>.<body>` in `X-Hook-Signature`, or, for senders that can set no header, is the body's member `secret`.

    The body is a JSON object, whatever its content type. The same `id`, or without one the same body within a minute,
    is the same order.
    """
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise TooLarge(f"An alert has at most {_MOST_BYTES:,} bytes.", code="alert_too_large")
    answer = await services.hooks.knock(hook_id, Knock(body, secret, signature, key))
    call = answer.call
    return InboundAnswer(call_id=call.id, state=call.state, order_id=call.order_id, again=answer.again, code=call.code)
