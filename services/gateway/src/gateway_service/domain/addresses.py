"""Whose request it is, when proxies stand in between. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"


@lru_cache(maxsize=4_096)
def parse_address(text: str) -> Address | None:
    """The address in `text`, which may carry a port or brackets; None where there is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket reports 203.0.113.7 as ::ffff:203.0.113.7; ranges are not written like that.
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The caller's address: the right-most hop that is no proxy of ours.

    Each proxy appends whom it saw, so the list is believed from its right end, and only as far as trusted proxies
    wrote it. What stands further left is whatever the caller wanted us to read.

    Args:
        peer: the other end of our connection.
        forwarded_for: the values of `X-Forwarded-For`, in the order of the headers.
        trusted: the networks of our proxies; with none, the header is never looked at.
    """
    nearest = parse_address(peer or "")
    if nearest is None:
        return UNKNOWN
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    while hops and is_in(nearest, trusted):
        address = parse_address(hops.pop())
        if address is None:
            break
        nearest = address
    return str(nearest)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of `networks` has `address` in it."""
    return any(address in network for network in networks)


def party_of(ip: str) -> str:
    """What stands for one caller in limits: an IPv6 customer has a whole /64 to change addresses in."""
    address = parse_address(ip)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False).network_address)
    return ip
