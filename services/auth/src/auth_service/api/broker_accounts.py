"""Broker accounts: the vault, as its owner sees it. A secret that was written is never returned."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_service.api.dependencies import Limit, TheOrigin, TheServices
from auth_service.api.fields import Body, BrokerSecret, Label
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.application.broker_accounts import AccountChange
from auth_service.domain.broker_accounts import AppKeys, BrokerAccount
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.errors import FieldFault, InvalidInput
from breezeway.security.scopes import AccountReader, SignedIn

router = APIRouter(prefix="/api/v1/broker-accounts", tags=["broker accounts"])


class NewBrokerAccount(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "broker": "breeze",
                    "label": "Simulator",
                    "api_key": "sim+key=1",
                    "api_secret": "sim-secret",
                    "environment": "simulator",
                }
            ]
        }
    )

    broker: Literal["breeze"] = "breeze"
    label: Label
    api_key: BrokerSecret
    api_secret: BrokerSecret
    environment: BrokerEnvironment


class BrokerAccountChanges(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "My account"}]})

    label: Label | None = Field(None, description="Left out or null, a field stays as it is.")
    api_key: BrokerSecret | None = None
    api_secret: BrokerSecret | None = Field(
        None, description="A new key or secret ends the session that was opened with the old one."
    )


class BrokerAccountView(BaseModel):
    """A broker account without its secrets."""

    id: UUID
    broker: Literal["breeze"] = "breeze"
    label: str = Field(examples=["Simulator"])
    environment: BrokerEnvironment
    api_key: str = Field(description="Masked.", examples=["••••key1"])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, account: BrokerAccount) -> Self:
        return cls(
            id=account.id,
            label=account.label,
            environment=account.environment,
            api_key=f"••••{account.api_key_hint}",
            created_at=account.created_at,
            updated_at=account.updated_at,
        )


@router.get("", summary="List broker accounts")
async def list_broker_accounts(
    user: AccountReader, services: TheServices, cursor: Cursor, limit: Limit = 50
) -> Page[BrokerAccountView]:
    """The caller's broker accounts, oldest first."""
    found = await services.accounts.page(user.user_id, cursor, limit + 1)
    return page_of(found, limit, BrokerAccountView.of, lambda account: account.id)


@router.post("", status_code=201, summary="Add a broker account")
async def add_broker_account(
    body: NewBrokerAccount, user: SignedIn, services: TheServices, origin: TheOrigin
) -> BrokerAccountView:
    """Store the key and secret of an app registered at the broker. They are encrypted, and never shown again."""
    keys = AppKeys(body.api_key.get_secret_value(), body.api_secret.get_secret_value())
    account = await services.accounts.add(user.user_id, body.label, body.environment, keys, origin)
    return BrokerAccountView.of(account)


@router.get("/{account_id}", summary="Get a broker account")
async def get_broker_account(account_id: UUID, user: AccountReader, services: TheServices) -> BrokerAccountView:
    """One broker account of the caller."""
    return BrokerAccountView.of(await services.accounts.get(user.user_id, account_id))


@router.patch("/{account_id}", summary="Change a broker account")
async def change_broker_account(
    account_id: UUID, body: BrokerAccountChanges, user: SignedIn, services: TheServices, origin: TheOrigin
) -> BrokerAccountView:
    """Change the label, or replace the key or secret."""
    if not body.model_fields_set:
        message = "Name at least one field to change."
        raise InvalidInput(message, faults=[FieldFault("body", message)])
    change = AccountChange(
        label=body.label,
        api_key=body.api_key.get_secret_value() if body.api_key else None,
        api_secret=body.api_secret.get_secret_value() if body.api_secret else None,
    )
    return BrokerAccountView.of(await services.accounts.change(user.user_id, account_id, change, origin))


@router.delete("/{account_id}", status_code=204, summary="Remove a broker account")
async def remove_broker_account(account_id: UUID, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Delete the account with its keys; an open session ends for us at once."""
    await services.accounts.remove(user.user_id, account_id, origin)
