"""Which addresses are public: the one rule for whatever URL others may name to us.

Invariant: an address that leads into a network of our own is never public, however it is written:
mapped into IPv6, or behind a translator to IPv4. It does not own who may be allowed all the same.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

# RFC 6052: an IPv4 address stands in the last four bytes.
_TRANSLATED = ip_network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet, and to one host there."""
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address
