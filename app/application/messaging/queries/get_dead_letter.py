from __future__ import annotations

from dataclasses import dataclass

from app.application.messaging.views import DeadLetterDetails
from app.shared.ids import DeadLetterId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeadLetter(Query[DeadLetterDetails]):
    """One message that could not be dealt with, and what it says. Raises DeadLetterNotFound."""

    letter_id: DeadLetterId
