"""What a password must be: long enough, and not what everybody tries first. Rules of composition make them worse."""

import unicodedata
from collections.abc import Container

from breezeway.errors import FieldFault, InvalidInput

MIN_CHARACTERS = 8
MAX_CHARACTERS = 256
"""At most 1,024 bytes of UTF-8, so that hashing a hostile input costs no more than hashing an honest one."""

_NAMES = ("breezeway", "icici", "icicidirect")


def check_password(password: str, *, email: str, common: Container[str], field: str = "body.password") -> None:
    """Raise `InvalidInput` (`invalid_password`, `common_password`) unless the password may be set. Nothing is trimmed
    or cut.

    Args:
        email: of its owner; what everybody knows of them is no password.
        common: the passwords that are tried first, in the form of `folded`.
        field: where in the request the password stands.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise _fault(f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.", "invalid_password", field)
    plain = folded(password)
    if plain in common or _is_name_of(plain, email):
        message = "This password is among the first that anybody tries. Choose another; a few unrelated words are good."
        raise _fault(message, "common_password", field)


def folded(password: str) -> str:
    """The form in which passwords are looked for in the list of common ones: that one has capitals helps little."""
    return unicodedata.normalize("NFKC", password).casefold().strip()


def _is_name_of(plain: str, email: str) -> bool:
    address = folded(email)
    known = {address, *address.split("@"), *_NAMES}
    # "asha.rao" is no better as "asha.rao123" or "asha.rao!".
    return plain in known or plain.rstrip("0123456789!@#$%&*._- ") in known


def _fault(message: str, code: str, field: str) -> InvalidInput:
    return InvalidInput(message, code=code, faults=[FieldFault(field, message)])
