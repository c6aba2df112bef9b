"""A-14: whose request it is, when `X-Forwarded-For` is written by whoever wants to be somebody else."""

from ipaddress import ip_network

import pytest

from gateway_service.domain.addresses import client_address, party_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", ["6.6.6.6"], "203.0.113.9"),  # nobody who is trusted wrote it
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),  # the caller sent the left one
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),  # in a header of its own, the same
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),  # a caller inside our own network
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),  # what cannot be read ends the chain
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (None, ["6.6.6.6"], "unknown"),
        ("testclient", ["6.6.6.6"], "unknown"),
    ],
)
def test_a_14_the_nearest_hop_that_is_no_proxy_of_ours_calls(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


def test_a_14_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("10.0.0.1", ["6.6.6.6"], []) == "10.0.0.1"


def test_an_ipv6_customer_is_one_party_whatever_address_he_takes() -> None:
    assert party_of("2001:db8:0:1::1") == party_of("2001:db8:0:1:ffff::9") != party_of("2001:db8:0:2::1")
    assert party_of("203.0.113.9") == "203.0.113.9"
