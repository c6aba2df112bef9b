"""uvicorn's HTTP protocol, with an end to its patience: `--http breezeway.http.patient_protocol:PatientProtocol`.

uvicorn waits for ever for the headers of a request, so whoever opens connections and sends a byte a minute (slowloris)
holds them all. nginx in front has a time-out for that; a gateway that faces users itself needs its own.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS: Final = 10.0

_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request headers are not complete within ten seconds of its beginning."""

    header_seconds: float = HEADER_SECONDS
    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        super().connection_lost(exc)

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

    def _too_late(self) -> None:
        self._headers_due = None
        if not self.transport.is_closing():
            self.transport.write(_LATE)
            self.transport.close()
