from __future__ import annotations

import pytest

from app.application.webhooks.ports import WebhookUrlRefused
from app.infrastructure.webhooks.addresses import is_public, parsed
from app.infrastructure.webhooks.guard import Guard, Resolver

REFUSED = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "100.100.100.200"),
    *("127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1"),
    *("192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::808:808", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1"),
    *("fc00::1", "fd12:3456::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1"),
    *("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
)
TAKEN = (
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1"),
    *("126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1"),
    *("192.167.255.255", "192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:82f::200e", "2003::1"),
)


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(parsed(address))


@pytest.mark.parametrize("address", TAKEN)
def test_public_neighbours_of_refused_networks_are_taken(address: str) -> None:
    assert is_public(parsed(address))


STRICT = Guard(Resolver(), allow_private=False, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example.com/", "ftp://shop.example.com/", "//shop.example.com/", "shop.example.com", ""),
        *("https://", "https:///hooks", "https://user@shop.example.com/", "https://user:pw@shop.example.com/"),
        *("https://shop.example.com/#part", "https://shop.example.com:22/", "https://shop.example.com:25/"),
        "https://shop.example.com:0/",
        *("https://shop.example.com:99999/", "https://shop.example.com:x/", "https://exa mple.com/"),
        *("https://shop.example.com/\\evil", "https://shop.example.com\\@127.0.0.1/", "https://ex\tample.com/"),
        *("https://täst.example.com/", "javascript:alert(1)", "file:///etc/passwd", "https://[::1/"),
        "https://shop.example.com/" + "x" * 2_000,
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        STRICT.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://shop.example.com", "https://shop.example.com:443/a?b=c", "https://shop.example.com:8443/"),
        *("HTTPS://SHOP.EXAMPLE.COM/", "https://93.184.215.14/", "https://xn--tst-qla.example.com/"),
        *("https://xn--/", "https://xn--a.example.com/", "https://xn--ls8h.la/"),  # no IDNA 2008: the look-up judges
    ],
)
def test_plain_https_is_taken(url: str) -> None:
    assert STRICT.parse(url).scheme == "https"


def test_without_tls_only_where_it_is_allowed() -> None:
    lenient = Guard(Resolver(), allow_private=False, allow_http=True)
    assert lenient.parse("http://shop.example.com/").port is None
