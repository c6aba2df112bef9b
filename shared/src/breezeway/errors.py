"""Every failure that crosses a layer, in one tree.

    BreezewayError
    ├── Rejected                 the request is wrong; sending it again changes nothing
    │   ├── InvalidInput         422  a value is malformed or out of range
    │   ├── NotFound             404
    │   ├── Conflict             409  the state forbids it, or the same thing is in flight
    │   ├── PreconditionFailed   412  what the request expects to find has been changed
    │   └── TooLarge             413
    ├── Unauthenticated          401  we do not know the caller
    ├── Forbidden                403  we know the caller, and no
    ├── Retryable                     later the same request may succeed
    │   ├── RateLimited          429
    │   ├── UpstreamUnavailable  503  something we depend on does not answer
    │   ├── UpstreamTimeout      504
    │   └── UpstreamFault        502  it answers, but with nonsense
    ├── OutcomeUnknown           502  it was sent; whether it took effect must be found out, never guessed
    └── Misconfigured            500  an operator has to change something

Classes say what the *caller* should do; `code` says what happened, in a stable machine word. Retry loops read the
class, users read `detail`, programs read `code`. Nothing outside an adapter looks at a vendor's prose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong field of a request: where it is (`body.symbols.0`) and what is wrong with it."""

    field: str
    message: str


class BreezewayError(Exception):
    """Root of the tree.

    Args:
        detail: one or two sentences for a person: what happened, and what to do next.
        code: stable machine word; the class's own when omitted.
        retry_after: seconds after which trying again makes sense.
        faults: the fields that are wrong, for a 422.
        context: further members for the problem document; never a secret.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something failed"
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        faults: Sequence[FieldFault] = (),
        context: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.retry_after = retry_after
        self.faults = tuple(faults)
        self.context = dict(context or {})


class Rejected(BreezewayError):
    """The request is wrong as it stands."""

    status = 400
    title = "Request refused"
    default_code = "bad_request"


class InvalidInput(Rejected):
    status = 422
    title = "Invalid input"
    default_code = "invalid_input"


class NotFound(Rejected):
    status = 404
    title = "Not found"
    default_code = "not_found"


class Conflict(Rejected):
    status = 409
    title = "Conflict"
    default_code = "conflict"


class PreconditionFailed(Rejected):
    status = 412
    title = "Changed meanwhile"
    default_code = "precondition_failed"


class TooLarge(Rejected):
    status = 413
    title = "Too large"
    default_code = "too_large"


class Unauthenticated(BreezewayError):
    status = 401
    title = "Not signed in"
    default_code = "unauthenticated"


class Forbidden(BreezewayError):
    status = 403
    title = "Not allowed"
    default_code = "forbidden"


class Retryable(BreezewayError):
    """The same request may succeed later; `retry_after` says when, where it is known."""

    status = 503
    title = "Try again later"
    default_code = "try_again"


class RateLimited(Retryable):
    status = 429
    title = "Too many requests"
    default_code = "rate_limited"


class UpstreamUnavailable(Retryable):
    status = 503
    title = "Upstream unavailable"
    default_code = "upstream_unavailable"


class UpstreamTimeout(Retryable):
    status = 504
    title = "Upstream timed out"
    default_code = "upstream_timeout"


class UpstreamFault(Retryable):
    status = 502
    title = "Upstream answered nonsense"
    default_code = "upstream_fault"


class OutcomeUnknown(BreezewayError):
    """A request left us and no answer came: it may or may not have taken effect. Never send it again blindly."""

    status = 502
    title = "Outcome unknown"
    default_code = "outcome_unknown"


class Misconfigured(BreezewayError):
    """Only an operator can mend this; retrying cannot."""

    status = 500
    title = "Misconfigured"
    default_code = "misconfigured"


BY_STATUS: Mapping[int, type[BreezewayError]] = {
    400: Rejected,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: InvalidInput,
    429: RateLimited,
    502: UpstreamFault,
    503: UpstreamUnavailable,
    504: UpstreamTimeout,
}
"""Which class a service client raises for a status that another of our services answered."""
