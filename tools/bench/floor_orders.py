"""The floor's work on one order: what a careful engineer writes by hand, without layers, checks and batches."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from app.application.identity.ports import AccessClaims
from tools.bench.floor_sql import ALL_IN_ONE, INSERTS, LIST, TAKE

HOLD = timedelta(days=1)


class SoldOut(Exception):
    """The guard of the UPDATE found no room, or there is no such product on sale."""


@dataclass(slots=True)
class Draft:
    """A request that was read and not yet placed."""

    tenant_id: UUID
    buyer_id: UUID
    product_id: UUID
    quantity: int
    email: str
    name: str
    key: str
    fingerprint: bytes
    request_id: str
    ip: str
    user_agent: str
    order_id: UUID
    number: str
    now: datetime
    expires_at: datetime


def draft_of(claims: AccessClaims, body: bytes, key: str, request_id: str, ip: str, user_agent: str) -> Draft:
    wanted = orjson.loads(body)
    customer, item = wanted["customer"], wanted["items"][0]
    order_id, now = uuid7(), datetime.now(UTC)
    return Draft(
        tenant_id=claims.tenant_id,
        buyer_id=claims.user_id,
        product_id=UUID(item["product_id"]),
        quantity=item["quantity"],
        email=customer["email"],
        name=customer["name"],
        key=key,
        fingerprint=hashlib.sha256(body).digest(),
        request_id=request_id,
        ip=ip,
        user_agent=user_agent,
        order_id=order_id,
        number=f"HT-{order_id.hex[-12:]}",
        now=now,
        expires_at=now + HOLD,
    )


class Hand:
    """One connection with everything prepared; one order at a time."""

    def __init__(self, connection: Any, statements: dict[str, Any]) -> None:
        self.close = connection.close
        self._execute = connection.execute
        self._take = statements["take"].fetchrow
        self._all = statements["all"].fetchval
        self._list = statements["list"].fetch
        self._order = statements["orders"].fetch
        self._line = statements["order_lines"].fetch
        self._event = statements["events"].fetch
        self._outbox = statements["outbox"].fetch
        self._audit = statements["audit_log"].fetch
        self._idempotency = statements["idempotency_keys"].fetch

    @classmethod
    async def ready(cls, dsn: str) -> Hand:
        connection = await asyncpg.connect(dsn)
        wanted = {"take": TAKE, "all": ALL_IN_ONE, "list": LIST, **INSERTS}
        statements = {name: await connection.prepare(sql) for name, sql in wanted.items()}
        await connection.execute("SELECT 1")  # asyncpg prepares without a Sync, which keeps the tables locked till then
        return cls(connection, statements)

    async def place(self, draft: Draft) -> bytes:
        """One statement per row kind, in the order of DESIGN section 6. Raises SoldOut."""
        return await self._committed(draft, self._rows_by_kind)

    async def place_at_once(self, draft: Draft) -> bytes:
        """The same rows by a single statement. Raises SoldOut."""
        return await self._committed(draft, self._rows_at_once)

    async def _committed(self, draft: Draft, write: Callable[[Draft], Awaitable[bytes | None]]) -> bytes:
        await self._execute(_begin(draft.tenant_id))
        try:
            body = await write(draft)
        except BaseException:
            await self._execute("ROLLBACK")
            raise
        await self._execute("COMMIT")
        if body is None:
            raise SoldOut
        return body

    async def _rows_by_kind(self, draft: Draft) -> bytes | None:
        taken = await self._take(draft.tenant_id, draft.product_id, draft.quantity)
        return await self._write(draft, taken) if taken is not None else None

    async def _write(self, d: Draft, taken: Any) -> bytes:
        pool_id, name, price, currency = taken
        tenant, order, total = d.tenant_id, d.order_id, price * d.quantity
        body = orjson.dumps(_view(d, name, price, currency))
        email_key = d.email.casefold()
        await self._order(
            *(tenant, order, d.number, d.buyer_id, d.email, email_key, d.name),
            *(total, currency, "pending", d.now, d.expires_at, 1),
        )
        await self._line(tenant, order, 1, d.product_id, pool_id, name, d.quantity, price)
        await self._event(tenant, order, 1, "order", "order.placed", body.decode(), _metadata(d), d.now)
        await self._outbox(tenant, uuid7(), order, 1, "order.placed", d.request_id, d.now)
        await self._audit(
            *(tenant, uuid7(), d.now, d.buyer_id, "user", False, "order.placed", "order"),
            *(order, "done", d.request_id, d.ip, d.user_agent),
        )
        headers = f'[["location","/orders/{order}"]]'
        await self._idempotency(tenant, d.buyer_id, d.key, d.fingerprint, 201, headers, body, d.now)
        return body

    async def _rows_at_once(self, d: Draft) -> bytes | None:
        body: str | None = await self._all(
            *(d.tenant_id, d.product_id, d.quantity, d.order_id, d.number, d.buyer_id, d.email, d.name),
            *(d.now, d.expires_at, _metadata(d), uuid7(), uuid7(), d.request_id, d.ip, d.user_agent),
            *(d.key, d.fingerprint),
        )
        return body.encode() if body is not None else None

    async def products(self, tenant_id: UUID) -> list[Any]:
        await self._execute(_begin(tenant_id))
        rows: list[Any] = await self._list(tenant_id)
        await self._execute("COMMIT")
        return rows


def _begin(tenant_id: UUID) -> str:
    """One round trip, as the application does it."""
    return f"BEGIN; SELECT set_config('app.tenant_id', '{tenant_id}', true)"


def _metadata(d: Draft) -> str:
    return f'{{"actor_id":"{d.buyer_id}","actor_kind":"user","request_id":"{d.request_id}"}}'


def _view(d: Draft, name: str, price: int, currency: str) -> dict[str, object]:
    total = {"amount": price * d.quantity, "currency": currency}
    item = {
        "product_id": str(d.product_id),
        "name": name,
        "quantity": d.quantity,
        "unit_price": {"amount": price, "currency": currency},
        "total": total,
    }
    return {
        "id": str(d.order_id),
        "number": d.number,
        "status": "pending",
        "customer": {"email": d.email, "name": d.name},
        "items": [item],
        "total": total,
        "placed_at": d.now,
        "expires_at": d.expires_at,
        "confirmed_at": None,
        "cancelled_at": None,
        "cancel_reason": None,
        "version": 1,
    }
