"""The services behind the gateway, reached over pooled HTTP.

Not httpx, which everything else here uses: every request of every user passes this way, and httpx's own objects and
streams cost as much processor time as the rest of the gateway together. aiohttp's parser is written in C.
"""

from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Final

import aiohttp
import orjson
from yarl import URL

from breezeway.errors import BreezewayError, UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from breezeway.observability import tracing
from breezeway.observability.red import UPSTREAM_CALLS
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens

_PATIENCE: Final = aiohttp.ClientTimeout(total=None, connect=5.0, sock_connect=2.0, sock_read=60.0)
_CONNECTIONS: Final = 200
_BUFFER: Final = 1_048_576
"""Bytes of an answer that may wait for a slow client; beyond it the service is made to wait."""

_KEPT_ALIVE_SECONDS: Final = 4.0
"""Shorter than the five of uvicorn: a request must not meet the service's own closing of an idle connection."""

_CHOSEN_BY_THE_CALLER: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamAnswer:
    """Implements `application.ports.Answer`."""

    def __init__(self, service: str, answer: aiohttp.ClientResponse) -> None:
        self._service = service
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.lower(), value) for name, value in self._answer.raw_headers]

    @property
    def length(self) -> int | None:
        return self._answer.content_length

    async def chunks(self) -> AsyncIterator[bytes]:
        answer = self._answer
        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(self._service, error) from error
        finally:
            # Gives the connection back when the answer was read to its end, and closes it when it was not.
            if answer.content.at_eof():
                answer.release()
            else:
                answer.close()

    async def read(self, limit: int) -> bytes:
        pieces, size = [], 0
        async for chunk in self.chunks():
            pieces.append(chunk)
            size += len(chunk)
            if size > limit:
                raise UpstreamFault(f"The {self._service} service sent more than {limit:,} bytes.")
        return b"".join(pieces)


class Upstreams:
    """Forwards requests as they are; answers come back as streams. Made inside the loop that uses it.

    Args:
        origins: service name → origin.
        tokens: signs that the request comes from the gateway.
    """

    def __init__(self, origins: Mapping[str, str], tokens: ServiceTokens) -> None:
        self._tokens = tokens
        self._origins = {name: origin.rstrip("/") for name, origin in origins.items()}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=_KEPT_ALIVE_SECONDS),
            timeout=_PATIENCE,
            # One user's cookie would ride on the next user's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_CHOSEN_BY_THE_CALLER,
            read_bufsize=_BUFFER,
        )

    @property
    def names(self) -> list[str]:
        return list(self._origins)

    async def forward(
        self, service: str, method: str, target: bytes, headers: list[tuple[str, str]], body: bytes | None
    ) -> UpstreamAnswer:
        """Send a request on; the caller reads the answer to its end.

        Args:
            target: raw path and query, percent-encoding untouched.

        Raises:
            UpstreamTimeout, UpstreamUnavailable: with the service's name in the code.
        """
        if not tracing.enabled():
            return await self._send(service, method, target, headers, body)
        with tracing.span(f"{method} {service}", "client"):
            # Instead of what the client sent: its span is an ancestor of ours.
            ours = [each for each in headers if each[0] != tracing.TRACEPARENT]
            return await self._send(service, method, target, [*ours, *tracing.carrier().items()], body)

    async def _send(
        self, service: str, method: str, target: bytes, headers: list[tuple[str, str]], body: bytes | None
    ) -> UpstreamAnswer:
        # As it was sent: decoding and encoding again would change symbols.
        url = URL(self._origins[service] + target.decode("latin-1"), encoded=True)
        sent = [*headers, (SERVICE_TOKEN_HEADER, self._tokens.issue(service))]
        outcome, started = "unreachable", perf_counter()
        try:
            answer = await self._session.request(method, url, headers=sent, data=body, allow_redirects=False)
            outcome = str(answer.status)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(service, error) from error
        finally:
            UPSTREAM_CALLS.observe((service, outcome), perf_counter() - started)
        return UpstreamAnswer(service, answer)

    async def get_json(self, service: str, path: str, seconds: float) -> tuple[int, dict[str, object]]:
        """A small JSON document of a service (health, OpenAPI).

        Raises:
            UpstreamUnavailable: it cannot be reached, or did not send JSON.
        """
        try:
            url = self._origins[service] + path
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=seconds)) as answer:
                return answer.status, orjson.loads(await answer.read())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamUnavailable(f"The {service} service does not answer.") from error

    async def aclose(self) -> None:
        await self._session.close()


def _failure(service: str, error: aiohttp.ClientError | OSError) -> BreezewayError:
    slug = service.replace("-", "_")
    if isinstance(error, TimeoutError):
        return UpstreamTimeout(f"The {service} service did not answer in time.", code=f"{slug}_timeout")
    return UpstreamUnavailable(
        f"The {service} service cannot be reached right now.", code=f"{slug}_unavailable", retry_after=2
    )
