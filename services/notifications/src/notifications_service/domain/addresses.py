"""Which network addresses a user's webhook may name: those of the public internet, or what the operator allows."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network

_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
# Python calls some of these global, or has changed its mind about them between releases.
_NEVER: Final[Collection[Network]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    _LOCAL_NAT64,
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fec0::/10"),
)


def is_allowed(text: str, allowed: Collection[Network] = ()) -> bool:
    """Whether we may connect to the address `text`. An IPv6 address that stands for an IPv4 one is judged as that.

    Args:
        allowed: networks that the operator lets users call although they are not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    judged = _embedded(address) or address
    named = any(_within(each, network) for each in (address, judged) for network in allowed)
    return named or _is_public(judged)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(_within(address, network) for network in _NEVER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:
        # The latter is the IPv4-compatible form, `::127.0.0.1`.
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _within(address: IPv4Address | IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network
