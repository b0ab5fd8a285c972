"""What kind of address an address is: public, or one of the many that are not."""

from __future__ import annotations

import ipaddress
from typing import Literal

__all__ = ["Address", "AddressKind", "is_public", "kind_of", "plain"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressKind = Literal[
    "public",
    "loopback",
    "private",
    "shared",
    "benchmark",
    "link-local",
    "metadata",
    "multicast",
    "unspecified",
    "reserved",
]

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.169.253",  # Amazon's DNS
        "169.254.170.2",  # Amazon ECS
        "169.254.170.23",  # Amazon EKS
        "169.254.42.42",  # Scaleway
        "169.254.0.23",  # Tencent
        "168.63.129.16",  # Azure's wire server: looks public
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle, before 169.254.169.254
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "fe80::a9fe:a9fe",
    )
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_BENCHMARK = (ipaddress.ip_network("198.18.0.0/15"), ipaddress.ip_network("2001:2::/48"))
_RELAY = ipaddress.ip_network("192.88.99.0/24")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# ::/96 is the old form of IPv4 in IPv6, ::ffff:0:0:0/96 the one of RFC 2765.
_TRANSLATED = (ipaddress.ip_network("::/96"), ipaddress.ip_network("::ffff:0:0:0/96"))
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_DOCUMENTATION = (ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("3fff::/20"))


def is_public(address: str | Address) -> bool:
    """Whether an IP address belongs to the public internet, also when it is an IPv4 address in IPv6 clothes."""
    return kind_of(address) == "public"


def kind_of(address: str | Address) -> AddressKind:
    """The kind of an IP address; `reserved` for what is none. IPv4 in IPv6 clothes is judged as IPv4."""
    if isinstance(address, str):
        try:
            address = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return "reserved"
    address = plain(address)
    if address in _METADATA:
        return "metadata"
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if any(address in network for network in _BENCHMARK):
        return "benchmark"
    if isinstance(address, ipaddress.IPv4Address):
        return _kind_of_ipv4(address)
    return _kind_of_ipv6(address)


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for in a fixed way; else the address itself, without its zone."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        address = ipaddress.IPv6Address(int(address))
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (any(address in network for network in _TRANSLATED) and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _kind_of_ipv4(address: ipaddress.IPv4Address) -> AddressKind:
    if address in _SHARED:
        return "shared"
    if address.is_reserved or address in _RELAY:
        return "reserved"
    if address.is_private:
        return "private"
    return "public" if address.is_global else "reserved"


def _kind_of_ipv6(address: ipaddress.IPv6Address) -> AddressKind:
    if address.is_site_local or address in ipaddress.ip_network("fc00::/7"):
        return "private"
    # A tunnel ends at an IPv4 address that its packets, not the resolver, decide on.
    tunnel = address.sixtofour is not None or address.teredo is not None
    interface = (int(address) >> 32) & 0xFDFFFFFF
    if tunnel or interface == 0x5EFE or any(address in network for network in _DOCUMENTATION):
        return "reserved"
    return "public" if address in _GLOBAL_UNICAST and address.is_global else "reserved"
