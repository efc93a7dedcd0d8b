from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from app.application.signals import Topic
from app.domain.notifications.branding import Branding, Locale, Look
from app.domain.notifications.message import (
    Channel,
    Content,
    MessageId,
    MessageNotFound,
    MessageStatus,
    OutgoingMessage,
    Recipient,
)
from app.domain.notifications.suppression import Suppression, SuppressionId, SuppressionNotFound
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.infrastructure.notifications.rows import BrandingRow, OutgoingMessageRow, SuppressionRow
from app.shared.errors import ConcurrentChange
from app.shared.ids import TenantId
from app.shared.json_bytes import json_bytes

_INSERT = BulkInsert(
    OutgoingMessageRow,
    *("tenant_id", "id", "channel", "recipient", "recipient_key", "template", "locale", "context", "subject"),
    *("body_text", "body_html", "sender_name", "reply_to", "event_id", "request_id", "status", "copy", "attempts"),
    *("created_at", "next_attempt_at", "version"),
)
_UPDATE = BulkUpdate(
    OutgoingMessageRow,
    *("status", "copy", "attempts", "next_attempt_at", "leased_until", "sent_at", "provider_id", "last_error"),
    "version",
)
_COUNTED_FROM_NOW = """
    INSERT INTO message_quotas (tenant_id, channel, hour, used)
    SELECT $1, channel, date_trunc('hour', now()), 0 FROM unnest($2::text[]) AS v(channel) ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT * FROM outgoing_messages WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_TOLD = """
    SELECT EXISTS (SELECT FROM outgoing_messages WHERE tenant_id = $1 AND event_id = $2 AND template = $3
        AND channel = $4 AND recipient_key = $5)
"""
_INSERT_SUPPRESSION = BulkInsert(
    SuppressionRow, "tenant_id", "id", "channel", "address", "address_key", "reason", "created_at"
)
_DELETE_SUPPRESSION = "DELETE FROM suppressions WHERE tenant_id = $1 AND id = $2"
_SUPPRESSION = "SELECT * FROM suppressions WHERE tenant_id = $1 AND id = $2"
HOLDS = """
    SELECT EXISTS (SELECT FROM suppressions WHERE tenant_id = $1 AND channel = $2 AND address_key = $3)
