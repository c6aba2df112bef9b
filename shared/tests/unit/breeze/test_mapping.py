import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze.mapping import Answer, Call, failure
from breezeway.errors import (
    BreezewayError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

CHECKSUM = {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."}
HTML = "<html><head><title>Service</title></head><body>We are down for maintenance</body></html>"


def fault(error: str, status: int = 500) -> dict[str, Any]:
    return {"Success": None, "Status": status, "Error": error}


def outcome(http: int | None, body: object, call: Call = "read", *, proven: bool = True) -> BreezewayError | None:
    text = body if isinstance(body, str) else json.dumps(body)
    return failure(Answer(http, text), None if isinstance(body, str) else body, call, proven=proven)


@pytest.mark.parametrize(
    ("http", "body", "kind", "code"),
    [
        (
            401,
            {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."},
            Unauthenticated,
            "broker_session_expired",
        ),
        (
            200,
            {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."},
            Unauthenticated,
            "broker_session_expired",
        ),
        (
            401,
            {"Status": 5, "Error": "Limit exceed: API call per minute:Try after some time"},
            RateLimited,
            "broker_minute_limit",
        ),
        (200, {"Status": 5, "Error": "Limit exceed: API call per day: "}, RateLimited, "broker_day_limit"),
        (
            401,
            {"Status": 5, "Error": "Limit exceed: API call per second:Try after some time"},
            RateLimited,
            "broker_order_rate",
        ),
        (429, "<html><body>429 Too Many Requests</body></html>", RateLimited, "broker_minute_limit"),
        (503, "<html><body>429 Too Many Requests</body></html>", UpstreamUnavailable, "broker_down"),
        (200, fault("Public Key does not exist."), Unauthenticated, "broker_bad_app_key"),
        (200, fault("Invalid session."), Unauthenticated, "broker_bad_session"),
        (200, fault("Resource not available."), NotFound, "broker_not_found"),
        (200, fault("Historical Data Fail"), NotFound, "broker_unknown_instrument"),
        (
            200,
            fault("Error while calling service, Please contact admin (T10:55)"),
            NotFound,
            "broker_unknown_instrument",
        ),
        (200, fault("Error while calling service, Please contact admin (T2:176)"), UpstreamTimeout, "broker_timeout"),
        (200, fault("Error while calling service, Please contact admin (T9:1)"), UpstreamFault, "broker_error"),
        (200, fault("Invalid Market/Limit indicator:"), InvalidInput, "broker_refused_input"),
        (
            200,
            fault("Request Denied: The IP address used does not match with the static IP declared"),
            Forbidden,
            "broker_ip_refused",
        ),
        (200, fault("Something new"), UpstreamFault, "broker_error"),
        (500, {"Success": {"a": 1}, "Status": 200, "Error": None}, UpstreamFault, "broker_error"),
        (
            None,
            {"Success": "", "Status": 500, "Error": "Stock-Code cannot be empty"},
            InvalidInput,
            "broker_refused_input",
        ),
        (200, HTML, UpstreamUnavailable, "broker_down"),
        (404, HTML, UpstreamUnavailable, "broker_down"),
        (404, "", UpstreamUnavailable, "broker_down"),
        (401, HTML, Unauthenticated, "broker_session_expired"),
        (408, "", UpstreamTimeout, "broker_timeout"),
        (504, HTML, UpstreamTimeout, "broker_timeout"),
        (200, '{"Success":[{"close":12', UpstreamFault, "broker_bad_answer"),
    ],
)
def test_failures(http: int | None, body: object, kind: type[BreezewayError], code: str) -> None:
    error = outcome(http, body)
    assert (type(error), error.code if error else None) == (kind, code)


def test_the_same_text_means_an_expired_session_at_the_login() -> None:
    error = outcome(200, fault("Resource not available."), "login")
    assert isinstance(error, Unauthenticated)
    assert error.code == "broker_session_expired"


def test_a_signature_that_never_worked_points_at_the_secret() -> None:
    body = {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."}
    error = outcome(401, body, proven=False)
    assert error is not None
    assert error.code == "broker_bad_secret"


@pytest.mark.parametrize(
    "body",
    [
        {"Error": None, "Status": 200, "Success": []},
        {"Error": None, "Status": 200, "Success": None},
        {"Error": None, "Status": 200, "Success": ""},
        {"Error": "No Data Found", "Status": 200, "Success": None},
        {"Error": "No Data Found", "Status": 500, "Success": []},
        {"Error": None, "Status": 200, "Success": [{"close": 1}]},
        {"Error": "", "Status": 200, "Success": {"a": 1}},
    ],
)
def test_results_and_empty_results_are_no_failures(body: dict[str, Any]) -> None:
    assert outcome(200, body) is None


def test_limits_say_when_to_come_back() -> None:
    error = outcome(401, {"Status": 5, "Error": "Limit exceed: API call per minute:Try after some time"})
    assert error is not None
    assert error.retry_after == 120


def test_the_brokers_prose_is_never_the_only_text() -> None:
    error = outcome(200, fault("x" * 5_000))
    assert error is not None
    assert "x" not in error.detail.replace("next", "").split()
    assert len(str(error.context["broker_message"])) == 200


@given(
    http=st.none() | st.integers(100, 599),
    text=st.text(max_size=60),
    envelope=st.none()
    | st.dictionaries(
        st.sampled_from(["Success", "Status", "Error"]),
        st.none() | st.text(max_size=40) | st.integers() | st.lists(st.integers(), max_size=2),
    ),
)
def test_anything_maps_to_our_tree_or_to_success(http: int | None, text: str, envelope: object) -> None:
    error = failure(Answer(http, text), envelope, "read")
    assert error is None or isinstance(error, BreezewayError)
