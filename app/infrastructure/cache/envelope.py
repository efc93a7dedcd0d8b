"""What is written to a store: the value, whose it is, and when it ends.

A store's own expiry is not enough. A `SET` that waits in the socket of a hung Redis is carried out when Redis goes
on, with its full ttl from then: an answer minutes old would come back. So the writer notes the end, and readers check
it. A cancelled call can leave a reply in a connection for the next caller, who would get another key's, and so another
tenant's, page. So the writer notes the key too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b

LONGEST_TTL = 0.5
"""Seconds. The rule that shop callers get answers at most one second old rests on it (see `hot.py`)."""

LARGEST_VALUE = 1_048_576
"""Bytes. Larger values would slow every other call on the same connection or thread."""

_MARK = b"HT01"
_KEY_BYTES = 16
_SLACK = 0.05  # seconds: clocks of two hosts, and rounding, may make an end look this much too far away

Clock = Callable[[], float]


class Envelope:
    """Seals and opens values. `clocks` give seconds; an entry is valid only while every one of them says so.

    One wall clock serves hosts that share a store. On one host a monotonic clock (system-wide, since Python 3.5) beside
    it keeps a wall clock that is set back from reviving entries, and the wall clock tells one boot from another.
    """

    def __init__(self, *clocks: Clock, longest: float = LONGEST_TTL) -> None:
        self._clocks = clocks
        self._longest = longest
        self._head = struct.Struct(f"!{len(_MARK)}s{_KEY_BYTES}s{len(clocks)}d")

    def lifetime(self, ttl: float) -> float:
        """Seconds an entry really lives: `ttl`, but never more than the longest allowed."""
        return min(ttl, self._longest)

    def seal(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """None means that this is not to be stored: no time left, or too large."""
        lifetime = self.lifetime(ttl)
        if lifetime <= 0 or len(value) > LARGEST_VALUE:
            return None
        ends = (clock() + lifetime for clock in self._clocks)
        return self._head.pack(_MARK, _digest(key), *ends) + value

    def open(self, key: str, sealed: bytes) -> bytes | None:
        """The value, or None when it is another key's, over, from a clock that was changed, or not ours at all."""
        if len(sealed) < self._head.size:
            return None
        mark, owner, *ends = self._head.unpack_from(sealed)
        if mark != _MARK or owner != _digest(key):
            return None
        for clock, end in zip(self._clocks, ends, strict=True):
            if not 0 < end - clock() <= self._longest + _SLACK:
                return None
        return sealed[self._head.size :]


def key_bytes(key: str) -> bytes:
    """Any key, even one with lone surrogates, which an address may hold: a key must not make a store look broken."""
    return key.encode("utf-8", "surrogatepass")


def _digest(key: str) -> bytes:
    return blake2b(key_bytes(key), digest_size=_KEY_BYTES).digest()
