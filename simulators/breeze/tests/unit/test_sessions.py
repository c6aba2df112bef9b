"""Sessions and signing: what admits a caller, and what each refusal says."""

from datetime import UTC, datetime, timedelta

import pytest

from breeze_simulator.application.accounts import Accounts, App
from breeze_simulator.application.gate import Gate
from breeze_simulator.application.limits import CallLimits, MutationLimits, Quota
from breeze_simulator.application.sessions import Session, Sessions, next_midnight
from breeze_simulator.domain import signing
from breeze_simulator.domain.envelopes import BrokerRefusal, HttpStatuses, Refusals
from breezeway.errors import Conflict
from breezeway.testing.clock import FixedClock

APP = App(api_key="sim+key=1", secret="sim-secret", user_id="SIM00001", user_name="DEMO")
OTHER = App(api_key="other", secret="s2", user_id="SIM00002", user_name="OTHER")
BODY = b'{"stock_code":"NIFTY"}'


@pytest.fixture
def accounts() -> Accounts:
    return Accounts([APP, OTHER])


@pytest.fixture
def sessions(accounts: Accounts, wall: FixedClock) -> Sessions:
    return Sessions(accounts, Refusals(HttpStatuses()), wall)


@pytest.fixture
def gate(accounts: Accounts, sessions: Sessions, wall: FixedClock) -> Gate:
    return Gate(accounts, sessions, CallLimits(Quota(), wall), Refusals(HttpStatuses()), wall, MutationLimits(10, wall))


def signed(session: Session, wall: FixedClock, *, body: bytes = BODY, secret: str = APP.secret) -> dict[str, str]:
    stamp = wall.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "x-checksum": "token " + signing.checksum(stamp, body, secret),
        "x-timestamp": stamp,
        "x-appkey": session.app.api_key,
        "x-sessiontoken": signing.pack_session(session.user_id, session.session_key),
    }


def refusal(error: pytest.ExceptionInfo[BrokerRefusal]) -> tuple[object, int]:
    return error.value.envelope["Error"], error.value.http_status


def test_the_checksum_is_the_documented_digest() -> None:
    # Computed with the SDK's expression: sha256((timestamp + body + secret).encode()).hexdigest()
    stamp = "2026-08-03T05:00:00.000Z"
    digest = "token bb8700e0a3e7f0671501042717833b8ec0dbd47ca9a34c97150aa5afeaa8bd4a"
    assert "token " + signing.checksum(stamp, b"{}", "sim-secret") == digest
    assert signing.checksum_matches(digest, stamp, b"{}", "sim-secret")
    assert not signing.checksum_matches(digest, stamp, b"", "sim-secret")


def test_a_login_is_an_eight_digit_number_that_becomes_a_session(sessions: Sessions) -> None:
    made = sessions.log_in(APP)
    assert len(made.api_session) == 8
    assert made.api_session.isdigit()
    found = sessions.exchange(made.api_session, APP.api_key)
    assert found is made
    assert signing.unpack_session(signing.pack_session(found.user_id, found.session_key)) == (
        "SIM00001",
        made.session_key,
    )


@pytest.mark.parametrize(
    ("api_session", "api_key", "text"),
    [
        ("12345678", "nobody", "Public Key does not exist."),
        ("12345678", APP.api_key, "Resource not available."),
        ("not-a-number", APP.api_key, "Invalid session."),
        (None, APP.api_key, "Invalid session."),
        (12345678, APP.api_key, "Invalid session."),
    ],
)
def test_customerdetails_tells_the_faults_apart(
    sessions: Sessions, api_session: object, api_key: str, text: str
) -> None:
    with pytest.raises(BrokerRefusal) as error:
        sessions.exchange(api_session, api_key)
    assert error.value.envelope == {"Success": None, "Status": 500, "Error": text}


def test_a_session_of_another_app_is_invalid(sessions: Sessions) -> None:
    made = sessions.log_in(OTHER)
    with pytest.raises(BrokerRefusal, match="Invalid session"):
        sessions.exchange(made.api_session, APP.api_key)


