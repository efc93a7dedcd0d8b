"""What an image's first bytes say it is: type, width and height, read without a decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.shared.errors import AppError, Kind

MOST_PIXELS_A_SIDE = 10_000
"""A header may promise more than any browser can draw; whoever decodes it would run out of memory."""


class EmptyFile(AppError):
    """The body has no bytes."""

    code = "empty_file"
    kind = Kind.INVALID


class WrongContent(AppError):
    """The bytes are not an image of the type that Content-Type declares."""

    code = "wrong_content"
    kind = Kind.WRONG_TYPE


class ImageOutOfBounds(AppError):
    """Width or height is zero or above 10,000 pixels."""

    code = "image_out_of_bounds"
    kind = Kind.INVALID


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """Width and height are in pixels."""

    content_type: str
    width: int
    height: int


def read_image(content: bytes, declared: str) -> ImageFacts:
    """Raises EmptyFile, WrongContent when the bytes are not what `declared` says, and ImageOutOfBounds."""
    if not content:
        raise EmptyFile("The body is empty; send the image's bytes.")
    size = _size(content, declared)
    if size is None:
        raise WrongContent("These bytes are no image of the declared type; send the file with its own Content-Type.")
    width, height = size
    if not (0 < width <= MOST_PIXELS_A_SIDE and 0 < height <= MOST_PIXELS_A_SIDE):
        raise ImageOutOfBounds(f"An image has 1 to {MOST_PIXELS_A_SIDE:,} pixels a side; send a smaller one.")
    return ImageFacts(content_type=declared, width=width, height=height)


def _size(content: bytes, declared: str) -> tuple[int, int] | None:
    reader = READERS.get(declared)
    return None if reader is None else reader(content)


def _png(content: bytes) -> tuple[int, int] | None:
    """PNG (Third Edition) sections 5.2 and 11.2.1: signature, then IHDR, 13 bytes long."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR") or len(content) < 33:  # noqa: PLR2004 — with its CRC
        return None
    return _big(content[16:20]), _big(content[20:24])


def _gif(content: bytes) -> tuple[int, int] | None:
    """GIF89a section 18: the logical screen descriptor follows the signature."""
    if content[:6] not in (b"GIF87a", b"GIF89a") or len(content) < 13:  # noqa: PLR2004 — header and descriptor
        return None
    return _little(content[6:8]), _little(content[8:10])


def _webp(content: bytes) -> tuple[int, int] | None:
    """RFC 9649 section 2: a RIFF container whose first chunk is lossy, lossless or extended."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:  # noqa: PLR2004 — the longest header
        return None
    kind, body = content[12:16], content[20:30]
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return _little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF
    if kind == b"VP8L" and body[0] == 0x2F:  # noqa: PLR2004 — the signature byte of lossless data
        bits = _little(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return _little(body[4:7]) + 1, _little(body[7:10]) + 1
    return None


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """ITU-T T.81 annex B: the frame header, found by hopping over the segments before it."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    for marker, at in _segments(content):
        if marker in _FRAMES:
            return _big(content[at + 5 : at + 7]), _big(content[at + 3 : at + 5])
    return None


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Markers with the place of their length, up to the scan; ends where the file is torn."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:  # noqa: PLR2004 — every marker begins with it
        marker = content[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 — fill bytes may stand before a marker
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            yield marker, at + 2
            length = _big(content[at + 2 : at + 4])
            if marker == 0xDA or length < 2:  # noqa: PLR2004 — the scan begins, or a length that counts not even itself
                return
            at += 2 + length


def _big(part: bytes) -> int:
    return int.from_bytes(part, "big")


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")


READERS: Mapping[str, Callable[[bytes], tuple[int, int] | None]] = MappingProxyType(
    {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp, "image/gif": _gif}
)
IMAGE_TYPES = tuple(READERS)
"""What may be uploaded. SVG is not among them: it is a document that can hold scripts."""
