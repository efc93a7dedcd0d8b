"""Messages that wait to be sent: claimed over all tenants, handed to a gateway, settled in their own tenant."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.application.notifications.commands.record_delivery import RecordDelivery
from app.application.notifications.ports import Mail, MailGateway, SmsGateway, TextMessage, Undelivered
from app.application.ports import Clock
from app.domain.notifications.message import Channel, MessageId, MessageState, MessageStatus, Outcome
from app.domain.notifications.retries import next_attempt
from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.infrastructure.notifications.repository import HOLDS
from app.shared.ids import TenantId
from app.shared.mediator import Mediator
from app.shared.tenant_context import system_context

LEASE = timedelta(minutes=3)
"""Longer than any gateway takes: its own time-outs end sooner."""

PER_TENANT = 8
"""At most so many of one tenant in one claim, so that the first of every other tenant comes before its ninth."""

_CLAIM = """
    WITH RECURSIVE waiting(tenant_id) AS (
        (SELECT tenant_id FROM outgoing_messages WHERE status = 'queued' AND channel = $1
            ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT m.tenant_id FROM outgoing_messages m
            WHERE m.status = 'queued' AND m.channel = $1 AND m.tenant_id > w.tenant_id
            ORDER BY m.tenant_id LIMIT 1)
        FROM waiting w WHERE w.tenant_id IS NOT NULL
    ), quotas AS MATERIALIZED (
        SELECT q.tenant_id,
            $2 - CASE WHEN q.hour = date_trunc('hour', now()) THEN q.used ELSE 0 END AS free
        FROM message_quotas q
        WHERE q.channel = $1 AND q.tenant_id <> ALL($3::uuid[])
            AND q.tenant_id IN (SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL)
        FOR UPDATE SKIP LOCKED
    ), due AS MATERIALIZED (
        SELECT q.tenant_id, d.id, d.next_attempt_at,
            row_number() OVER (PARTITION BY q.tenant_id ORDER BY d.next_attempt_at, d.id) AS turn
        FROM quotas q CROSS JOIN LATERAL (
            SELECT m.id, m.next_attempt_at FROM outgoing_messages m
            WHERE m.channel = $1 AND m.tenant_id = q.tenant_id AND m.status = 'queued'
                AND m.next_attempt_at <= now() AND (m.leased_until IS NULL OR m.leased_until <= now())
            ORDER BY m.next_attempt_at LIMIT greatest(least(q.free, $4), 0)
            FOR UPDATE SKIP LOCKED
        ) d
    ), chosen AS MATERIALIZED (
        SELECT tenant_id, id, turn, next_attempt_at FROM due ORDER BY turn, next_attempt_at, id LIMIT $5
    ), counted AS (
        UPDATE message_quotas q SET hour = date_trunc('hour', now()),
            used = c.taken + CASE WHEN q.hour = date_trunc('hour', now()) THEN q.used ELSE 0 END
        FROM (SELECT tenant_id, count(*)::int AS taken FROM chosen GROUP BY tenant_id) c
        WHERE q.tenant_id = c.tenant_id AND q.channel = $1
    ), claimed AS (
        UPDATE outgoing_messages m SET leased_until = now() + $6::interval, attempts = m.attempts + 1
        FROM chosen c WHERE m.tenant_id = c.tenant_id AND m.id = c.id
        RETURNING c.turn, c.next_attempt_at AS due_at, m.*
    )
    SELECT * FROM claimed ORDER BY turn, due_at, id
"""
"""$1 channel, $2 limit per tenant and hour, $3 tenants whose lanes are full, $4 most of one tenant, $5 most, $6 lease.

The tenants that wait are found by skipping through the index: one look for each, however much it has queued.
"""
_DEFER = """
    UPDATE outgoing_messages SET next_attempt_at = $3, leased_until = NULL, last_error = $4
    WHERE tenant_id = $1 AND id = $2 AND status = 'queued'
