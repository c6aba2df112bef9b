"""The broker's failures in our error tree: the only place that reads its prose.

`Status` in an envelope is not the HTTP status, application errors come with HTTP 200, and limit and signature errors
omit `Success`; so the text of `Error` decides, then the HTTP status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from breezeway.errors import (
    BreezewayError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

Call: TypeAlias = Literal["login", "read", "history"]
"""What was asked: some texts mean different things at the login and elsewhere."""

ORDER_RATE: Final = "broker_order_rate"
"""The code of too many order calls in one second; it says nothing about the calls of a minute."""

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP status and the text of the body; None and "" when the SDK answered without asking."""

    status: int | None
    text: str


def failure(answer: Answer, envelope: object, call: Call, *, proven: bool = True) -> BreezewayError | None:
    """The error that an answer means, or None when it holds a result, be it an empty one.

    `envelope` is the parsed body, or None when it was not JSON. `proven` says that a call with these credentials has
    worked before: then a refused signature means that the session has ended, otherwise that the secret is wrong.
    """
    if not isinstance(envelope, Mapping):
        return _without_envelope(answer)
    error = envelope.get("Error")
    text = error.strip() if isinstance(error, str) else ""
    status = envelope.get("Status")
    if answer.status is None:
        # Nothing was sent: the SDK's own validation, which answers in the broker's form.
        return InvalidInput(
            "The broker's rules refuse this request.",
            code="broker_refused_input",
            context={"broker_message": text[:_SHOWN]},
        )
    if is_empty(envelope):
        return None
    known = _known(text, call, proven)
    if known is not None:
        return known
    if answer.status in _HTTP:
        return _HTTP[answer.status]()
    if text or status not in (200, "200", None) or answer.status >= 400:
        return UpstreamFault(
            "The broker could not answer this request.",
            code="broker_error",
            retry_after=5,
            context={"broker_message": text[:_SHOWN], "broker_status": str(status)[:10]},
        )
    return None


def is_empty(envelope: Mapping[object, object]) -> bool:
    """The broker's ways of saying that there is nothing: a text, or a missing or blank `Success` without an error."""
    error = envelope.get("Error")
    if isinstance(error, str) and error.strip().rstrip(".").lower() == "no data found":
        return True
    if error not in (None, ""):
        return False
    return envelope.get("Status") in (200, "200") and envelope.get("Success") in (None, "", [])


def _without_envelope(answer: Answer) -> BreezewayError:
    if answer.status in _HTTP:
        return _HTTP[answer.status]()
    if "too many requests" in answer.text[:2_000].lower():
        return _minute_limit()
    if answer.text.lstrip()[:1] in ("{", "["):
        return UpstreamFault("The broker's answer broke off.", code="broker_bad_answer", retry_after=2)
    # Maintenance, nights and week-ends: a page for people, a 404, or nothing, with any HTTP status.
    return _down()


def _known(text: str, call: Call, proven: bool) -> BreezewayError | None:
    low = text.lower()
    if low.startswith("limit exceed"):
        if "per second" in low:
            return _order_rate()
        return _day_limit() if "per day" in low else _minute_limit()
    if "invalid checksum" in low:
        return _session_expired() if proven else _bad_secret()
    if "public key does not exist" in low:
        return Unauthenticated("The broker does not know this app key.", code="broker_bad_app_key")
    if low.startswith("invalid session"):
        return Unauthenticated(
            "The broker does not accept this session; log in at the broker again.", code="broker_bad_session"
        )
    if low.startswith("request denied") and "ip address" in low:
        return Forbidden(
            "The broker accepts orders only from the address registered with the app key.", code="broker_ip_refused"
        )
    if low.startswith("resource not available"):
        if call == "login":
            return _session_expired()
        return NotFound("The broker does not find what was asked for.", code="broker_not_found")
    if low.startswith("historical data fail"):
        return _unknown_instrument()
    if "contact admin" in low:
        return _contact_admin(low)
    if "invalid market/limit indicator" in low:
        return InvalidInput("The order type does not fit the order.", code="broker_refused_input")
    if low.startswith("authentication fail"):
        return _session_expired()
    return None


def _contact_admin(low: str) -> BreezewayError:
    """Internal codes of the broker's back end, as far as their meaning has been seen."""
    if "t10:55" in low or "t10:56" in low or "t2:154" in low or "t2:155" in low:
        return _unknown_instrument()
    if "t2:176" in low:
        return UpstreamTimeout("The broker's back end timed out.", code="broker_timeout", retry_after=5)
    return UpstreamFault("The broker's back end failed.", code="broker_error", retry_after=5)


def transport_failure(kind: Literal["timeout", "connect", "too_large"]) -> BreezewayError:
    """For an answer that never came whole."""
    if kind == "timeout":
        return UpstreamTimeout("The broker did not answer in time.", code="broker_timeout", retry_after=5)
    if kind == "too_large":
        return UpstreamFault("The broker's answer is larger than any it should give.", code="broker_answer_too_large")
    return _down()


def _session_expired() -> BreezewayError:
    return Unauthenticated(
        "The broker session has ended; broker sessions end at midnight in India. Log in at the broker again.",
        code="broker_session_expired",
    )


def _bad_secret() -> BreezewayError:
    return Unauthenticated(
        "The broker refuses the signature: the app secret does not belong to the app key.", code="broker_bad_secret"
    )


def _unknown_instrument() -> BreezewayError:
    return NotFound("The broker does not know this instrument.", code="broker_unknown_instrument")


def _minute_limit() -> BreezewayError:
    return RateLimited(
        "The broker's limit of calls per minute is used up.", code="broker_minute_limit", retry_after=120
    )


def _order_rate() -> BreezewayError:
    return RateLimited("The broker takes no more orders in this second.", code=ORDER_RATE, retry_after=1)


def _day_limit() -> BreezewayError:
    return RateLimited("The broker's limit of calls per day is used up.", code="broker_day_limit", retry_after=900)


def _down() -> BreezewayError:
    return UpstreamUnavailable(
        "The broker is not available; it is often in maintenance at night and at week-ends.",
        code="broker_down",
        retry_after=60,
    )


def _timed_out() -> BreezewayError:
    return transport_failure("timeout")


def _conflict() -> BreezewayError:
    return Conflict("The broker refuses this in the present state.", code="broker_conflict")


_HTTP: Final = {
    401: _session_expired,
    404: _down,
    408: _timed_out,
    409: _conflict,
    429: _minute_limit,
    502: _down,
    503: _down,
    504: _timed_out,
}
