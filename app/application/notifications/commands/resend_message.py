from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import MessageView, message_view
from app.application.ports import Clock
from app.domain.notifications.message import MessageId
from app.domain.notifications.ports import MessageRepository, SuppressionRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendMessage(Command[MessageView]):
    """Send the same message once more, as another mail."""

    message_id: MessageId


@dataclass(slots=True)
class ResendMessageHandler:
    messages: MessageRepository
    suppressions: SuppressionRepository
    clock: Clock

    async def handle(self, command: ResendMessage) -> MessageView:
        message = await self.messages.get(command.message_id)
        message.requeue(suppressed=await self.suppressions.holds(message.recipient), now=self.clock.now())
        return message_view(message)
