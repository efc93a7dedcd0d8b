"""`Idempotency-Key`: the stored answer is written, and looked up, inside the business transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import orjson

from app.infrastructure.database.connection import Connection
from app.infrastructure.database.rows import IdempotencyRow
from app.infrastructure.database.writer import BulkInsert, Writes
from app.shared.errors import AppError, Kind
from app.shared.ids import UserId
from app.shared.json_bytes import json_bytes
from app.shared.mediator import Answer, Envelope, IdempotencyKey

_REMEMBER = BulkInsert(
    IdempotencyRow,
    *("tenant_id", "principal_id", "key", "fingerprint", "status", "headers", "body", "created_at"),
)
_LOCK = "SELECT pg_try_advisory_xact_lock(k) AS free FROM unnest($1::bigint[]) WITH ORDINALITY AS v(k, n) ORDER BY n"
_LOOK_UP = """
    SELECT i.principal_id, i.key, i.fingerprint, i.status, i.headers, i.body
    FROM unnest($2::uuid[], $3::text[]) AS v(principal_id, key), LATERAL (
        SELECT * FROM idempotency_keys k
        WHERE k.tenant_id = $1 AND k.principal_id = v.principal_id AND k.key = v.key LIMIT 1) AS i
"""
"""LIMIT keeps this one index look-up a key: a plan made while the table was small joined it as a whole ever after."""


class IdempotencyMismatch(AppError):
    """This Idempotency-Key was used with another request before."""

    code = "idempotency_mismatch"
    kind = Kind.INVALID


class IdempotencyInFlight(AppError):
    """The first request with this Idempotency-Key is still being worked on."""

    code = "idempotency_in_flight"
    kind = Kind.CONFLICT


def in_flight() -> IdempotencyInFlight:
    return IdempotencyInFlight("The first request with this key is still being worked on; repeat it.", retry_after=1)


def _advisory_key(tenant_id: UUID, principal_id: UUID, key: str) -> int:
    text = tenant_id.bytes + principal_id.bytes + key.encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


Keyed = tuple[UserId, IdempotencyKey]


async def settled(
    connection: Connection, tenant_id: UUID, envelopes: Sequence[Envelope]
) -> dict[int, Answer | AppError]:
    """Outcomes of those, by position, that were answered before or are being worked on elsewhere.

    Two steps, in this order: a lock per key, then the look-up. In one statement the look-up could use a snapshot
    older than the lock and miss the answer whose commit released it.
    """
    keyed, outcomes = _first_of_each(envelopes)
    if not keyed:
        return outcomes
    locks = [_advisory_key(tenant_id, who, key.key) for who, key in keyed.values()]
    free = await connection.fetch(_LOCK, locks)
    for position, row in zip(list(keyed), free, strict=True):
        if not row["free"]:
            del keyed[position]
            outcomes[position] = in_flight()
    return outcomes | await _stored(connection, tenant_id, keyed)


def _first_of_each(envelopes: Sequence[Envelope]) -> tuple[dict[int, Keyed], dict[int, Answer | AppError]]:
    """Equal keys inside one batch: a transaction would take its own lock twice, so all but the first wait outside."""
    keyed: dict[int, Keyed] = {}
    twice: dict[int, Answer | AppError] = {}
    seen: set[tuple[UserId, str]] = set()
    for position, envelope in enumerate(envelopes):
        key = envelope.reply.idempotency if envelope.reply else None
        if key is None:
            continue
        mark = envelope.context.actor_id, key.key
        if mark in seen:
            twice[position] = in_flight()
        else:
            seen.add(mark)
            keyed[position] = envelope.context.actor_id, key
    return keyed, twice


async def _stored(connection: Connection, tenant_id: UUID, keyed: dict[int, Keyed]) -> dict[int, Answer | AppError]:
    names = list(keyed.values())
    if not names:
        return {}
    rows = await connection.fetch(_LOOK_UP, tenant_id, [who for who, _ in names], [key.key for _, key in names])
    known = {(row["principal_id"], row["key"]): row for row in rows}
    outcomes: dict[int, Answer | AppError] = {}
    for position, (who, key) in keyed.items():
        row = known.get((who, key.key))
        if row is None:
            continue
        if not key.repeats(row["fingerprint"]):
            outcomes[position] = IdempotencyMismatch(
                "This Idempotency-Key was used with another request; make a new key."
            )
        else:
            headers = tuple((name, value) for name, value in orjson.loads(row["headers"]))
            outcomes[position] = Answer(row["status"], row["body"], headers, replayed=True)
    return outcomes


def remember(writes: Writes, tenant_id: UUID, answered: Sequence[tuple[Envelope, Answer]], now: datetime) -> None:
    """Stores what these requests are answered with; the commit that follows makes deed and answer one."""
    rows: list[tuple[object, ...]] = []
    for envelope, answer in answered:
        key = envelope.reply.idempotency if envelope.reply else None
        if key is not None:
            headers = json_bytes(answer.headers).decode()
            whose = tenant_id, envelope.context.actor_id, key.key, key.fingerprint
            rows.append((*whose, answer.status, headers, answer.body, now))
    writes.add(_REMEMBER, rows)
