"""The floor's statements: one per row kind, and one that does it all.

Tables and columns are those of `app/infrastructure/*/rows.py`; the unit test compares the two.
"""

from __future__ import annotations

TAKE = """
    UPDATE stock_pools AS s SET held = s.held + $3, taken = s.taken + $3 FROM products AS p
    WHERE p.tenant_id = $1 AND p.id = $2 AND p.status = 'active' AND s.tenant_id = $1 AND s.id = p.pool_id
      AND (s.capacity IS NULL OR s.held + s.sold + $3 <= s.capacity)
    RETURNING p.pool_id, p.name, p.price_amount, p.price_currency
"""


def _insert(table: str, *columns: str) -> str:
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 — this file's own names


COLUMNS: dict[str, tuple[str, ...]] = {
    "orders": (
        *("tenant_id", "id", "number", "buyer_id", "customer_email", "customer_email_key", "customer_name"),
        *("total_amount", "currency", "status", "placed_at", "expires_at", "version"),
    ),
    "order_lines": ("tenant_id", "order_id", "line", "product_id", "pool_id", "name", "quantity", "unit_amount"),
    "events": ("tenant_id", "stream_id", "version", "stream", "type", "data", "metadata", "occurred_at"),
    "outbox": ("tenant_id", "id", "stream_id", "version", "type", "request_id", "occurred_at"),
    "audit_log": (
        *("tenant_id", "id", "occurred_at", "actor_id", "actor_kind", "is_superuser", "action", "target_kind"),
        *("target_id", "outcome", "request_id", "ip", "user_agent"),
    ),
    "idempotency_keys": (
        *("tenant_id", "principal_id", "key", "fingerprint", "status", "headers", "body", "created_at"),
    ),
}
INSERTS = {table: _insert(table, *columns) for table, columns in COLUMNS.items()}


_BODY = """jsonb_build_object(
    'id', $4::uuid, 'number', $5::text, 'status', 'pending',
    'customer', jsonb_build_object('email', $7::text, 'name', $8::text),
    'items', jsonb_build_array(jsonb_build_object('product_id', $2::uuid, 'name', name, 'quantity', $3::bigint,
        'unit_price', jsonb_build_object('amount', price_amount, 'currency', price_currency),
        'total', jsonb_build_object('amount', price_amount * $3, 'currency', price_currency))),
    'total', jsonb_build_object('amount', price_amount * $3, 'currency', price_currency),
    'placed_at', $9::timestamptz, 'expires_at', $10::timestamptz, 'confirmed_at', null, 'cancelled_at', null,
    'cancel_reason', null, 'version', 1)"""
_VALUES = {
    "orders": "$1, $4, $5, $6, $7, lower($7), $8, price_amount * $3, price_currency, 'pending', $9, $10, 1",
    "order_lines": "$1, $4, 1, $2, pool_id, name, $3, price_amount",
    "events": "$1, $4, 1, 'order', 'order.placed', body, $11::text::jsonb, $9",
    "outbox": "$1, $12, $4, 1, 'order.placed', $14, $9",
    "audit_log": "$1, $13, $9, $6, 'user', false, 'order.placed', 'order', $4, 'done', $14::text, $15, $16",
    "idempotency_keys": (
        "$1, $6, $17, $18, 201, jsonb_build_array(jsonb_build_array('location', '/orders/' || $4)), "
        "convert_to(body::text, 'UTF8'), $9"
    ),
}


def _all_in_one() -> str:
    """Every part but the last may change rows; all see the table as it was, and foreign keys are checked at the end."""
    parts = [f"taken AS ({TAKE})", f"said AS (SELECT taken.*, {_BODY} AS body FROM taken)"]  # noqa: S608 — this file's own text
    parts += [f"{table}_rows AS ({_from_said(table, values)})" for table, values in _VALUES.items()]
    return f"WITH {', '.join(parts)} SELECT body FROM said"  # noqa: S608 — this file's own text


def _from_said(table: str, values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(COLUMNS[table])}) SELECT {values} FROM said"  # noqa: S608 — this file's own names


ALL_IN_ONE = _all_in_one()

LIST = """
    SELECT p.*, s.capacity, s.capacity - s.held - s.sold AS available
    FROM products p JOIN stock_pools s ON s.tenant_id = p.tenant_id AND s.id = p.pool_id
    WHERE p.tenant_id = $1 AND p.status = 'active' ORDER BY p.id DESC LIMIT 26
"""
