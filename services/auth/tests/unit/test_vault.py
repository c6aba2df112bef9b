"""Envelopes open where they were sealed, with the key that sealed them, and nowhere else."""

import base64
import hashlib
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.adapters.vault import Place, Vault, VaultKeys, version_of
from breezeway.errors import Misconfigured

HERE = Place(table="broker_accounts", column="api_secret_sealed", row="0199a1b2")


# The same in each test process: they are part of the tests' names.
OLD, NEW = (base64.b64encode(hashlib.sha256(name).digest()).decode() for name in (b"old", b"new"))
VAULT = Vault(VaultKeys.parse(OLD))


@given(st.text(max_size=300))
def test_what_is_sealed_opens(secret: str) -> None:
    envelope = VAULT.seal(secret, HERE)
    assert VAULT.open(envelope, HERE) == secret
    assert len(secret) < 4 or secret.encode() not in envelope


def test_two_envelopes_of_one_secret_differ() -> None:
    assert VAULT.seal("secret", HERE) != VAULT.seal("secret", HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, table="broker_sessions"),
        replace(HERE, column="api_key_sealed"),
        replace(HERE, row="0199a1b3"),
        Place(table="broker_account", column="sapi_secret_sealed", row="0199a1b2"),
    ],
)
def test_a24_an_envelope_does_not_open_elsewhere(elsewhere: Place) -> None:
    with pytest.raises(Misconfigured) as refused:
        VAULT.open(VAULT.seal("secret", HERE), elsewhere)
    assert refused.value.code == "vault_sealed"


def test_an_envelope_does_not_pass_for_another_version() -> None:
    # The same key under two names: only the version in the bound data tells them apart.
    both = Vault(VaultKeys.parse(f"a:{OLD},b:{OLD}"))
    envelope = both.seal("secret", HERE)
    assert version_of(envelope) == "b"
    with pytest.raises(Misconfigured):
        both.open(envelope.replace(b"\x01\x01b", b"\x01\x01a", 1), HERE)


def test_every_single_changed_byte_is_noticed() -> None:
    envelope = VAULT.seal("secret", HERE)
    for index in range(len(envelope)):
        changed = bytearray(envelope)
        changed[index] ^= 1
        with pytest.raises(Misconfigured):
            VAULT.open(bytes(changed), HERE)
    for length in range(len(envelope)):
        with pytest.raises(Misconfigured):
            VAULT.open(envelope[:length], HERE)


def test_rotation_opens_old_and_seals_new() -> None:
    old = VAULT.seal("secret", HERE)
    rotating = Vault(VaultKeys.parse(f"v1:{OLD},v2:{NEW}"))
    assert rotating.open(old, HERE) == "secret"
    assert version_of(rotating.seal("secret", HERE)) == "v2"
    with pytest.raises(Misconfigured) as refused:
        Vault(VaultKeys.parse(f"v2:{NEW}")).open(old, HERE)
    assert refused.value.code == "vault_key_missing"
    with pytest.raises(Misconfigured) as replaced:
        Vault(VaultKeys.parse(f"v1:{NEW}")).open(old, HERE)
    assert replaced.value.code == "vault_sealed"


@pytest.mark.parametrize(
    "text",
    ["", "not base64!", base64.b64encode(b"short").decode(), f"v1:{OLD},v1:{NEW}", f":{OLD}", f"v1:{OLD},"],
)
def test_a_bad_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        VaultKeys.parse(text)
    assert refused.value.code == "bad_vault_key"
    assert OLD not in str(refused.value)


@pytest.mark.parametrize("sample", [b"change-me-change-me-change-me-32", bytes(32), b"\xff" * 32])
def test_a29_a_sample_key_is_refused_where_it_matters(sample: bytes) -> None:
    text = base64.b64encode(sample).decode()
    VaultKeys.parse(text)
    with pytest.raises(Misconfigured):
        VaultKeys.parse(text, refuse_typed=True)


def test_random_keys_are_not_taken_for_samples() -> None:
    for _ in range(500):
        VaultKeys.parse(base64.b64encode(os.urandom(32)).decode(), refuse_typed=True)
