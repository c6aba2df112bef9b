"""Which key signs and which keys count, by the clock alone."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auth_service.adapters.access_tokens import AccessTokenSigner
from auth_service.adapters.signing_keys import OVERLAP, PUBLISHED_FIRST, SigningKeyFiles, WatchedKeys
from auth_service.domain.users import Role, User
from breezeway.errors import Conflict, Misconfigured, Unauthenticated
from breezeway.ids import new_id
from breezeway.security.tokens import ACCESS_LIFETIME_SECONDS, LEEWAY_SECONDS, TokenVerifier, public_keys
from breezeway.testing.clock import FixedClock

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
USER = User(id=new_id(), email="a@b.in", full_name=None, role=Role.USER, password_hash="", created_at=NOW)
SECOND = timedelta(seconds=1)


@pytest.fixture
def files(tmp_path: Path) -> SigningKeyFiles:
    made = SigningKeyFiles(tmp_path / "signing.pem", generate=True)
    made.read()
    return made


def test_a_13_a_new_key_is_published_before_it_signs_and_the_old_one_outlives_its_tokens(
    files: SigningKeyFiles,
) -> None:
    """A-13: new kid ok, old kid in the overlap ok, retired kid refused; at no moment a token without a key."""
    clock = FixedClock(NOW)
    watched = WatchedKeys(files)
    signer = AccessTokenSigner(watched, clock)
    old = watched.ring.signing(NOW).kid
    new = files.add(NOW).kid
    watched = WatchedKeys(files)
    signer = AccessTokenSigner(watched, clock)
    signed: list[tuple[int, str]] = []
    signers: dict[str, int] = {}
    for second in range(0, int((PUBLISHED_FIRST + OVERLAP).total_seconds()) + 60, 5):
        at = NOW + timedelta(seconds=second)
        clock.set(at)
        token = signer.issue_limited(USER, "s", Role.USER, (), at).token
        signed.append((second, token))
        verifier = TokenVerifier(public_keys(signer.jwks()))
        for when, each in signed:
            if second - when < ACCESS_LIFETIME_SECONDS + LEEWAY_SECONDS:
                verifier.verify(each, now=at.timestamp())
        signers[watched.ring.signing(at).kid] = signers.get(watched.ring.signing(at).kid, 0) + 1
    assert signers[old] == PUBLISHED_FIRST.total_seconds() / 5
    assert verifier.key_ids == (new,)
    with pytest.raises(Unauthenticated, match="its key is unknown"):
        verifier.verify(signed[0][1], now=NOW.timestamp())


def test_several_rotations_hold_together(files: SigningKeyFiles) -> None:
    made = [files.add(NOW + timedelta(minutes=5 * n)) for n in range(3)]
    ring = files.read()
    end = NOW + timedelta(minutes=10) + PUBLISHED_FIRST
    assert ring.signing(end - SECOND).kid == made[1].kid
    assert ring.signing(end).kid == made[2].kid
    assert len(ring.published(end)) == 4
    assert [key.kid for key in ring.published(end + OVERLAP)] == [made[2].kid]
    assert [key.kid for key in ring.published(end + OVERLAP - SECOND)] == [made[1].kid, made[2].kid]


def test_retired_keys_are_deleted_and_the_ring_goes_on_without_the_first(
    files: SigningKeyFiles, tmp_path: Path
) -> None:
    new = files.add(NOW)
    assert files.remove_retired(NOW + OVERLAP) == []
    assert len(files.remove_retired(NOW + PUBLISHED_FIRST + OVERLAP)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["signing-20261120T060000Z.pem"]
    assert stat.S_IMODE((tmp_path / "signing-20261120T060000Z.pem").stat().st_mode) == 0o600
    ring = files.read()
    assert ring.signing(NOW - timedelta(days=1)).kid == new.kid, "the only key signs whatever the clock says"
    assert not (tmp_path / "signing.pem").exists(), "no first key is made again"


def test_a_leaked_key_is_gone_at_once(files: SigningKeyFiles) -> None:
    files.add(NOW - timedelta(minutes=1))
    new = files.add(NOW)
    assert len(files.remove_all_but(new.kid)) == 2
    ring = files.read()
    assert ring.signing(NOW).kid == new.kid
    assert [key.kid for key in ring.published(NOW)] == [new.kid]


def test_a_key_a_second(files: SigningKeyFiles) -> None:
    files.add(NOW)
    with pytest.raises(Conflict):
        files.add(NOW)


def test_successors_may_lie_elsewhere(tmp_path: Path) -> None:
    made = SigningKeyFiles(tmp_path / "secret" / "signing-key", tmp_path / "kept", generate=True)
    made.read()
    new = made.add(NOW)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["signing-key-20261120T060000Z.pem"]
    assert made.read().signing(NOW + PUBLISHED_FIRST).kid == new.kid


def test_strangers_in_the_folder_are_left_alone(files: SigningKeyFiles, tmp_path: Path) -> None:
    (tmp_path / "signing-backup.pem").write_text("no key")
    assert len(files.read().keys) == 1
    (tmp_path / "signing-20261120T060000Z.pem").write_text("no key")
    with pytest.raises(Misconfigured):
        files.add(NOW)


async def test_a_running_service_keeps_its_keys_when_a_file_cannot_be_read(
    files: SigningKeyFiles, tmp_path: Path
) -> None:
    watched = WatchedKeys(files)
    before = watched.ring.signing(NOW).kid
    broken = tmp_path / "signing-20261120T060000Z.pem"
    broken.write_text("no key")
    await watched.look_again()
    assert watched.ring.signing(NOW).kid == before
    broken.unlink()
    new = files.add(NOW)
    await watched.look_again()
    assert watched.ring.signing(NOW + PUBLISHED_FIRST).kid == new.kid
