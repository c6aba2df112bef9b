"""Secrets in a backup: opened by their passphrase alone, and not after a single changed bit."""

import pytest

from breezeway.cli.secret_box import open_sealed, seal
from breezeway.errors import Rejected


def test_what_was_sealed_opens_and_shows_nothing() -> None:
    sealed = seal(b"the vault key", "correct horse battery")
    assert open_sealed(sealed, "correct horse battery") == b"the vault key"
    assert b"vault" not in sealed
    assert seal(b"the vault key", "correct horse battery") != sealed


def test_another_passphrase_or_a_changed_bit_opens_nothing() -> None:
    sealed = seal(b"the vault key", "correct horse battery")
    with pytest.raises(Rejected, match="another passphrase"):
        open_sealed(sealed, "correct horse batterz")
    for place in (0, 10, 30, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Rejected):
            open_sealed(bytes(changed), "correct horse battery")
    with pytest.raises(Rejected):
        open_sealed(b"", "correct horse battery")


def test_a_short_passphrase_seals_nothing() -> None:
    with pytest.raises(Rejected, match="12 characters"):
        seal(b"x", "short")
