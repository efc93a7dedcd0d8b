"""Events as subscribers get them, and what a subscriber is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from app.shared.ids import TenantId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEvent:
    """A domain event that was committed. `id` is the message's, the same however often it is delivered.

    `version` is the event's place in its aggregate's life: 1, 2, 3 … without a gap. `data` is the event's own fields
    as JSON has them: ids and instants are text.
    """

    id: UUID
    tenant_id: TenantId
    type: str
    stream: str
    stream_id: UUID
    version: int
    occurred_at: datetime
    request_id: str
    actor_id: UserId
    actor_kind: str
    data: Mapping[str, Any]
    traceparent: str = ""


class Policy(Protocol):
    """A reaction that writes rows only: they commit together with the inbox row, so its effect happens once.

    Events of one aggregate come in order. Whatever it raises is tried again a few times, then the event goes to the
    dead letters. No network call belongs here.
    """

    async def react(self, event: PublishedEvent, /) -> None: ...


class Process(Protocol):
    """A reaction that sends commands or leaves the system. It may be asked again for the same event and must then do
    nothing twice: by `event.id` as the idempotency key of what it sends.
    """

    async def react(self, event: PublishedEvent, /) -> None: ...
