from __future__ import annotations

from typing import Any

import pytest

from app.presentation.middleware.guards import MAX_URL_BYTES, check_url, guard_body
from app.presentation.refusals import BodyTooLarge, MalformedRequest, MalformedUrl, UnsupportedEncoding, UrlTooLong


def url(path: bytes, query: bytes = b"") -> dict[str, Any]:
    return {"path": path.decode("latin-1"), "raw_path": path, "query_string": query}


@pytest.mark.parametrize(
    "scope", [url(b"/a"), url(b"/a", b"q=1"), url(b"/%C3%A9", b"q=%f0%9f%8e%ab"), url(b"/a%2Fb%zz")]
)
def test_an_ordinary_url_passes(scope: dict[str, Any]) -> None:
    check_url(scope)


@pytest.mark.parametrize(
    "scope",
    [
        url(b"/%00"),
        url(b"/a\x00", b"%20"),
        url(b"/%ff"),
        url(b"/\xff"),
        url(b"/a", b"q=%ff"),
        url(b"/a", b"q=\xff"),
        url(b"/a", b"q=%00"),
        url(b"/a", b"q=%ed%a0%80"),
        url(b"/%c3", b"%a9"),
        url(b"/a%c3%28"),
    ],
)
def test_a_broken_url_is_refused(scope: dict[str, Any]) -> None:
    with pytest.raises(MalformedUrl):
        check_url(scope)


def test_a_server_that_keeps_no_raw_path_is_served_too() -> None:
    check_url({"path": "/é", "query_string": b""})
    with pytest.raises(MalformedUrl):
        check_url({"path": "/\ud800", "query_string": b""})


def test_path_and_query_together_have_a_limit() -> None:
    check_url(url(b"/" * 4_000, b"q" * (MAX_URL_BYTES - 4_001)))
    with pytest.raises(UrlTooLong):
        check_url(url(b"/" * 4_000, b"q" * (MAX_URL_BYTES - 4_000)))


class Chunks:
    """What a server hands over, one chunk after the other, and how much of it was taken."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        self.taken += 1
        return {"type": "http.request", "body": b"x" * self.size, "more_body": True}


@pytest.mark.parametrize("length", [b"11", b"9" * 15, b"9" * 4_000])
def test_an_announced_body_over_the_limit_is_refused_unread(length: bytes) -> None:
    chunks = Chunks(1)
    with pytest.raises(BodyTooLarge):
        guard_body({b"content-length": length}, chunks.receive, 10)
    assert chunks.taken == 0


@pytest.mark.parametrize("length", [b"", b"-1", b"1.5", b"ten", b"\xb2"])
def test_a_length_that_is_no_number_is_refused(length: bytes) -> None:
    with pytest.raises(MalformedRequest):
        guard_body({b"content-length": length}, Chunks(1).receive, 10)


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"GZIP", b"identity, gzip", b""])
def test_a_compressed_body_is_refused(encoding: bytes) -> None:
    with pytest.raises(UnsupportedEncoding):
        guard_body({b"content-encoding": encoding}, Chunks(1).receive, 10)


def test_identity_is_no_compression() -> None:
    guard_body({b"content-encoding": b" Identity", b"content-length": b"10"}, Chunks(1).receive, 10)


async def test_an_endless_body_is_cut_where_it_passes_the_limit() -> None:
    chunks = Chunks(4)
    receive = guard_body({}, chunks.receive, 10)
    await receive()
    await receive()
    with pytest.raises(BodyTooLarge):
        await receive()
    assert chunks.taken == 3


async def test_leaving_is_no_body() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    assert (await guard_body({}, gone, 0)())["type"] == "http.disconnect"
