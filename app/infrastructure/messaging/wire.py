"""An event as bytes: the body of a broker's message, of a queued row, of a dead letter."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import orjson

from app.application.events import PublishedEvent
from app.shared.ids import TenantId, UserId
from app.shared.json_bytes import json_bytes


class Unreadable(Exception):
    """The bytes are no event of ours."""


def encode(event: PublishedEvent) -> bytes:
    return json_bytes(event)


def decode(body: bytes) -> PublishedEvent:
    """Raises Unreadable. Unknown members are let be: a newer release may have written them."""
    try:
        found = orjson.loads(body)
        return PublishedEvent(
            id=UUID(found["id"]),
            tenant_id=TenantId(UUID(found["tenant_id"])),
            type=_text(found["type"]),
            stream=_text(found["stream"]),
            stream_id=UUID(found["stream_id"]),
            version=_number(found["version"]),
            occurred_at=datetime.fromisoformat(found["occurred_at"]),
            request_id=_text(found["request_id"]),
            actor_id=UserId(UUID(found["actor_id"])),
            actor_kind=_text(found["actor_kind"]),
            data=_members(found["data"]),
            traceparent=_text(found.get("traceparent", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable(f"the body is no event ({type(error).__name__})") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text was expected")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number was expected")
    return value


def _members(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value
