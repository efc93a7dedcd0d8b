"""Dead letters as a subscriber that gave up leaves them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.infrastructure.messaging.dead_letters import DeadLetters
from app.infrastructure.messaging.transport import Message
from tests.support.owner import value
from tests.support.peers import IDS, an_event, happened
from tests.support.system import System

REASON = "order_not_found: There is no such order."


async def buried(
    system: System, tenant_id: UUID, *, subscriber: str = "mail", reason: str = REASON, **event: Any
) -> UUID:
    """Its id. The event it carries has happened."""
    database = system.application.database
    stream_id = await happened(database, tenant_id)
    message = Message(event=an_event(tenant_id, stream_id=stream_id, **event), partition=0)
    await DeadLetters(database, IDS).bury(subscriber, message, reason, 5)
    found: UUID = await value(
        system, "SELECT id FROM dead_letters WHERE tenant_id = $1 AND message_id = $2", tenant_id, message.event.id
    )
    return found
