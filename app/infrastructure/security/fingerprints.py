"""Request fingerprints: HMAC-SHA256 (RFC 2104) over length-prefixed parts."""

from __future__ import annotations

import hmac

from app.infrastructure.security.keys import SigningKeys


def joined(*parts: bytes) -> bytes:
    """Each part behind its length, 8 bytes big-endian: ("ab", "c") and ("a", "bc") never meet."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


class HmacFingerprints:
    def __init__(self, keys: SigningKeys) -> None:
        self._key = keys.current.fingerprint
        self._accepted = tuple(key.fingerprint for key in keys.accepted)

    def of(self, *parts: bytes) -> bytes:
        return hmac.digest(self._key, joined(*parts), "sha256")

    def matches(self, stored: bytes, *parts: bytes) -> bool:
        message = joined(*parts)
        return any(hmac.compare_digest(hmac.digest(key, message, "sha256"), stored) for key in self._accepted)
