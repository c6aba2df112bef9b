"""H-06: which addresses a webhook may call, judged when it connects."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from breezeway.errors import BreezewayError, Forbidden, InvalidInput, UpstreamUnavailable
from notifications_service.adapters.channels.guarded import GuardedBackend, HttpWebhookSender, UrlPolicy
from notifications_service.domain.addresses import is_allowed

REFUSED = """
0.0.0.0
10.0.0.1
100.64.0.1
127.0.0.1
127.255.255.254
169.254.169.254
172.16.0.1
172.31.255.255
192.0.0.8
192.0.2.1
192.88.99.1
192.168.0.1
198.18.0.1
198.51.100.1
203.0.113.1
224.0.0.1
240.0.0.1
255.255.255.255
::
::1
::7f00:1
::ffff:127.0.0.1
::ffff:169.254.169.254
::ffff:10.0.0.1
64:ff9b::7f00:1
64:ff9b::a9fe:a9fe
64:ff9b:1::1
100::1
2001::1
2001:db8::1
2002:7f00:1::
2002:a00:1::
fc00::1
fd00:ec2::254
fe80::1
fec0::1
ff02::1
not an address
127.1
0x7f000001
2130706433
""".strip().splitlines()
ALLOWED = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_h_06_what_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_allowed(address)


def test_the_operator_may_allow_networks_and_nothing_beside_them() -> None:
    allowed = [ip_network("192.168.7.0/24"), ip_network("::1/128")]
    assert is_allowed("192.168.7.9", allowed)
    assert is_allowed("::ffff:192.168.7.9", allowed)
    assert is_allowed("::1", allowed)
    assert not is_allowed("192.168.8.9", allowed)
    assert not is_allowed("127.0.0.1", allowed)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://example.com",
        "https://",
        "https:///x",
        "https://user:password@example.com/",
        "https://user@example.com/",
        "https://example.com/#x",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3:8443/",
        "https://example.com/" + "x" * 2_000,
        "https://example.com/\r\nHost: evil",
        "//example.com/x",
        "javascript:alert(1)",
    ],
)
def test_h_06_urls_that_no_webhook_may_have(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        UrlPolicy().check(url)
    assert caught.value.code == "webhook_url_refused"


@pytest.mark.parametrize(
    "url", ["https://example.com/x?y=1", "https://1.1.1.1:8443/", "https://xn--bcher-kva.example/"]
)
def test_urls_that_are_fine(url: str) -> None:
    UrlPolicy().check(url)


class Names:
    """A resolver that answers what it is told, one answer after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


class Local:
    """A listener on the loopback that counts who came, and answers 200."""

    def __init__(self) -> None:
        self.visits = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        finally:
            # Also when the client has gone before: an open writer is a warning in some later test.
            writer.close()


async def posted(names: Names, allowed: Sequence[Any] = (), path: str = "/") -> tuple[int | str, Local]:
    """What a delivery to a name gives, and whom it reached on this machine."""
    local = Local()
    server = await asyncio.start_server(local.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = HttpWebhookSender(UrlPolicy(allowed, allow_http=True), GuardedBackend(allowed, names))
    try:
        status: int | str = await sender.post(f"http://hook.example:{port}{path}", b"{}", {})
    except BreezewayError as error:
        status = error.code
    finally:
        await sender.aclose()
        server.close()
        await server.wait_closed()
    return status, local


@pytest.mark.parametrize(
    "answer",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], []],
)
async def test_h_06_a_name_that_leads_inside_reaches_nobody(answer: Sequence[str]) -> None:
    status, local = await posted(Names(answer))
    assert (status, local.visits) == ("address_refused", 0)


async def test_h_06_a_name_that_changes_its_mind_is_judged_each_time_and_looked_up_once() -> None:
    """DNS rebinding: the address that was judged is the one that is connected to; there is no second look."""
    allowed = [ip_network("127.0.0.1/32")]
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    status, local = await posted(names, allowed)
    assert (status, local.visits, names.asked) == (200, 1, 1)
    assert b"host: hook.example" in local.requests[0].lower()
    sender = HttpWebhookSender(UrlPolicy(allowed, allow_http=True), GuardedBackend(allowed, names))
    with pytest.raises(Forbidden):
        await sender.post("http://hook.example:9/", b"{}", {})
    await sender.aclose()


async def test_h_06_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    status, local = await posted(Names(["127.0.0.1"]), [ip_network("127.0.0.1/32")])
    assert (status, local.visits) == (200, 1)


async def test_a_name_without_an_address_or_a_closed_port_can_be_tried_again() -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    sender = HttpWebhookSender(UrlPolicy(allow_http=True), GuardedBackend((), nowhere))
    with pytest.raises(UpstreamUnavailable):
        await sender.post("http://hook.example/", b"{}", {})
    await sender.aclose()


async def test_a_server_without_a_certificate_for_the_name_is_no_receiver() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    allowed = [ip_network("127.0.0.1/32")]
    sender = HttpWebhookSender(UrlPolicy(allowed), GuardedBackend(allowed, Names(["127.0.0.1"])))
    with pytest.raises(UpstreamUnavailable):
        await sender.post(f"https://hook.example:{port}/", b"{}", {})
    await sender.aclose()
    server.close()
    await server.wait_closed()
