"""Which addresses a webhook may be sent to: those of the public internet and no others.

The networks are those of IANA's special-purpose registries (RFC 6890), and forms of IPv6 that carry an IPv4 address:
whoever routes those decides where they really go.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_REFUSED_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host, reachable from every virtual machine there
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that is handed out; mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), fc00::/7, fe80::/10, fec0::/10
and ff00::/8 lie outside."""
_REFUSED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo (2001::/32), benchmarking, ORCHID and other protocol assignments
        *("2001:db8::/32", "3fff::/20"),  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
    )
)

_ISATAP = 0x5EFE


def parsed(text: str) -> Address:
    """An address without a zone, which only means something on a link. Raises ValueError."""
    return ip_address(text.partition("%")[0])


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    if address not in _GLOBAL_6 or _is_isatap(address):
        return False
    return not any(address in network for network in _REFUSED_6)


def _is_isatap(address: IPv6Address) -> bool:
    """RFC 5214: 0000:5efe or 0200:5efe and then an IPv4 address."""
    return (int(address) >> 32) & 0xFDFFFFFF == _ISATAP
