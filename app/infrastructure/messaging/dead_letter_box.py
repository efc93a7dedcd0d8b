"""A tenant's dead letters: listed, looked into, replayed, discarded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from app.application.messaging.ports import DeadLetterNotFound, DeadLetterReplayed
from app.application.messaging.queries.get_dead_letter import GetDeadLetter
from app.application.messaging.queries.list_dead_letters import ListDeadLetters
from app.application.messaging.views import DeadLetterDetails, DeadLetterView
from app.application.paging import Page
from app.application.signals import Topic
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.infrastructure.database.scope import Scope
from app.shared.ids import DeadLetterId

_COLUMNS = """
    id, subscriber, message_id, type, stream, stream_id, version, request_id, reason, tries, died_at, replayed_at
"""
_LIST = f"""
    SELECT {_COLUMNS} FROM dead_letters WHERE tenant_id = $1 AND ($2::text IS NULL OR subscriber = $2)
"""  # noqa: S608 — names of our own
_GET = f"SELECT {_COLUMNS}, body FROM dead_letters WHERE tenant_id = $1 AND id = $2"  # noqa: S608 — names of our own
_REPLAYED = f"""
    UPDATE dead_letters SET replayed_at = $3 WHERE tenant_id = $1 AND id = $2 AND replayed_at IS NULL
    RETURNING {_COLUMNS}
"""  # noqa: S608 — names of our own
_KNOWN = "SELECT true FROM dead_letters WHERE tenant_id = $1 AND id = $2"
_AGAIN = """
    INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at, subscriber, message_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_DISCARD = "DELETE FROM dead_letters WHERE tenant_id = $1 AND id = $2 RETURNING id"


class SqlDeadLetterBox:
    """Implements `DeadLetterBox`. A replay is an outbox row for one subscriber, under the message's own id."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def replay(self, letter_id: DeadLetterId, *, now: datetime) -> DeadLetterView:
        work = self._scope.work
        row = await work.connection.fetchrow(_REPLAYED, work.tenant_id, letter_id, now)
        if row is None:
            if await work.connection.fetchval(_KNOWN, work.tenant_id, letter_id) is None:
                raise not_found()
            raise DeadLetterReplayed("This message was replayed already; should it fail again, replay it then.")
        await work.connection.execute(
            _AGAIN,
            *(work.tenant_id, work.ids.new(), row["stream_id"], row["version"], row["type"], row["request_id"], now),
            *(row["subscriber"], row["message_id"]),
        )
        work.announce(Topic.OUTBOX)
        self._audit("dead_letter.replayed", letter_id, now)
        return view_of(row)

    async def discard(self, letter_id: DeadLetterId, *, now: datetime) -> None:
        work = self._scope.work
        if await work.connection.fetchval(_DISCARD, work.tenant_id, letter_id) is None:
            raise not_found()
        self._audit("dead_letter.discarded", letter_id, now)

    def _audit(self, action: str, letter_id: DeadLetterId, now: datetime) -> None:
        self._scope.attempted(action, target_kind="dead_letter", target_id=letter_id, outcome="done", at=now)


@dataclass(slots=True)
class ListDeadLettersHandler:
    reader: Reader

    async def handle(self, query: ListDeadLetters) -> Page[DeadLetterView]:
        arguments = self.reader.tenant_id, query.subscriber, query.page.after, query.page.limit + 1
        rows = await self.reader.rows(_LIST + walk(query.page, "id", 3), *arguments)
        return page_of(rows, query.page, view_of)


@dataclass(slots=True)
class GetDeadLetterHandler:
    reader: Reader

    async def handle(self, query: GetDeadLetter) -> DeadLetterDetails:
        row = await self.reader.row(_GET, self.reader.tenant_id, query.letter_id)
        if row is None:
            raise not_found()
        return DeadLetterDetails(letter=view_of(row), event=orjson.loads(row["body"]))


def view_of(row: Record) -> DeadLetterView:
    return DeadLetterView(
        id=row["id"],
        subscriber=row["subscriber"],
        message_id=row["message_id"],
        type=row["type"],
        object={"kind": row["stream"], "id": str(row["stream_id"])},
        sequence=row["version"],
        request_id=row["request_id"],
        reason=row["reason"],
        tries=row["tries"],
        died_at=row["died_at"],
        replayed_at=row["replayed_at"],
    )


def not_found() -> DeadLetterNotFound:
    return DeadLetterNotFound("There is no such dead letter.")
