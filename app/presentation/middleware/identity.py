"""Request id and trace context: taken when well-formed, made otherwise, always as header bytes."""

from __future__ import annotations

from collections.abc import Mapping
from random import getrandbits

_ID_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
_LONGEST_ID = 128
_HEX = b"0123456789abcdef"
_TRACE_LENGTH = 55
_PART_LENGTHS = [2, 32, 16, 2]


def identify(headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    """`X-Request-ID` and `traceparent` (W3C Trace Context, level 1). One that is made for both is the same."""
    given, trace = headers.get(b"x-request-id"), headers.get(b"traceparent")
    request_id = given if given and len(given) <= _LONGEST_ID and not given.translate(None, _ID_LETTERS) else None
    parent = _known_trace(trace) if trace else None
    if request_id and parent:
        return request_id, parent
    made = f"{getrandbits(192):048x}"
    return request_id or made[:32].encode(), parent or f"00-{made[:32]}-{made[32:]}-00".encode()


def _known_trace(given: bytes) -> bytes | None:
    """None when it can't be used. A later version is cut to the fields of the one we know (section 3.2.4)."""
    known, more = given[:_TRACE_LENGTH], given[_TRACE_LENGTH:]
    parts = known.split(b"-")
    if [len(part) for part in parts] != _PART_LENGTHS or known.translate(None, _HEX) != b"---":
        return None
    version, trace, span, _ = parts
    if version == b"ff" or not trace.strip(b"0") or not span.strip(b"0"):
        return None
    if more and (version == b"00" or more[:1] != b"-"):
        return None
    return b"00" + known[2:]
