"""Field types of request bodies: what may be stored, and how much of it."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from auth_service.domain.passwords import MAX_CHARACTERS, MIN_CHARACTERS


class Body(BaseModel):
    """Parent of request bodies: what we do not know is refused, so that a misspelt field does not pass silently."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _email(value: str) -> str:
    # `.local` is no public domain, but it is what a home network's own mail uses, and this is self-hosted software.
    checked = f"{value[:-6]}.lan" if value.lower().endswith(".local") else value
    try:
        validate_email(checked, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"this is not an e-mail address: {error}") from error
    return value


Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_email)]
"""An e-mail address that could exist; nobody is asked whether it does."""


def _stripped(value: str) -> str:
    if not (stripped := value.strip()):
        raise ValueError("this is empty")
    return stripped


# Stripped after the pattern has looked: Python counts some control characters as white space.
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"),
    AfterValidator(_stripped),
]
"""One line of text for people."""


def _whole(value: SecretStr) -> SecretStr:
    # JSON can spell half a surrogate pair, which no encoding of text has.
    if any("\ud800" <= character <= "\udfff" for character in value.get_secret_value()):
        raise ValueError("this is not valid Unicode")
    return value


NewPassword = Annotated[SecretStr, Field(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS), AfterValidator(_whole)]
"""A password to be set, of any characters."""

GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=MAX_CHARACTERS), AfterValidator(_whole)]
"""A password to be checked."""

BrokerSecret = Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_whole)]
"""A key or secret of a broker app."""

OpaqueToken = Annotated[SecretStr, Field(min_length=1, max_length=512)]
"""A refresh token."""

OneTimeCode = Annotated[SecretStr, Field(min_length=6, max_length=64)]
"""A code of an authenticator app, or a recovery code."""
