"""What auth tells the other services about its users."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

KEY_SESSION_PREFIX: Final = "key:"
"""How the `sid` of a token begins that was given for an API key; the key's id follows."""


class CredentialsRevoked(BaseModel):
    """Credentials that have just stopped working.

    Appended to `keys.revocations()` for everybody who verifies tokens, and published on `keys.user_revoked()` for those
    who hold connections open.

    `session_id` is the `sid` of the access tokens concerned, for ever; None means every token of the user that was
    issued at `at` or before.
    """

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    session_id: str | None = None
    at: int = Field(0, description="Epoch seconds.")
