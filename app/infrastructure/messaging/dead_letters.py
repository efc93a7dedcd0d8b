"""Messages that could not be dealt with, in their tenant's list: nothing is dropped, nothing blocks the others."""

from __future__ import annotations

from app.application.ports import IdSource
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.transport import Message
from app.infrastructure.messaging.wire import encode

LONGEST_REASON = 2_000

_BURY = """
    INSERT INTO dead_letters (tenant_id, id, subscriber, message_id, type, stream, stream_id, version, request_id, body,
        reason, tries, died_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now())
    ON CONFLICT (tenant_id, subscriber, message_id) DO UPDATE
    SET reason = excluded.reason, tries = dead_letters.tries + excluded.tries, died_at = now(), replayed_at = NULL
"""


class DeadLetters:
    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def bury(self, subscriber: str, message: Message, reason: str, tries: int) -> None:
        """Into the list of the event's tenant; a message that died again after a replay takes its old place.

        Raises Unavailable: then it is not buried, and must come again.
        """
        event = message.event
        async with self._database.transaction(event.tenant_id) as connection:
            await connection.execute(
                _BURY,
                *(event.tenant_id, self._ids.new(), subscriber, event.id, event.type, event.stream, event.stream_id),
                *(event.version, event.request_id, encode(event), reason[:LONGEST_REASON], tries),
            )
