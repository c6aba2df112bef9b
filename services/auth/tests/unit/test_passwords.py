"""Passwords: the policy, and the hashes."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from auth_service.adapters.common_passwords import common_passwords
from auth_service.adapters.passwords import HashCost, PasslibHasher
from auth_service.domain.passwords import MAX_CHARACTERS, MIN_CHARACTERS, check_password, folded
from breezeway.errors import InvalidInput


@pytest.fixture
def hasher() -> Iterator[PasslibHasher]:
    made = PasslibHasher(HashCost())
    yield made
    made.close()


EMAIL = "asha.rao@example.com"
COMMON = common_passwords()


@pytest.mark.parametrize(
    "password", ["x7" * 128, "        ", "🦊🐢" * 4, "no digits or capitals", "a/b\x00cdefg", "12 34 56 78"]
)
def test_a20_length_and_not_being_common_are_all_that_counts(password: str) -> None:
    check_password(password, email=EMAIL, common=COMMON)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257, "🦊" * 7, "🦊" * 257])
def test_a20_too_short_and_too_long_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password(password, email=EMAIL, common=COMMON)
    assert refused.value.code == "invalid_password"
    assert not password or password not in refused.value.detail


def test_a20_what_may_be_hashed_has_at_most_1024_bytes() -> None:
    assert len(("\U0010ffff" * MAX_CHARACTERS).encode()) == 1_024


@pytest.mark.parametrize(
    "password",
    [
        "password1",
        "PaSsWoRd1",
        "ｐａｓｓｗｏｒｄ１",
        "12345678",
        "qwertyuiop",
        "Jaishreeram",
        "india@123",
        "iloveyou",
        "aaaaaaaa",
        "Summer2024",
        "19991999",
        "asha.rao@example.com",
        "ASHA.RAO",
        "asha.rao123",
        "Asha.Rao@2026!",
        "example.com",
        "Breezeway1",
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password(password, email=EMAIL, common=COMMON, field="body.new_password")
    assert refused.value.code == "common_password"
    assert refused.value.faults[0].field == "body.new_password"
    assert password not in refused.value.detail


def test_the_list_is_long_and_every_entry_could_be_chosen() -> None:
    assert len(COMMON) >= 3_000
    assert all(MIN_CHARACTERS <= len(entry) <= MAX_CHARACTERS and entry == folded(entry) for entry in COMMON)


async def test_hashes_are_argon2id_at_the_minimum(hasher: PasslibHasher) -> None:
    hashed = await hasher.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != await hasher.hash("correct horse")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("correct horsf", hashed)
    assert not hasher.needs_rehash(hashed)


async def test_stronger_settings_ask_for_a_new_hash(hasher: PasslibHasher) -> None:
    hashed = await hasher.hash("correct horse")
    stronger = PasslibHasher(HashCost(memory_kib=32_768, rounds=3))
    assert stronger.needs_rehash(hashed)
    assert await stronger.verify("correct horse", hashed)
    stronger.close()


@pytest.mark.parametrize("broken", ["", "plain", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8$broken"])
async def test_what_is_no_hash_of_ours_fits_nothing(hasher: PasslibHasher, broken: str) -> None:
    assert not await hasher.verify("plain", broken)


async def test_a16_an_unknown_user_takes_as_long(hasher: PasslibHasher) -> None:
    await hasher.warm_up()
    hashed = await hasher.hash("correct horse")

    async def median(of: str | None) -> float:
        spans = []
        for _ in range(15):
            began = time.perf_counter()
            assert not await hasher.verify("wrong horse", of)
            spans.append(time.perf_counter() - began)
        return sorted(spans)[7]

    known, unknown = await median(hashed), await median(None)
    # Without the pretended check an unknown one would take a thousandth.
    assert known / 4 < unknown < known * 4


async def test_the_event_loop_stays_free_while_fifty_hash(hasher: PasslibHasher) -> None:
    lags = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - began - 0.005)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(hasher.hash(f"password {n}") for n in range(50)))
    watcher.cancel()
    assert len(lags) > 20
    # The median: single pauses belong to whatever else this machine does.
    assert sorted(lags)[len(lags) // 2] < 0.25
