"""Notifications' read side: plain SQL past the domain."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.application.notifications.queries.get_branding import GetBranding
from app.application.notifications.queries.get_message import GetMessage
from app.application.notifications.queries.get_suppression import GetSuppression
from app.application.notifications.queries.list_messages import ListMessages
from app.application.notifications.queries.list_suppressions import ListSuppressions
from app.application.notifications.views import (
    BrandingView,
    MessageDetailView,
    MessageView,
    SuppressionView,
    branding_view,
)
from app.application.paging import Page
from app.domain.notifications.branding import Branding, Look
from app.domain.notifications.message import Channel, MessageId, MessageNotFound, MessageStatus
from app.domain.notifications.suppression import SuppressionId, SuppressionNotFound
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.infrastructure.notifications.repository import branding_of

_LISTED = """
    SELECT id, channel, recipient, template, locale, subject, status, attempts, created_at, next_attempt_at, sent_at,
        last_error, version
    FROM outgoing_messages WHERE tenant_id = $1
"""
_MESSAGE = "SELECT * FROM outgoing_messages WHERE tenant_id = $1 AND id = $2"
_SUPPRESSIONS = "SELECT * FROM suppressions WHERE tenant_id = $1"
_BRANDING = "SELECT * FROM branding WHERE tenant_id = $1"
_NOBODYS = UUID(int=0)


@dataclass(slots=True)
class ListMessagesHandler:
    reader: Reader

    async def handle(self, query: ListMessages) -> Page[MessageView]:
        page = query.page
        status = " AND status = $2" if query.status else " AND $2::text IS NULL"
        channel = " AND channel = $3" if query.channel else " AND $3::text IS NULL"
        rows = await self.reader.rows(
            _LISTED + status + channel + walk(page, "id", 4),
            *(self.reader.tenant_id, query.status, query.channel, page.after, page.limit + 1),
        )
        return page_of(rows, page, _listed)


@dataclass(slots=True)
class GetMessageHandler:
    reader: Reader

    async def handle(self, query: GetMessage) -> MessageDetailView:
        row = await self.reader.row(_MESSAGE, self.reader.tenant_id, query.message_id)
        if row is None:
            raise MessageNotFound("There is no such message.")
        listed = _listed(row)
        return MessageDetailView(
            **{name: getattr(listed, name) for name in MessageView.__slots__},
            sender_name=row["sender_name"],
            reply_to=row["reply_to"],
            text=row["body_text"],
            html=row["body_html"],
            provider_id=row["provider_id"],
            request_id=row["request_id"],
        )


@dataclass(slots=True)
class ListSuppressionsHandler:
    reader: Reader

    async def handle(self, query: ListSuppressions) -> Page[SuppressionView]:
        page = query.page
        sql = _SUPPRESSIONS + walk(page, "id", 2)
        rows = await self.reader.rows(sql, self.reader.tenant_id, page.after, page.limit + 1)
        return page_of(rows, page, _suppression)


@dataclass(slots=True)
class GetSuppressionHandler:
    reader: Reader

    async def handle(self, query: GetSuppression) -> SuppressionView:
        row = await self.reader.row(_SUPPRESSIONS + " AND id = $2", self.reader.tenant_id, query.suppression_id)
        if row is None:
            raise SuppressionNotFound("There is no such suppression.")
        return _suppression(row)


@dataclass(slots=True)
class GetBrandingHandler:
    reader: Reader

    async def handle(self, query: GetBranding) -> BrandingView:  # noqa: ARG002 — it is the tenant that is asked for
        row = await self.reader.row(_BRANDING, self.reader.tenant_id)
        return branding_view(Branding(id=_NOBODYS, look=Look()) if row is None else branding_of(row))


def _listed(row: Record) -> MessageView:
    status = MessageStatus(row["status"])
    return MessageView(
        id=MessageId(row["id"]),
        channel=Channel(row["channel"]),
        to=row["recipient"],
        template=row["template"],
        locale=row["locale"],
        subject=row["subject"],
        status=status,
        attempts=row["attempts"],
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"] if status is MessageStatus.QUEUED else None,
        sent_at=row["sent_at"],
        last_error=row["last_error"],
        version=row["version"],
    )


def _suppression(row: Record) -> SuppressionView:
    return SuppressionView(
        id=SuppressionId(row["id"]),
        channel=Channel(row["channel"]),
        address=row["address"],
        reason=row["reason"],
        created_at=row["created_at"],
    )
