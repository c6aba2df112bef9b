"""API keys, as their owner sees them, and their exchange, which only the gateway asks for."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from auth_service.api.dependencies import Limit, TheOrigin, TheServices
from auth_service.api.fields import Body, Label
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.application.api_keys import KeyWish
from auth_service.domain.api_keys import MAX_NETWORKS, ApiKey, check_networks
from breezeway.errors import Forbidden
from breezeway.security.dependencies import CallingService
from breezeway.security.scopes import Scope, SignedIn

router = APIRouter(prefix="/api/v1/auth/api-keys", tags=["api keys"])
internal_router = APIRouter(prefix="/internal/api-keys", include_in_schema=False)

Networks = Annotated[
    list[Annotated[str, Field(max_length=50)]], Field(max_length=MAX_NETWORKS), AfterValidator(check_networks)
]


class NewApiKey(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Scanner on the NAS",
                    "scopes": ["read", "data"],
                    "expires_at": "2027-03-31T18:30:00Z",
                    "allowed_ips": ["203.0.113.7", "2001:db8::/48"],
                }
            ]
        }
    )

    name: Label
    scopes: Annotated[set[Scope], Field(min_length=1)]
    expires_at: AwareDatetime | None = Field(None, description="Left out or null, the key works until it is deleted.")
    allowed_ips: Networks = Field(
        default_factory=list, description="Addresses and CIDR ranges, v4 or v6; empty means from anywhere."
    )


class ApiKeyView(BaseModel):
    """An API key without its secret."""

    id: UUID
    name: str = Field(examples=["Scanner on the NAS"])
    prefix: str = Field(description="How the key begins; also its key id.", examples=["bwk_0RbXEVMcwq2dLGmJf6hTzK"])
    scopes: list[Scope] = Field(examples=[["read", "data"]])
    allowed_ips: list[str] = Field(examples=[["203.0.113.7/32"]])
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To within a minute.")
    last_used_ip: str | None = Field(examples=["203.0.113.7"])

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls.model_validate(_shown(key))


class CreatedApiKey(ApiKeyView):
    """A new API key. `key` is shown this once."""

    key: str = Field(
        description="Send it as `X-API-Key`. Nobody can read it again.",
        examples=["bwk_0RbXEVMcwq2dLGmJf6hTzK_4fZ0d9m6Yc2Qw8LrT1vXk7NbJ5hGsA3eUoPiCyDzMqE"],
    )


class ExchangeBody(Body):
    """A key, and where it came from."""

    key: Annotated[SecretStr, Field(max_length=512)]
    ip: Annotated[str | None, Field(max_length=64)] = None


class ExchangeView(BaseModel):
    """An access token that speaks for the key: at most fifteen minutes, with the key's scopes, `sid` `key:<key_id>`."""

    access_token: str
    expires_in: int
    user_id: UUID
    key_id: UUID
    allowed_ips: list[str]
    scopes: list[str]


@router.get("", summary="List API keys")
async def list_api_keys(user: SignedIn, services: TheServices, cursor: Cursor, limit: Limit = 50) -> Page[ApiKeyView]:
    """The caller's API keys, oldest first."""
    found = await services.api_keys.page(user.user_id, cursor, limit + 1)
    return page_of(found, limit, ApiKeyView.of, lambda key: key.id)


@router.post("", status_code=201, summary="Make an API key")
async def create_api_key(
    body: NewApiKey, user: SignedIn, response: Response, services: TheServices, origin: TheOrigin
) -> CreatedApiKey:
    """A key for a program of yours, with scopes: `read` sees what you see, `data` downloads market data and starts
    backfills, `trade` places orders, with `live` also with real money, `admin` is for administrators. No key can
    manage passwords, keys or broker accounts."""
    response.headers["Cache-Control"] = "no-store"
    wish = KeyWish(body.name, tuple(body.scopes), tuple(body.allowed_ips), body.expires_at)
    key, text = await services.api_keys.create(user.user_id, wish, origin)
    return CreatedApiKey.model_validate(_shown(key) | {"key": text})


@router.delete("/{key_id}", status_code=204, summary="Delete an API key")
async def delete_api_key(key_id: UUID, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """The key stops working at once, on open streams too."""
    await services.api_keys.delete(user.user_id, key_id, origin)


@internal_router.post("/exchange")
async def exchange_api_key(
    body: ExchangeBody, service: CallingService, response: Response, services: TheServices
) -> ExchangeView:
    """An access token for a key: 401 `api_key_invalid`, `api_key_expired`; 403 `api_key_ip_refused`."""
    if service != "gateway":
        raise Forbidden("Only the gateway exchanges API keys.", code="not_the_gateway")
    response.headers["Cache-Control"] = "no-store"
    exchanged = await services.api_keys.exchange(body.key.get_secret_value(), body.ip)
    return ExchangeView(
        access_token=exchanged.access.token,
        expires_in=exchanged.access.expires_in,
        user_id=exchanged.key.user_id,
        key_id=exchanged.key.id,
        allowed_ips=list(exchanged.key.networks),
        scopes=list(exchanged.scopes),
    )


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "allowed_ips": list(key.networks),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "last_used_ip": key.last_used_ip,
    }
