from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock, IdSource
from app.domain.notifications.message import MessageId, Outcome
from app.domain.notifications.ports import MessageRepository, SuppressionRepository
from app.domain.notifications.suppression import Suppression, SuppressionId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDelivery(Command[None]):
    """Write down what came of sending a message; an address that is bad gets nothing more."""

    message_id: MessageId
    outcome: Outcome


@dataclass(slots=True)
class RecordDeliveryHandler:
    messages: MessageRepository
    suppressions: SuppressionRepository
    clock: Clock
    ids: IdSource

    async def handle(self, command: RecordDelivery) -> None:
        message = await self.messages.get(command.message_id)
        now = self.clock.now()
        message.settle(command.outcome, now=now)
        if command.outcome.bad_address:
            suppression = Suppression.of(
                id=SuppressionId(self.ids.new()),
                recipient=message.recipient,
                reason=command.outcome.error or "",
                now=now,
            )
            await self.suppressions.add(suppression)
