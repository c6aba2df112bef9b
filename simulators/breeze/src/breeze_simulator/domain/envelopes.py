"""What the broker's answers look like: the envelope, and the literal texts of its refusals.

`Status` inside an envelope is not the HTTP status: most refusals of the application travel with HTTP 200, those of the
gateway before it (checksum, limits) with an HTTP status of their own and without a `Success` member.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Envelope = dict[str, object]

NO_DATA = "No Data Found"
HISTORY_FAILED = "Historical Data Fail"
NOT_AVAILABLE = "Resource not available."
INVALID_SESSION = "Invalid session."
UNKNOWN_KEY = "Public Key does not exist."
INVALID_CHECKSUM = "Authentication Fail :: Invalid Checksum."
LIMIT_PER_MINUTE = "Limit exceed: API call per minute:Try after some time"
LIMIT_PER_DAY = "Limit exceed: API call per day: "  # the broker's own trailing blank
LIMIT_PER_SECOND = "Limit exceed: API call per second:Try after some time"
WRONG_IP = (
    "Request Denied: The IP address used does not match with the static IP declared when this API key was created"
)
CONTACT_ADMIN = "Error while calling service, Please contact admin (T10:55)"


def success(payload: object) -> Envelope:
    """The normal answer of v1."""
    return {"Success": payload, "Status": 200, "Error": None}


def history_v2(rows: list[Envelope]) -> Envelope:
    """The answer of v2 history, which spells its members in alphabetical order; nothing found is an empty list."""
    return {"Error": None, "Status": 200, "Success": rows}


def refusal(error: str, status: int = 500) -> Envelope:
    """A refusal by the application behind the gateway."""
    return {"Success": None, "Status": status, "Error": error}


@dataclass(frozen=True, slots=True)
class HttpStatuses:
    """Which HTTP status carries which refusal: reports differ, so none of it is hard-coded."""

    application: int = 200
    authentication: int = 401
    limit: int = 401
    server: int = 503


class BrokerRefusal(Exception):
    """The broker says no, in its own words: `envelope` goes out with `http_status`."""

    def __init__(self, envelope: Mapping[str, object], http_status: int) -> None:
        super().__init__(str(envelope.get("Error")))
        self.envelope = dict(envelope)
        self.http_status = http_status


class Refusals:
    """Makes the broker's refusals with the HTTP statuses that were configured."""

    def __init__(self, statuses: HttpStatuses) -> None:
        self._statuses = statuses

    def application(self, error: str, status: int = 500) -> BrokerRefusal:
        return BrokerRefusal(refusal(error, status), self._statuses.application)

    def no_data(self) -> BrokerRefusal:
        return self.application(NO_DATA, 200)

    def unknown_stock(self) -> BrokerRefusal:
        return self.application(CONTACT_ADMIN)

    def history_failed(self) -> BrokerRefusal:
        return self.application(HISTORY_FAILED)

    def authentication(self) -> BrokerRefusal:
        return BrokerRefusal({"Status": 5, "Error": INVALID_CHECKSUM}, self._statuses.authentication)

    def per_minute(self) -> BrokerRefusal:
        return BrokerRefusal({"Status": 5, "Error": LIMIT_PER_MINUTE}, self._statuses.limit)

    def per_second(self) -> BrokerRefusal:
        """Too many order mutations in one second. The text is a guess after the other limits'."""
        return BrokerRefusal({"Status": 5, "Error": LIMIT_PER_SECOND}, self._statuses.limit)

    def wrong_ip(self) -> BrokerRefusal:
        return self.application(WRONG_IP)

    def per_day(self) -> BrokerRefusal:
        return BrokerRefusal({"Status": 5, "Error": LIMIT_PER_DAY}, self._statuses.limit)