def test_sessions_end_at_indian_midnight(sessions: Sessions, wall: FixedClock) -> None:
    made = sessions.log_in(APP)
    assert made.expires_at == datetime(2026, 8, 3, 18, 30, tzinfo=UTC)
    wall.set(made.expires_at - timedelta(seconds=1))
    assert sessions.find("SIM00001", made.session_key) is made
    wall.advance(1)
    assert sessions.find("SIM00001", made.session_key) is None
    assert not sessions.is_alive(made)


def test_yesterdays_sessions_are_forgotten_at_the_next_login(sessions: Sessions, wall: FixedClock) -> None:
    sessions.log_in(APP)
    wall.advance(86_400)
    sessions.log_in(APP)
    assert sessions.expire() == 1


def test_midnight_itself_starts_a_whole_day() -> None:
    midnight = datetime(2026, 8, 3, 18, 30, tzinfo=UTC)
    assert next_midnight(midnight) - midnight == timedelta(days=1)


def test_a_signed_call_is_admitted(gate: Gate, sessions: Sessions, wall: FixedClock) -> None:
    made = sessions.log_in(APP)
    assert gate.signed(signed(made, wall), BODY) is made


def test_everything_wrong_with_a_signed_call_sounds_the_same(gate: Gate, sessions: Sessions, wall: FixedClock) -> None:
    made = sessions.log_in(APP)
    good = signed(made, wall)
    wrong = [
        (signed(made, wall, secret="guess"), BODY),
        (good, BODY + b" "),
        (good | {"x-checksum": ""}, BODY),
        (good | {"x-checksum": "token \u20ac"}, BODY),
        (good | {"x-timestamp": "yesterday"}, BODY),
        (good | {"x-appkey": "nobody"}, BODY),
        (good | {"x-sessiontoken": "%%%"}, BODY),
        (good | {"x-sessiontoken": signing.pack_session("SIM00001", "99999999")}, BODY),
        (good | {"x-sessiontoken": signing.pack_session("SIM00002", made.session_key)}, BODY),
        ({}, BODY),
    ]
    for headers, body in wrong:
        with pytest.raises(BrokerRefusal) as error:
            gate.signed(headers, body)
        assert refusal(error) == ("Authentication Fail :: Invalid Checksum.", 401)
        assert "Success" not in error.value.envelope


@pytest.mark.parametrize(("seconds", "admitted"), [(60, True), (-60, True), (61, False), (-61, False)])
def test_the_clock_may_be_a_minute_off(
    gate: Gate, sessions: Sessions, wall: FixedClock, seconds: int, admitted: bool
) -> None:
    made = sessions.log_in(APP)
    headers = signed(made, wall)
    wall.advance(seconds)
    if admitted:
        assert gate.signed(headers, BODY) is made
    else:
        with pytest.raises(BrokerRefusal):
            gate.signed(headers, BODY)


def test_v2_needs_the_session_and_its_own_key(gate: Gate, sessions: Sessions) -> None:
    made = sessions.log_in(APP)
    token = signing.pack_session(made.user_id, made.session_key)
    assert gate.unsigned({"x-sessiontoken": token, "apikey": APP.api_key}) is made
    assert gate.unsigned({"x-sessiontoken": token, "x-apikey": APP.api_key}) is made
    with pytest.raises(BrokerRefusal):
        gate.unsigned({"x-sessiontoken": token, "apikey": OTHER.api_key})


def test_expiring_ends_the_sessions_of_one_user(sessions: Sessions) -> None:
    mine, theirs = sessions.log_in(APP), sessions.log_in(OTHER)
    assert sessions.expire("SIM00001") == 1
    assert not sessions.is_alive(mine)
    assert sessions.is_alive(theirs)


def test_an_app_is_registered_once(accounts: Accounts) -> None:
    assert accounts.add(APP) is False
    with pytest.raises(Conflict):
        accounts.add(APP.model_copy(update={"secret": "another"}))
