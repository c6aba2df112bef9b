"""Downloads the archive, with limits on time and size."""

import asyncio

import httpx

from breezeway.errors import UpstreamFault, UpstreamTimeout, UpstreamUnavailable

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
"""The real archive has 3 MB."""

_WHOLE_SECONDS = 90.0
_TIMEOUT = httpx.Timeout(connect=10.0, read=20.0, write=10.0, pool=5.0)


class HttpMasterSource:
    """Implements `MasterSource`.

    Args:
        use_proxy: honour the environment's proxy settings; a simulator on this machine is not behind one.
    """

    def __init__(
        self,
        url: str,
        *,
        use_proxy: bool = True,
        max_bytes: int = MAX_ARCHIVE_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._use_proxy = use_proxy
        self._max_bytes = max_bytes
        self._transport = transport

    @property
    def url(self) -> str:
        return self._url

    async def fetch(self) -> bytes:
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                return await self._download()
        except (httpx.TimeoutException, TimeoutError) as error:
            raise UpstreamTimeout("The master was not delivered in time.", code="master_timeout") from error
        except httpx.TransportError as error:
            raise UpstreamUnavailable("The master cannot be fetched.", code="master_unavailable") from error

    async def _download(self) -> bytes:
        async with (
            httpx.AsyncClient(
                timeout=_TIMEOUT,
                trust_env=self._use_proxy,
                transport=self._transport,
                follow_redirects=True,
                max_redirects=3,
            ) as client,
            client.stream("GET", self._url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code != 200:
                raise UpstreamFault(
                    f"The broker answered {response.status_code} instead of the master.", code="master_unavailable"
                )
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > self._max_bytes:
                    raise UpstreamFault(
                        f"The download is larger than {self._max_bytes:,} bytes; that is no master.",
                        code="master_too_large",
                    )
            return bytes(content)
