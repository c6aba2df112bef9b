"""HTTP to addresses that users have named, and to nothing they should not reach through us.

The name is looked up here, every address it has is judged, and the connection goes to the very address that was judged:
a name that answers differently a moment later gains nothing. TLS still proves the name. Redirects are not followed and
no proxy is asked, so there is no other hop.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from breezeway.errors import Forbidden, InvalidInput, UpstreamTimeout, UpstreamUnavailable
from notifications_service.domain.addresses import Network, is_allowed

_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=10.0, write=5.0, pool=10.0)
_WHOLE_SECONDS: Final = 25.0
_MOST_READ: Final = 65_536
_LONGEST_URL: Final = 2_000

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) to addresses; raises OSError."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class AddressRefused(Exception):
    """A name leads to an address that users may not call."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, allowed: Collection[Network], resolve_: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve_
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name does not resolve") from error
        # One bad address among good ones is a trick, not a mistake.
        if not addresses or not all(is_allowed(each, self._allowed) for each in addresses):
            raise AddressRefused(host)
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(path)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx over the backend above. Connections are not kept: each delivery judges anew."""

    def __init__(self, backend: GuardedBackend) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=64,
            max_keepalive_connections=0,
            network_backend=backend,
        )


class UrlPolicy:
    """Implements `ports.UrlRules`: what can be said of a URL without asking the network.

    Args:
        allow_http: whether plain HTTP is good enough, for receivers in the operator's own network.
    """

    def __init__(self, allowed: Collection[Network] = (), *, allow_http: bool = False) -> None:
        self._allowed = allowed
        self._schemes = {"https", "http"} if allow_http else {"https"}

    def check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname or "", parts.port
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL) as error:
            raise _refused("This is not a URL.") from error
        if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
            raise _refused("This is not a URL.")
        if parts.scheme not in self._schemes:
            raise _refused(f"A webhook's URL begins with {' or '.join(f'{s}://' for s in sorted(self._schemes))}")
        if not host or parts.username is not None or parts.password is not None or parts.fragment:
            raise _refused("A webhook's URL has a host, and neither user, password nor fragment.")
        # Names are judged when we connect. What is spelled as an address can be told at once.
        if _is_address(host) and not is_allowed(host, self._allowed):
            raise _refused("A webhook cannot call a private, local or reserved address.")


class HttpWebhookSender:
    """Implements `ports.WebhookSender`."""

    def __init__(self, policy: UrlPolicy, backend: GuardedBackend) -> None:
        self._policy = policy
        self._http = httpx.AsyncClient(
            transport=GuardedTransport(backend), timeout=_TIMEOUT, follow_redirects=False, trust_env=False
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        # Again: the operator may have become stricter since the URL was stored.
        self._policy.check(url)
        sent = {"User-Agent": "Breezeway-Webhook/1", **headers}
        try:
            async with (
                # The read time-out starts anew with every byte that trickles in.
                asyncio.timeout(_WHOLE_SECONDS),
                self._http.stream("POST", url, content=body, headers=sent) as response,
            ):
                read = 0
                async for chunk in response.aiter_raw():
                    read += len(chunk)
                    if read > _MOST_READ:
                        break
                return response.status_code
        except AddressRefused as error:
            raise Forbidden("The webhook leads to an address that it may not call.", code="address_refused") from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise UpstreamTimeout("The webhook's receiver did not answer in time.", code="timeout") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            code = "tls_failed" if isinstance(error.__cause__, ssl.SSLError) else "connection_failed"
            raise UpstreamUnavailable("The webhook's receiver cannot be reached.", code=code) from error

    async def aclose(self) -> None:
        await self._http.aclose()


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(detail, code="webhook_url_refused")
