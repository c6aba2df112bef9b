"""The services behind the gateway, reached over pooled HTTP."""

from collections.abc import AsyncIterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from breezeway.errors import UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from gateway_service.adapters.pooled_transport import PooledTransport

_TIMEOUT = httpx.Timeout(connect=2.0, read=60.0, write=30.0, pool=5.0)
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=30)


class UpstreamAnswer:
    """Implements `application.ports.Answer` over an httpx response."""

    def __init__(self, service: str, response: httpx.Response) -> None:
        self._service = service
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self._response.headers.multi_items()

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        finally:
            await self._response.aclose()

    async def read(self, limit: int) -> bytes:
        body = bytearray()
        try:
            async for chunk in self._response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise UpstreamFault(f"The {self._service} service sent more than {limit:,} bytes.")
        finally:
            await self._response.aclose()
        return bytes(body)


class Upstreams:
    """Forwards requests as they are; answers come back as streams.

    Args:
        origins: service name → origin.
        tokens: signs that the request comes from the gateway.
    """

    def __init__(
        self,
        origins: Mapping[str, str],
        tokens: ServiceTokens,
        transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._tokens = tokens
        self._clients = {
            name: httpx.AsyncClient(
                base_url=origin,
                timeout=_TIMEOUT,
                limits=_LIMITS,
                follow_redirects=False,
                trust_env=False,
                cookies=_no_cookies(),
                transport=(transports or {}).get(name) or PooledTransport(_LIMITS),
            )
            for name, origin in origins.items()
        }

    @property
    def names(self) -> list[str]:
        return list(self._clients)

    async def forward(
        self,
        service: str,
        method: str,
        target: bytes,
        headers: list[tuple[str, str]],
        body: AsyncIterator[bytes] | bytes | None,
    ) -> "UpstreamAnswer":
        """Send a request on; the caller reads the answer to its end.

        Args:
            target: raw path and query, percent-encoding untouched.

        Raises:
            UpstreamTimeout, UpstreamUnavailable: with the service's name in the code.
        """
        client = self._clients[service]
        url = client.base_url.copy_with(raw_path=target)
        sent = [*headers, (SERVICE_TOKEN_HEADER, self._tokens.issue(service))]
        request = client.build_request(method, url, headers=sent, content=body)
        slug = service.replace("-", "_")
        try:
            return UpstreamAnswer(service, await client.send(request, stream=True))
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(f"The {service} service did not answer in time.", code=f"{slug}_timeout") from error
        except httpx.TransportError as error:
            raise UpstreamUnavailable(
                f"The {service} service cannot be reached right now.", code=f"{slug}_unavailable", retry_after=2
            ) from error

    async def get_json(self, service: str, path: str, seconds: float) -> tuple[int, dict[str, object]]:
        """A small JSON document of a service (health, OpenAPI).

        Raises:
            UpstreamUnavailable: it cannot be reached, or did not send JSON.
        """
        try:
            answer = await self._clients[service].get(path, timeout=seconds)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UpstreamUnavailable(f"The {service} service does not answer.") from error

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


def _no_cookies() -> CookieJar:
    # httpx remembers cookies by default: one user's cookie would ride on the next user's request.
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
