"""A table with a past: orders as the application would have left them, written by SQL since they are many."""

from __future__ import annotations

from app.infrastructure.database.addresses import Addresses
from tools.bench.database import owner
from tools.bench.world import World

# UUIDv7-like: the milliseconds of a year gone by in front, so that rows lie in the indexes as time would lay them
_ID = "(lpad(to_hex(1735689600000 + n * 300000), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 5, 15))::uuid"
_PAST = f"""
    CREATE TEMP TABLE past AS
    SELECT n, 'buyer-' || n || '@example.com' AS email, 'HT-' || upper(lpad(to_hex(n), 10, '0')) AS number,
        {_ID} AS id, to_timestamp(1735689600 + n * 300) AS at, jsonb_build_object('id', {_ID}, 'number', 'HT') AS body
    FROM (SELECT n, md5(n::text) AS h FROM generate_series($1::bigint, $2::bigint) AS n) AS numbered
"""  # noqa: S608 — this file's own text
_FILL = """
    INSERT INTO orders SELECT $1::uuid, id, number, $2::uuid, email, email, 'A Buyer', 4500, 'EUR', 'confirmed',
        at, at, at, NULL, NULL, 1 FROM past;
    INSERT INTO order_lines SELECT $1, past.id, 1, p.id, p.pool_id, p.name, 1, 4500
        FROM past, products p WHERE p.id = $2::uuid AND p.tenant_id = $1::uuid;
    INSERT INTO events SELECT $1::uuid, id, 1, 'order', 'order.placed', body, '{}', at FROM past WHERE $2::uuid <> $1;
    INSERT INTO outbox SELECT $1::uuid, id, id, 1, 'order.placed', 'past', at, at FROM past WHERE $2::uuid <> $1;
    INSERT INTO audit_log SELECT $1::uuid, id, at, $2::uuid, 'user', false, 'order.placed', 'order', id, 'done', 'past',
        '127.0.0.1', '' FROM past;
    INSERT INTO idempotency_keys SELECT $1::uuid, $2::uuid, 'past-' || n, '', 201, '[]',
        convert_to(body::text, 'UTF8'), now() FROM past
"""
_COUNT = """
    UPDATE stock_pools s SET sold = sold + $2, taken = taken + $2 FROM products p
    WHERE p.id = $1 AND s.tenant_id = p.tenant_id AND s.id = p.pool_id
"""
_ANALYZE = "VACUUM ANALYZE orders, order_lines, events, outbox, audit_log, idempotency_keys, stock_pools"


async def fill(addresses: Addresses, world: World, *, first: int, last: int) -> None:
    """Confirmed orders number `first` to `last` of the product `old`, with every row that belongs to them."""
    async with owner(addresses) as connection:
        async with connection.transaction():
            await connection.execute(_PAST, first, last)
            for statement in _FILL.split(";"):
                await connection.execute(statement, world.tenant_id, world.old)
            await connection.execute(_COUNT, world.old, last - first + 1)
            await connection.execute("DROP TABLE past")
        await connection.execute(_ANALYZE)
