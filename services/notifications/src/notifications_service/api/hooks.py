"""Managing hooks, by which alerts of other programs come in."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, Field, StringConstraints

from breezeway.security.dependencies import BearerToken, CurrentUser
from breezeway.security.scopes import SignedIn
from notifications_service.api.dependencies import Body, IdCursor, Limit, Name, TheServices
from notifications_service.domain.inbound import ORDER_FIELDS
from notifications_service.domain.model import CallState, Hook, HookCall

router = APIRouter(prefix="/api/v1/hooks", tags=["hooks"])

_FIELD = "^(" + "|".join((*ORDER_FIELDS, "id")) + ")$"
FieldName = Annotated[str, StringConstraints(pattern=_FIELD)]
FieldTemplate = Annotated[str, StringConstraints(max_length=200, pattern=r"^[\x20-\x7e]*$")]
_TEMPLATE = {
    "symbol": "NSE:{{ticker}}",
    "side": "{{strategy.order.action}}",
    "quantity": "{{strategy.order.contracts}}",
    "order_type": "market",
    "product": "mis",
    "id": "{{strategy.order.id}}-{{timenow}}",
}


class HookBody(Body):
    """What an alert becomes. `template` gives the order's fields; `{{name}}` in it takes a member of the alert's body,
    `{{a.b}}` a member of a member. Without a template the body's members are the order's fields."""

    name: Name = Field(examples=["TradingView"])
    account_id: UUID = Field(description="A paper account of the caller's.")
    template: dict[FieldName, FieldTemplate] = Field(default_factory=dict, examples=[_TEMPLATE])
    calls_per_minute: int = Field(30, ge=1, le=600)


class HookPatch(Body):
    active: bool


class HookView(BaseModel):
    """The REST object of a hook."""

    id: UUID
    name: str
    account_id: UUID
    path: str = Field(description="Where alerts are posted to.", examples=["/api/v1/inbound/0192f0c1-..."])
    template: dict[str, str]
    calls_per_minute: int
    active: bool
    created_at: datetime

    @classmethod
    def of(cls, hook: Hook) -> Self:
        return cls(
            id=hook.id,
            name=hook.name,
            account_id=hook.account_id,
            path=f"/api/v1/inbound/{hook.id}",
            template=dict(hook.template),
            calls_per_minute=hook.calls_per_minute,
            active=hook.active,
            created_at=hook.created_at,
        )


class HookWithSecret(BaseModel):
    """The only answer that shows the secret."""

    hook: HookView
    secret: str = Field(description="It is not shown again.", examples=["bwh_..."])


class HookList(BaseModel):
    items: list[HookView]
    next: str | None = None


class HookCallView(BaseModel):
    """One alert that came in with the right secret."""

    id: UUID
    received_at: datetime
    state: CallState
    order_id: UUID | None
    code: str | None = Field(description="Why it was refused.", examples=["insufficient_funds"])
    detail: str | None
    body: dict[str, Any] = Field(description="What was sent, shortened, without the secret.")

    @classmethod
    def of(cls, call: HookCall) -> Self:
        return cls(
            id=call.id,
            received_at=call.received_at,
            state=call.state,
            order_id=call.order_id,
            code=call.code,
            detail=call.detail,
            body=dict(call.body),
        )


class HookCallPage(BaseModel):
    items: list[HookCallView]
    next: str | None


@router.get("", summary="List hooks")
async def list_hooks(user: CurrentUser, services: TheServices) -> HookList:
    """There are few enough for one page."""
    return HookList(items=[HookView.of(each) for each in await services.hooks.all_of(user.user_id)])


@router.post("", summary="Add a hook", status_code=status.HTTP_201_CREATED)
async def create_hook(user: SignedIn, bearer: BearerToken, services: TheServices, body: HookBody) -> HookWithSecret:
    """403 `live_trading_disabled` for a live account: alerts become paper orders."""
    hook, secret = await services.hooks.add(
        user.user_id, bearer, body.account_id, body.name, body.template, body.calls_per_minute
    )
    return HookWithSecret(hook=HookView.of(hook), secret=secret)


@router.get("/{hook_id}", summary="Get a hook")
async def get_hook(hook_id: UUID, user: CurrentUser, services: TheServices) -> HookView:
    """404 `hook_not_found` for one that is not the caller's."""
    return HookView.of(await services.hooks.get(user.user_id, hook_id))


@router.patch("/{hook_id}", summary="Switch a hook on or off")
async def switch_hook(hook_id: UUID, user: SignedIn, services: TheServices, body: HookPatch) -> HookView:
    """Switched off, it answers as if it did not exist."""
    return HookView.of(await services.hooks.switch(user.user_id, hook_id, active=body.active))


@router.post("/{hook_id}/secret", summary="Replace a hook's secret")
async def replace_hook_secret(hook_id: UUID, user: SignedIn, services: TheServices) -> HookWithSecret:
    """The old one is worthless at once."""
    hook, secret = await services.hooks.new_secret(user.user_id, hook_id)
    return HookWithSecret(hook=HookView.of(hook), secret=secret)


@router.delete("/{hook_id}", status_code=204, summary="Delete a hook")
async def delete_hook(hook_id: UUID, user: SignedIn, services: TheServices) -> None:
    """With the log of its calls."""
    await services.hooks.remove(user.user_id, hook_id)


@router.get("/{hook_id}/calls", summary="What came in by a hook")
async def list_hook_calls(
    hook_id: UUID, user: CurrentUser, services: TheServices, cursor: IdCursor, limit: Limit = 50
) -> HookCallPage:
    """Newest first. Whoever does not know the secret leaves no trace here."""
    found = await services.hooks.calls(user.user_id, hook_id, after=cursor, limit=limit)
    following = str(found[limit - 1].id) if len(found) > limit else None
    return HookCallPage(items=[HookCallView.of(each) for each in found[:limit]], next=following)
