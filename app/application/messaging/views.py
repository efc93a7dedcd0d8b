from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterView:
    """A message a subscriber could not deal with. `reason` is what the last try met."""

    id: UUID
    subscriber: str
    message_id: UUID
    type: str
    object: Mapping[str, str]
    sequence: int
    request_id: str
    reason: str
    tries: int
    died_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDetails:
    """The same with the event as it was delivered."""

    letter: DeadLetterView
    event: Mapping[str, Any]
