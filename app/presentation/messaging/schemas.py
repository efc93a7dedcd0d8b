from __future__ import annotations

from typing import Any

DEAD_LETTER: dict[str, Any] = {
    "id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a36",
    "subscriber": "mail",
    "message_id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a37",
    "type": "order.confirmed",
    "object": {"kind": "order", "id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a34"},
    "sequence": 2,
    "request_id": "7d1f2a0c5e8b4f6d9a3c2b1e0f4d5c6b",
    "reason": "order_not_found: There is no such order.",
    "tries": 5,
    "died_at": "2026-11-21T10:00:02Z",
    "replayed_at": None,
}
DETAILS: dict[str, Any] = {
    "letter": DEAD_LETTER,
    "event": {
        "id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a37",
        "type": "order.confirmed",
        "version": 2,
        "data": {"order_id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a34"},
    },
}
