"""What auth tells the other services about its users."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class CredentialsRevoked(BaseModel):
    """Credentials that have just stopped working; published on `keys.user_revoked()`.

    `session_id` is the `sid` of the access tokens concerned; None means every token of the user.
    """

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    session_id: str | None = None
