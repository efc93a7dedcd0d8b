from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.application.messaging.views import DeadLetterView
from app.shared.errors import AppError, Kind
from app.shared.ids import DeadLetterId


class DeadLetterNotFound(AppError):
    """There is no such dead letter in the tenant."""

    code = "dead_letter_not_found"
    kind = Kind.NOT_FOUND


class DeadLetterReplayed(AppError):
    """The message is on its way to its subscriber again, or took effect by now."""

    code = "dead_letter_replayed"
    kind = Kind.CONFLICT


class DeadLetterBox(Protocol):
    """The tenant's dead letters."""

    async def replay(self, letter_id: DeadLetterId, *, now: datetime) -> DeadLetterView:
        """Sends the message to its subscriber again, after this command's commit.

        Raises DeadLetterNotFound, and DeadLetterReplayed unless it died again since the last replay.
        """
        ...

    async def discard(self, letter_id: DeadLetterId, *, now: datetime) -> None:
        """Raises DeadLetterNotFound."""
        ...
