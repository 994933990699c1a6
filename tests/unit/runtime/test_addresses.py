"""Which addresses are public, however they are written."""

from ipaddress import ip_address

import pytest

from runtime.addresses import is_public

INSIDE = ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
          "::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
          "64:ff9b::169.254.169.254", "224.0.0.1", "ff0e::1", "0.0.0.0", "::"]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_address_when_it_leads_inside_then_is_not_public(text: str) -> None:
    """Loopback, private, link-local, shared, multicast, mapped and translated ones are inside."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::8.8.8.8"])
def test_address_when_it_is_of_the_internet_then_is_public(text: str) -> None:
    """Anything else may be reached."""
    assert is_public(ip_address(text))
