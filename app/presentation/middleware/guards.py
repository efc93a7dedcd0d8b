"""What is refused before a route sees it: broken or endless URLs, compressed or too large bodies."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import Message, Receive, Scope

from app.presentation.refusals import BodyTooLarge, MalformedRequest, MalformedUrl, UnsupportedEncoding, UrlTooLong

MAX_URL_BYTES = 8_192
_LONGEST_LENGTH = 15
DECIDING = frozenset(
    {b"authorization", b"x-tenant-id", b"idempotency-key", b"if-match", b"content-encoding", b"content-length", b"host"}
)


def check_url(scope: Scope) -> None:
    """Raises UrlTooLong or MalformedUrl. Servers decode leniently: without this, broken bytes become U+FFFD."""
    url: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    if query := scope["query_string"]:
        url = url + b"?" + query
    if len(url) > MAX_URL_BYTES:
        raise UrlTooLong(f"The URL is too long. Keep path and query under {MAX_URL_BYTES} bytes.")
    if b"%" not in url and url.isascii():
        return
    try:
        text = unquote_to_bytes(url).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedUrl("The URL is not UTF-8. Percent-encode text as UTF-8.") from None
    if "\0" in text:
        raise MalformedUrl("The URL holds the character NUL. Leave it out.")


def check_headers(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Raises MalformedRequest when a deciding header comes twice: a proxy may have judged the other one."""
    if len(scope["headers"]) == len(headers):
        return
    seen = [name for name, _ in scope["headers"] if name in DECIDING]
    if len(seen) != len(set(seen)):
        raise MalformedRequest("A header came twice that may come once, such as Authorization. Send it once.")


def guard_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> Receive:
    """Raises on what the headers give away; the answer counts what no header announced. `limit` is in bytes."""
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise UnsupportedEncoding("Send the body uncompressed, without Content-Encoding.")
    length = headers.get(b"content-length")
    if length is None:
        return _counted(receive, limit)
    if not length.isdigit():
        raise MalformedRequest("Content-Length is not a number.")
    if len(length) > _LONGEST_LENGTH or int(length) > limit:
        raise _too_large(limit)
    return receive


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(limit)
        return message

    return counting


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is too large. Send at most {limit} bytes.")
