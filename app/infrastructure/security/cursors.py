"""Cursors: base64url of an HMAC-SHA256 and the position it seals."""

from __future__ import annotations

import hmac

from app.application.cursors import InvalidCursor
from app.infrastructure.security import base64url
from app.infrastructure.security.fingerprints import joined
from app.infrastructure.security.keys import SigningKeys

MAX_CURSOR_LENGTH = 4_096
_MAC_BYTES = 32


class HmacCursorSigner:
    def __init__(self, keys: SigningKeys) -> None:
        self._key = keys.current.cursor
        self._accepted = tuple(key.cursor for key in keys.accepted)

    def seal(self, position: tuple[str, ...], *, binding: str) -> str:
        packed = joined(*(_bytes(part) for part in position))
        cursor = base64url.encode(_mac(self._key, binding, packed) + packed)
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError("the position is too long for a cursor")
        return cursor

    def open(self, cursor: str, *, binding: str) -> tuple[str, ...]:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise _refused()
        try:
            sealed = base64url.decode(cursor)
        except ValueError as error:
            raise _refused() from error
        mac, packed = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not any(hmac.compare_digest(_mac(key, binding, packed), mac) for key in self._accepted):
            raise _refused()
        return _unpacked(packed)


def _mac(key: bytes, binding: str, packed: bytes) -> bytes:
    return hmac.digest(key, joined(_bytes(binding), packed), "sha256")


def _unpacked(packed: bytes) -> tuple[str, ...]:
    """Only ever called with bytes that `seal` made."""
    parts: list[str] = []
    while packed:
        end = 8 + int.from_bytes(packed[:8], "big")
        parts.append(packed[8:end].decode("utf-8", "surrogatepass"))
        packed = packed[end:]
    return tuple(parts)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _refused() -> InvalidCursor:
    return InvalidCursor("This cursor does not belong to this list and these filters. Start again without a cursor.")