"""
_LOOK = ("sender_name", "reply_to", "logo_url", "accent_color", "footer", "locale")
_INSERT_BRANDING = BulkInsert(BrandingRow, "tenant_id", "id", *_LOOK, "version")
_UPDATE_BRANDING = BulkUpdate(BrandingRow, *_LOOK, "version")
_BRANDING = "SELECT * FROM branding WHERE tenant_id = $1"
_TENANT_NAME = "SELECT name FROM tenants WHERE id = $1"


class MessageMapper:
    stream = "message"

    def key(self, message: OutgoingMessage) -> UUID:
        return message.id

    async def insert(self, writes: Writes, tenant_id: TenantId, messages: Sequence[OutgoingMessage]) -> None:
        channels = sorted({message.recipient.channel for message in messages})
        await writes.connection.execute(_COUNTED_FROM_NOW, tenant_id, channels)
        writes.add(_INSERT, [_row(tenant_id, message) for message in messages])

    async def update(self, writes: Writes, tenant_id: TenantId, messages: Sequence[OutgoingMessage]) -> None:
        rows = [
            (
                *(tenant_id, m.id, m.stored_version, m.status, m.copy, m.attempts, m.next_attempt_at, None),
                *(m.sent_at, m.provider_id, m.last_error, m.version),
            )
            for m in messages
        ]
        writes.add(_UPDATE, rows)


def _row(tenant_id: TenantId, message: OutgoingMessage) -> tuple[object, ...]:
    recipient, content = message.recipient, message.content
    return (
        *(tenant_id, message.id, recipient.channel, recipient.address, recipient.key, content.template),
        *(content.locale, json_bytes(content.context).decode(), content.subject, content.text, content.html),
        *(content.sender_name, content.reply_to, message.event_id, message.request_id, message.status),
        *(message.copy, message.attempts, message.created_at, message.next_attempt_at, message.version),
    )


class SuppressionMapper:
    stream = "suppression"

    def key(self, suppression: Suppression) -> UUID:
        return suppression.id

    async def insert(self, writes: Writes, tenant_id: TenantId, suppressions: Sequence[Suppression]) -> None:
        rows = [
            (tenant_id, s.id, s.recipient.channel, s.recipient.address, s.recipient.key, s.reason, s.created_at)
            for s in suppressions
        ]
        writes.add(_INSERT_SUPPRESSION, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, suppressions: Sequence[Suppression]) -> None:
        """The only change is their end."""
        for suppression in suppressions:
            if await writes.connection.execute(_DELETE_SUPPRESSION, tenant_id, suppression.id) != "DELETE 1":
                raise ConcurrentChange("The suppression was removed meanwhile.")


class BrandingMapper:
    stream = "branding"

    def key(self, branding: Branding) -> UUID:
        return branding.id

    async def insert(self, writes: Writes, tenant_id: TenantId, brandings: Sequence[Branding]) -> None:
        writes.add(_INSERT_BRANDING, [(tenant_id, b.id, *_look(b.look), b.version) for b in brandings])

    async def update(self, writes: Writes, tenant_id: TenantId, brandings: Sequence[Branding]) -> None:
        rows = [(tenant_id, b.id, b.stored_version, *_look(b.look), b.version) for b in brandings]
        writes.add(_UPDATE_BRANDING, rows)


def _look(look: Look) -> tuple[object, ...]:
    return look.sender_name, look.reply_to, look.logo_url, look.accent_color, look.footer, look.locale


_MESSAGES = MessageMapper()
_SUPPRESSIONS = SuppressionMapper()
_BRANDINGS = BrandingMapper()


class SqlMessageRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, message: OutgoingMessage) -> None:
        self._scope.track(message, _MESSAGES, new=True)
        self._scope.work.announce(Topic.MESSAGES)

    async def get(self, message_id: MessageId) -> OutgoingMessage:
        row = await self._scope.connection.fetchrow(_LOCK, self._scope.tenant_id, message_id)
        if row is None:
            raise MessageNotFound("There is no such message.")
        message = message_of(row)
        self._scope.track(message, _MESSAGES)
        self._scope.work.announce(Topic.MESSAGES)
        return message

    async def told(self, event_id: UUID, template: str, recipient: Recipient) -> bool:
        values = self._scope.tenant_id, event_id, template, recipient.channel, recipient.key
        return bool(await self._scope.connection.fetchval(_TOLD, *values))


class SqlSuppressionRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, suppression: Suppression) -> None:
        if not await self.holds(suppression.recipient):
            self._scope.track(suppression, _SUPPRESSIONS, new=True)

    async def get(self, suppression_id: SuppressionId) -> Suppression:
        row = await self._scope.connection.fetchrow(_SUPPRESSION, self._scope.tenant_id, suppression_id)
        if row is None:
            raise SuppressionNotFound("There is no such suppression.")
        suppression = suppression_of(row)
        self._scope.track(suppression, _SUPPRESSIONS)
        return suppression

    async def holds(self, recipient: Recipient) -> bool:
        values = self._scope.tenant_id, recipient.channel, recipient.key
        return bool(await self._scope.connection.fetchval(HOLDS, *values))


class SqlBrandingRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self) -> Branding:
        row = await self._scope.connection.fetchrow(_BRANDING, self._scope.tenant_id)
        branding = Branding(id=self._scope.work.ids.new(), look=Look()) if row is None else branding_of(row)
        self._scope.track(branding, _BRANDINGS, new=row is None)
        return branding

    async def tenant_name(self) -> str:
        return str(await self._scope.connection.fetchval(_TENANT_NAME, self._scope.tenant_id))


def message_of(row: Record) -> OutgoingMessage:
    return OutgoingMessage(
        id=MessageId(row["id"]),
        recipient=Recipient(channel=Channel(row["channel"]), address=row["recipient"]),
        content=Content(
            template=row["template"],
            locale=row["locale"],
            context=orjson.loads(row["context"]),
            subject=row["subject"],
            text=row["body_text"],
            html=row["body_html"],
            sender_name=row["sender_name"],
            reply_to=row["reply_to"],
        ),
        event_id=row["event_id"],
        request_id=row["request_id"],
        status=MessageStatus(row["status"]),
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"],
        attempts=row["attempts"],
        copy=row["copy"],
        sent_at=row["sent_at"],
        provider_id=row["provider_id"],
        last_error=row["last_error"],
        version=row["version"],
    )


def suppression_of(row: Record) -> Suppression:
    return Suppression(
        id=SuppressionId(row["id"]),
        recipient=Recipient(channel=Channel(row["channel"]), address=row["address"]),
        reason=row["reason"],
        created_at=row["created_at"],
        version=1,
    )


def branding_of(row: Record) -> Branding:
    return Branding(
        id=row["id"],
        look=Look(
            sender_name=row["sender_name"],
            reply_to=row["reply_to"],
            logo_url=row["logo_url"],
            accent_color=row["accent_color"],
            footer=row["footer"],
            locale=Locale(row["locale"]),
        ),
        version=row["version"],
    )
