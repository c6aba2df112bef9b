"""OpenTelemetry traces, when `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector; otherwise nothing is loaded or done.

A trace goes with HTTP calls as the header `traceparent`, with arq's jobs as a keyword and with messages to users as a
field of that name. Spans carry names, routes and statuses; never a URL, a header, a body or the text of an error.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from breezeway.observability.tracer import Tracer

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACEPARENT: Final = "traceparent"

Attributes = Mapping[str, str | int]

_NOTHING: Final = nullcontext()


class Tracing:
    """The tracer of this process, if there is one."""

    tracer: "Tracer | None" = None


def configure(service: str) -> bool:
    """Begin to trace when the environment asks for it; whether it does. May be called again: the first name stays.

    Args:
        service: what collectors show the process as.
    """
    if Tracing.tracer is None and os.environ.get(ENDPOINT):
        # A tenth of a second and 15 MB, which nobody pays who does not trace.
        from breezeway.observability.tracer import Tracer

        Tracing.tracer = Tracer(service)
    return Tracing.tracer is not None


def enabled() -> bool:
    return Tracing.tracer is not None


def span(
    name: str, kind: str = "internal", attributes: Attributes | None = None, *, parent: str | None = None
) -> AbstractContextManager[Any]:
    """A span around a block; nothing when nobody traces.

    Args:
        kind: `internal`, `client`, `server`, `producer` or `consumer`.
        parent: a `traceparent`; by default the span around this one.
    """
    if Tracing.tracer is None:
        return _NOTHING
    return Tracing.tracer.span(name, kind, attributes, parent)


def carrier() -> dict[str, str]:
    """The current span as `{"traceparent": …}`, to be sent along; empty when there is none."""
    return {} if Tracing.tracer is None else Tracing.tracer.carrier()


def mark() -> dict[str, str]:
    """`carrier`, for what users see: empty also where the trace is not kept, which nobody could look up."""
    return Tracing.tracer.carrier() if Tracing.tracer is not None and Tracing.tracer.keeps() else {}


def stamped(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """`message` with the current span in it, unless it brings one of its own or its trace is not kept."""
    if Tracing.tracer is None or TRACEPARENT in message:
        return message
    return {**message, **mark()}
