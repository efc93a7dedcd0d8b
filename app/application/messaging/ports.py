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


class DeadLetterBox(Protocol):
    """The tenant's dead letters."""

    async def replay(self, letter_id: DeadLetterId, *, now: datetime) -> DeadLetterView:
        """Sends the message to its subscriber again, after this command's commit. Raises DeadLetterNotFound."""
        ...

    async def discard(self, letter_id: DeadLetterId, *, now: datetime) -> None:
        """Raises DeadLetterNotFound."""
        ...