"""

_log = structlog.get_logger("hello_ticket.messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message that this process alone sends until its lease runs out. `attempts` counts this one."""

    tenant_id: TenantId
    id: MessageId
    to: str
    to_key: str
    sender_name: str
    reply_to: str | None
    subject: str
    text: str
    html: str | None
    copy: int
    attempts: int
    request_id: str
    created_at: datetime

    @property
    def name(self) -> str:
        """Stays the same however often it is sent, unless somebody asked for another copy."""
        return f"{self.id.hex}.{self.copy}"


Send = Callable[[Claimed], Awaitable[str]]


def by_mail(gateway: MailGateway) -> Send:
    async def send(message: Claimed) -> str:
        mail = Mail(
            name=message.name,
            to=message.to,
            sender_name=message.sender_name,
            reply_to=message.reply_to,
            subject=message.subject,
            text=message.text,
            html=message.html or "",
            at=message.created_at,
        )
        return await gateway.send(mail)

    return send


def by_sms(gateway: SmsGateway) -> Send:
    async def send(message: Claimed) -> str:
        return await gateway.send(TextMessage(name=message.name, to=message.to, text=message.text))

    return send


class OutgoingMessages:
    """Implements Outgoing for one channel; a lane is a tenant, with `per_hour` messages at most."""

    def __init__(
        self, database: Database, mediator: Mediator, clock: Clock, channel: Channel, send: Send, *, per_hour: int
    ) -> None:
        self.name = channel.value
        self._database = database
        self._mediator = mediator
        self._clock = clock
        self._channel = channel
        self._send = send
        self._per_hour = per_hour

    async def claim(self, most: int, full: Collection[Hashable]) -> Sequence[Claimed]:
        async with self._database.transaction(None, role="worker") as connection:
            rows = await connection.fetch(
                _CLAIM, self._channel, self._per_hour, list(full), min(most, PER_TENANT), most, LEASE
            )
        return [_claimed(row) for row in rows]

    def lane(self, item: Claimed) -> UUID:
        return item.tenant_id

    async def send(self, item: Claimed) -> None:
        """A crash between the gateway's yes and our record sends it again, under the same name."""
        if await self._suppressed(item):
            await self._settle(item, Outcome(status=MessageStatus.SUPPRESSED))
            return
        try:
            provider_id = await self._send(item)
        except Undelivered as error:
            await self._refused(item, error)
        else:
            await self._settle(item, Outcome(status=MessageStatus.SENT, provider_id=provider_id))

    async def _suppressed(self, item: Claimed) -> bool:
        """Whether its address bounced since it was queued."""
        async with self._database.transaction(item.tenant_id, read_only=True) as connection:
            return bool(await connection.fetchval(HOLDS, item.tenant_id, self._channel, item.to_key))

    async def _refused(self, item: Claimed, error: Undelivered) -> None:
        if error.permanent:
            outcome = Outcome(status=MessageStatus.BOUNCED, error=error.reason, bad_address=error.bad_address)
            await self._settle(item, outcome)
            return
        now = self._clock.now()
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 — spreads retries, guards nothing
        again = next_attempt(item.attempts, now=now, jitter=jitter, asked=error.retry_after)
        if again is None:
            await self._settle(item, Outcome(status=MessageStatus.FAILED, error=error.reason))
            return
        async with self._database.transaction(item.tenant_id) as connection:
            await connection.execute(_DEFER, item.tenant_id, item.id, again, error.reason)
        _log.info("message_deferred", tenant=str(item.tenant_id), message=str(item.id), attempts=item.attempts)

    async def _settle(self, item: Claimed, outcome: Outcome) -> None:
        try:
            await self._mediator.send(
                RecordDelivery(message_id=item.id, outcome=outcome), system_context(item.tenant_id, item.request_id)
            )
        except MessageState:
            _log.info("message_was_settled", tenant=str(item.tenant_id), message=str(item.id))


def _claimed(row: Record) -> Claimed:
    return Claimed(
        tenant_id=TenantId(row["tenant_id"]),
        id=MessageId(row["id"]),
        to=row["recipient"],
        to_key=row["recipient_key"],
        sender_name=row["sender_name"],
        reply_to=row["reply_to"],
        subject=row["subject"],
        text=row["body_text"],
        html=row["body_html"],
        copy=row["copy"],
        attempts=row["attempts"],
        request_id=row["request_id"],
        created_at=row["created_at"],
    )
