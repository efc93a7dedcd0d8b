"""From what is to be said to a message that waits to be sent, in the tenant's look and language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.application.notifications.ports import Templates
from app.application.ports import Clock, IdSource
from app.domain.notifications.message import Channel, Content, MessageId, OutgoingMessage, Recipient
from app.domain.notifications.ports import BrandingRepository, MessageRepository, SuppressionRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Whom a message is for, and what its template shows: JSON, so that it can be kept."""

    to: str
    context: Mapping[str, object]
    channel: Channel = Channel.MAIL

    @property
    def recipient(self) -> Recipient:
        return Recipient(channel=self.channel, address=self.to)


@dataclass(slots=True)
class Mailing:
    """Works in the caller's transaction and sends nothing: the row is what is sent later."""

    messages: MessageRepository
    suppressions: SuppressionRepository
    brandings: BrandingRepository
    templates: Templates
    clock: Clock
    ids: IdSource

    async def queue(self, template: str, addressed: Addressed, *, event_id: UUID, request_id: str) -> OutgoingMessage:
        recipient = addressed.recipient
        message = OutgoingMessage.queue(
            id=MessageId(self.ids.new()),
            recipient=recipient,
            content=await self._content(template, addressed),
            event_id=event_id,
            request_id=request_id,
            suppressed=await self.suppressions.holds(recipient),
            now=self.clock.now(),
        )
        self.messages.add(message)
        return message

    async def _content(self, template: str, addressed: Addressed) -> Content:
        look = (await self.brandings.get()).look
        sender_name = look.sender_name or await self.brandings.tenant_name()
        rendered = self.templates.render(addressed.channel, template, look, sender_name, addressed.context)
        return Content(
            template=template,
            locale=look.locale,
            context=addressed.context,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            sender_name=sender_name,
            reply_to=look.reply_to,
        )
