"""Mails as a test needs them: queued without an event, reacted to an event, sent without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson

from app.application.events import PublishedEvent
from app.application.notifications.commands.record_delivery import RecordDelivery
from app.application.notifications.commands.send_test_message import SendTestMessage
from app.application.notifications.ports import Mail, TextMessage, Undelivered
from app.container import SystemClock, TimeOrderedIds, bind_all
from app.domain.notifications.message import Channel, MessageId, MessageStatus, Outcome
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.notifications.outgoing import Claimed, OutgoingMessages, by_mail, by_sms
from app.shared.ids import TenantId, UserId
from app.shared.tenant_context import system_context
from tests.support.system import Organizer, System

_EVENTS = """
    SELECT * FROM events WHERE tenant_id = $1 AND ($2::text IS NULL OR type = $2) AND type = ANY($3::text[])
    ORDER BY occurred_at, version
"""
_QUEUED = """
    INSERT INTO outgoing_messages (tenant_id, id, channel, recipient, recipient_key, template, locale, context,
        subject, body_text, body_html, sender_name, event_id, request_id, status, copy, attempts, created_at,
        next_attempt_at, version)
    SELECT $1, gen_random_uuid(), $3, n || '@example.com', n || '@example.com', 'test', 'en', '{}', 'Subject ' || n,
        'text', '<p>html</p>', 'Sender', gen_random_uuid(), 'request', 'queued', 0, 0, now(),
        now() - interval '1 minute', 1
    FROM generate_series(1, $2) AS n
"""
_QUOTA = """
    INSERT INTO message_quotas (tenant_id, channel, hour, used) VALUES ($1, $2, date_trunc('hour', now()), 0)
    ON CONFLICT DO NOTHING
"""


@dataclass
class FakeMail:
    """Takes every mail, or answers with the next of `faults`."""

    sent: list[Mail] = field(default_factory=list)
    faults: list[Undelivered] = field(default_factory=list)

    async def send(self, mail: Mail) -> str:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(mail)
        return f"fake-{mail.name}"

    async def close(self) -> None: ...


@dataclass
class FakeSms:
    sent: list[TextMessage] = field(default_factory=list)

    async def send(self, message: TextMessage) -> str:
        self.sent.append(message)
        return f"fake-{message.name}"

    async def close(self) -> None: ...


def outgoing(system: System, gateway: Any, *, channel: Channel = Channel.MAIL, per_hour: int = 1_000_000) -> Any:
    """The sending of one channel through this gateway."""
    application = system.application
    send = by_mail(gateway) if channel is Channel.MAIL else by_sms(gateway)
    return OutgoingMessages(application.database, application.mediator, SystemClock(), channel, send, per_hour=per_hour)


async def queue_many(system: System, tenant_id: UUID, count: int, channel: Channel = Channel.MAIL) -> None:
    """`count` due messages to 1@example.com, 2@example.com …"""
    async with system.application.database.transaction(tenant_id) as connection:
        await connection.execute(_QUOTA, tenant_id, channel)
        await connection.execute(_QUEUED, tenant_id, count, channel)


async def queue_message(system: System, organizer: Organizer, user_id: UserId | None = None) -> MessageId:
    """A queued mail to the owner."""
    command = SendTestMessage(user_id=user_id or organizer.owner.user_id, request_id=f"request-{uuid4().hex}")
    view = await system.application.mediator.send(command, system_context(organizer.tenant_id, "test"))
    return view.id


async def settled(system: System, organizer: Organizer, outcome: Outcome) -> MessageId:
    message_id = await queue_message(system, organizer)
    await system.application.mediator.send(
        RecordDelivery(message_id=message_id, outcome=outcome), system_context(organizer.tenant_id, "test")
    )
    return message_id


async def sent_message(system: System, organizer: Organizer) -> MessageId:
    return await settled(system, organizer, Outcome(status=MessageStatus.SENT, provider_id="one"))


async def suppression(system: System, organizer: Organizer) -> UUID:
    """Of a member who is made for this, since nothing more reaches them."""
    from app.application.tenancy.contracts import Role

    member = await system.person(organizer.tenant_id, Role.MEMBER)
    message_id = await queue_message(system, organizer, member.user_id)
    bounced = Outcome(status=MessageStatus.BOUNCED, error="550 5.1.1 no such user", bad_address=True)
    await system.application.mediator.send(
        RecordDelivery(message_id=message_id, outcome=bounced), system_context(organizer.tenant_id, "test")
    )
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        found: UUID = await connection.fetchval("SELECT id FROM suppressions ORDER BY created_at DESC LIMIT 1")
    return found


async def events_of(system: System, tenant_id: TenantId, type_: str | None = None) -> list[PublishedEvent]:
    """Those the mail policy asks for, as a consumer gets them."""
    types = sorted(bind_all(system.application.container).subscribers["mail"].types)
    async with system.application.database.transaction(tenant_id) as connection:
        rows = await connection.fetch(_EVENTS, tenant_id, type_, types)
    return [_published(row) for row in rows]


def _published(row: Any) -> PublishedEvent:
    metadata = orjson.loads(row["metadata"])
    return PublishedEvent(
        id=UUID(int=row["stream_id"].int ^ row["version"]),  # the same each time, as the outbox's would be
        tenant_id=TenantId(row["tenant_id"]),
        type=row["type"],
        stream=row["stream"],
        stream_id=row["stream_id"],
        version=row["version"],
        occurred_at=row["occurred_at"],
        request_id=metadata["request_id"],
        actor_id=UserId(UUID(metadata["actor_id"])),
        actor_kind=metadata["actor_kind"],
        data=orjson.loads(row["data"]),
    )


async def react(system: System, events: Sequence[PublishedEvent]) -> None:
    """Each in a transaction of its own, as the subscriber's runner does."""
    make = bind_all(system.application.container).subscribers["mail"].policy
    assert make is not None
    for event in events:
        async with system.application.database.transaction(event.tenant_id) as connection:
            work = UnitOfWork(connection, event.tenant_id, TimeOrderedIds())
            scope = Scope(work, system_context(event.tenant_id, event.request_id))
            await make(scope).react(event)
            scope.close()
            writes = Writes(connection)
            await work.flush(writes)
            await writes.send()


async def messages_of(system: System, tenant_id: UUID) -> list[dict[str, Any]]:
    async with system.application.database.transaction(tenant_id) as connection:
        rows = await connection.fetch("SELECT * FROM outgoing_messages WHERE tenant_id = $1 ORDER BY id", tenant_id)
    return [dict(row) for row in rows]


async def claimed_of(queue: Any, tenant_id: UUID) -> list[Claimed]:
    """All that is due of this tenant; what earlier tests left in others is claimed too, and left alone."""
    found: list[Claimed] = []
    while batch := await queue.claim(1_000, ()):
        found += [item for item in batch if item.tenant_id == tenant_id]
    return found
