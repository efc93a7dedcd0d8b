from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.files.image import IMAGE_TYPES, EmptyFile, ImageFacts, ImageOutOfBounds, WrongContent, read_image
from app.shared.errors import AppError
from tests.support.storages import gif, jpeg, png, webp

Make = Callable[[int, int], bytes]
KINDS: list[tuple[str, Make]] = [
    ("image/png", png),
    ("image/gif", gif),
    ("image/jpeg", jpeg),
    ("image/jpeg", lambda w, h: jpeg(w, h, frame=0xC2)),
    ("image/webp", lambda w, h: webp(b"VP8 ", w, h)),
    ("image/webp", lambda w, h: webp(b"VP8L", w, h)),
    ("image/webp", lambda w, h: webp(b"VP8X", w, h)),
]
NAMES = ["png", "gif", "jpeg", "progressive jpeg", "lossy webp", "lossless webp", "extended webp"]


@pytest.mark.parametrize(("declared", "make"), KINDS, ids=NAMES)
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (10_000, 1), (1, 10_000)])
def test_type_and_size_are_read_from_the_header(declared: str, make: Make, size: tuple[int, int]) -> None:
    facts = read_image(make(*size), declared)
    assert facts == ImageFacts(content_type=declared, width=size[0], height=size[1])


@pytest.mark.parametrize(("declared", "make"), KINDS, ids=NAMES)
@pytest.mark.parametrize("size", [(10_001, 1), (1, 10_001)])
def test_a_header_that_promises_more_than_can_be_drawn_is_refused(
    declared: str, make: Make, size: tuple[int, int]
) -> None:
    with pytest.raises(ImageOutOfBounds):
        read_image(make(*size), declared)


@pytest.mark.parametrize(
    ("declared", "make"), [KINDS[0], KINDS[1], KINDS[2], KINDS[4]], ids=["png", "gif", "jpeg", "webp"]
)
def test_an_image_without_width_or_height_is_refused(declared: str, make: Make) -> None:
    for size in ((0, 1), (1, 0)):
        with pytest.raises(ImageOutOfBounds):
            read_image(make(*size), declared)


@pytest.mark.parametrize(("kind", "make"), KINDS, ids=NAMES)
@pytest.mark.parametrize("declared", IMAGE_TYPES)
def test_bytes_of_another_type_than_declared_are_refused(kind: str, make: Make, declared: str) -> None:
    if declared != kind:
        with pytest.raises(WrongContent):
            read_image(make(3, 2), declared)


@pytest.mark.parametrize(("declared", "make"), KINDS, ids=NAMES)
def test_a_header_that_is_cut_short_anywhere_is_refused(declared: str, make: Make) -> None:
    """Up to where the size stands; what follows is the decoder's to judge."""
    content = make(3, 2)
    shortest = next(end for end in range(1, len(content) + 1) if not _refused(content[:end], declared))
    assert all(_refused(content[:end], declared) for end in range(shortest))
    assert not any(_refused(content[:end], declared) for end in range(shortest, len(content) + 1))


def _refused(content: bytes, declared: str) -> bool:
    try:
        read_image(content, declared)
    except (WrongContent, EmptyFile, ImageOutOfBounds):
        return True
    return False


@pytest.mark.parametrize("declared", IMAGE_TYPES)
def test_no_bytes_are_no_image(declared: str) -> None:
    with pytest.raises(EmptyFile):
        read_image(b"", declared)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script>",
        b"MZ\x90\x00",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>............",
        b"\xff\xd8\xff\xe0" + bytes(40),
        b"\xff\xd8\xff\xe0\x00\x01" + bytes(40),
        b"\xff\xd8" + b"\xff" * 64,
        b"\xff\xd8\xff\xd8\xff\x01" + bytes(40),
        b"\xff\xd8\xff\xda\x00\x02\xff\xc0" + bytes(40),
        b"RIFF\x00\x00\x00\x00WAVE" + bytes(40),
        b"RIFF\x00\x00\x00\x00WEBPALPH" + bytes(40),
        b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(40),
    ],
)
def test_what_only_begins_like_an_image_is_refused(content: bytes) -> None:
    for declared in IMAGE_TYPES:
        with pytest.raises(WrongContent):
            read_image(content, declared)


@pytest.mark.parametrize("declared", ["image/svg+xml", "text/html", ""])
def test_no_other_type_is_an_image(declared: str) -> None:
    with pytest.raises(WrongContent):
        read_image(png(), declared)


@given(st.binary(max_size=200), st.sampled_from(IMAGE_TYPES), st.sampled_from([png(), gif(), jpeg(), webp()]))
def test_hostile_bytes_end_in_an_expected_error_or_facts_within_bounds(tail: bytes, declared: str, head: bytes) -> None:
    for content in (tail, head[: len(tail)] + tail, head + tail):
        try:
            facts = read_image(content, declared)
        except AppError:
            continue
        assert 0 < facts.width <= 10_000
        assert 0 < facts.height <= 10_000
