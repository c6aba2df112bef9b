"""uvicorn's HTTP protocol, with an end to its patience: `--http breezeway.http.patient_protocol:PatientProtocol`.

uvicorn waits for ever for the headers of a request and takes them at any size, so whoever opens connections and sends
a byte a minute (slowloris), or headers without end, has all connections or all memory. nginx in front has limits for
both; a gateway that faces users itself needs its own.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS: Final = 10.0

HEADER_BYTES: Final = 65_536
"""Of the request line and all headers; what comes with them in one read may go beyond."""

_LATE: Final = b"408 Request Timeout"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_REST: Final = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request headers are too large, or not complete within ten seconds of its beginning."""

    header_seconds: float = HEADER_SECONDS
    header_bytes: int = HEADER_BYTES
    _headers_due: asyncio.TimerHandle | None = None
    _header_bytes_seen: int = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._headers_due is not None:
            # What came in the same read may be the body already, which has a limit of its own.
            end = data.find(b"\r\n\r\n")
            self._header_bytes_seen += end if end >= 0 else len(data)
            if self._header_bytes_seen > self.header_bytes:
                self._refuse(_TOO_LARGE)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        # Also of the second request on a kept connection; until it begins, uvicorn's own keep-alive clock runs.
        self._expect_headers()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._headers_arrived()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.header_seconds, self._too_late)

    def _headers_arrived(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None
        self._header_bytes_seen = 0

    def _too_late(self) -> None:
        self._headers_due = None
        self._refuse(_LATE)

    def _refuse(self, status: bytes) -> None:
        self._headers_arrived()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + _REST)
            self.transport.close()
