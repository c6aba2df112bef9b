"""An OTLP/HTTP receiver in this process: what a collector would have been sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """One span as it came over the wire; ids are hexadecimal."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


@dataclass
class TraceCollector:
    """Listens on `url`, which is what `OTEL_EXPORTER_OTLP_ENDPOINT` is set to."""

    url: str
    spans: list[SeenSpan] = field(default_factory=list)
    raw: bytes = b""
    """Every body received, decompressed; to look for what must not be in it."""

    def receive(self, body: bytes) -> None:
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    told = {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes}
                    self.spans.append(
                        SeenSpan(
                            names.get("service.name", ""),
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            told,
                        )
                    )

    def named(self, name: str) -> list[SeenSpan]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def trace_collector() -> Iterator[TraceCollector]:
    """A collector on a free loopback port."""
    seen = TraceCollector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            seen.receive(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing on the tests' terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="trace-collector")
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
