"""What a password must be. Length only: rules of composition make passwords worse, not better."""

from breezeway.errors import FieldFault, InvalidInput

MIN_CHARACTERS = 8
MAX_CHARACTERS = 256
"""At most 1,024 bytes of UTF-8, so that hashing a hostile input costs no more than hashing an honest one."""


def check_password(password: str) -> None:
    """Raise `InvalidInput` (`invalid_password`) unless the password may be set. Nothing is trimmed or cut."""
    if MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        return
    message = f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters."
    raise InvalidInput(message, code="invalid_password", faults=[FieldFault("body.password", message)])
