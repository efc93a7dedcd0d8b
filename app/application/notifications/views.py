"""What staff see of messages, suppressions and their own branding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.notifications.branding import Branding, Locale
from app.domain.notifications.message import Channel, MessageId, MessageStatus, OutgoingMessage
from app.domain.notifications.suppression import SuppressionId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """`next_attempt_at` is null once the sending is over; `last_error` is what the mail server said."""

    id: MessageId
    channel: Channel
    to: str
    template: str
    locale: str
    subject: str
    status: MessageStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None
    last_error: str | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetailView(MessageView):
    """With what the reader gets; `html` is null for texts."""

    sender_name: str
    reply_to: str | None
    text: str
    html: str | None
    provider_id: str | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionView:
    id: SuppressionId
    channel: Channel
    address: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandingView:
    """`sender_name` null: messages are from the tenant's own name. Version 0: nobody has changed anything."""

    sender_name: str | None
    reply_to: str | None
    logo_url: str | None
    accent_color: str
    footer: str
    locale: Locale
    version: int


def branding_view(branding: Branding) -> BrandingView:
    look = branding.look
    return BrandingView(
        sender_name=look.sender_name,
        reply_to=look.reply_to,
        logo_url=look.logo_url,
        accent_color=look.accent_color,
        footer=look.footer,
        locale=look.locale,
        version=branding.version,
    )


def message_view(message: OutgoingMessage) -> MessageView:
    queued = message.status is MessageStatus.QUEUED
    return MessageView(
        id=message.id,
        channel=message.recipient.channel,
        to=message.recipient.address,
        template=message.content.template,
        locale=message.content.locale,
        subject=message.content.subject,
        status=message.status,
        attempts=message.attempts,
        created_at=message.created_at,
        next_attempt_at=message.next_attempt_at if queued else None,
        sent_at=message.sent_at,
        last_error=message.last_error,
        version=message.version,
    )
