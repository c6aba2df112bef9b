"""Auth's exchange of API keys."""

from uuid import UUID

from pydantic import BaseModel

from breezeway.http.client import ServiceClient
from gateway_service.application.api_keys import ExchangedKey


class _Answer(BaseModel):
    access_token: str
    expires_in: int
    user_id: UUID
    key_id: UUID
    allowed_ips: list[str]


class AuthKeyExchange:
    """Implements `application.api_keys.KeyExchange`."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    async def exchange(self, key: str, ip: str) -> ExchangedKey:
        body = {"key": key, "ip": ip}
        answer = await self._auth.call("POST", "/internal/api-keys/exchange", _Answer, json=body)
        return ExchangedKey(
            answer.access_token, answer.expires_in, answer.user_id, answer.key_id, tuple(answer.allowed_ips)
        )
