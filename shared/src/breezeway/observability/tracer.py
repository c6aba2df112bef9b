"""Spans through the OpenTelemetry SDK. Only `tracing` imports this, when traces are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from breezeway.observability.tracing import TRACEPARENT, Attributes

_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}


class Tracer:
    """Sends spans in batches, from a thread of its own; where and how is told by the standard `OTEL_*` variables."""

    def __init__(self, service: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("breezeway")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, kind: str, attributes: Attributes | None, parent: str | None) -> Iterator[Span]:
        context = self._propagator.extract({TRACEPARENT: parent}, Context()) if parent else None
        # Recorded by hand: an exception's text and stack may hold what a user sent.
        with self._tracer.start_as_current_span(
            name,
            context,
            kind=_KINDS[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            try:
                yield made
            except BaseException as error:
                made.set_attribute("error.type", type(error).__name__)
                made.set_status(Status(StatusCode.ERROR))
                raise

    def carrier(self) -> dict[str, str]:
        carried: dict[str, str] = {}
        self._propagator.inject(carried)
        return {name: value for name, value in carried.items() if name == TRACEPARENT}

    def keeps(self) -> bool:
        """Whether the current span is one that the collector gets; a sampler may have decided against it."""
        return get_current_span().get_span_context().trace_flags.sampled

    def flush(self) -> None:
        """Send what has ended."""
        self._provider.force_flush()

    def shutdown(self) -> None:
        self._provider.shutdown()
