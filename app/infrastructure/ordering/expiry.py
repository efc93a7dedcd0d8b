"""Orders whose hold ran out: found across tenants by a named policy, ended one by one in their own tenant."""

from __future__ import annotations

import asyncio

import structlog

from app.application.ordering.commands.expire_order import ExpireOrder
from app.application.ports import IdSource
from app.domain.ordering.order import OrderState
from app.infrastructure.database.pool import Database
from app.shared.errors import Unavailable
from app.shared.ids import OrderId, TenantId
from app.shared.mediator import Mediator
from app.shared.tenant_context import system_context

_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('hello-ticket.expiry', 0))"
_DUE = """
    SELECT tenant_id, id FROM orders WHERE status = 'pending' AND expires_at <= now()
    ORDER BY expires_at LIMIT $1
"""
AT_ONCE = 500

_log = structlog.get_logger("hello_ticket.expiry")


async def expire_due_orders(database: Database, mediator: Mediator, ids: IdSource) -> int:
    """How many were ended. One process at a time does this; the others find the turn taken and do nothing.

    The turn is only a courtesy: an order that somebody else ended, confirmed or cancelled meanwhile refuses.
    """
    async with database.transaction(None, role="worker", read_only=True) as connection:
        if not await connection.fetchval(_TURN):
            return 0
        due = await connection.fetch(_DUE, AT_ONCE)
        ends = [_expire(mediator, TenantId(row["tenant_id"]), OrderId(row["id"]), ids) for row in due]
        return sum(await asyncio.gather(*ends))


async def _expire(mediator: Mediator, tenant_id: TenantId, order_id: OrderId, ids: IdSource) -> bool:
    try:
        await mediator.send(ExpireOrder(order_id=order_id), system_context(tenant_id, ids.new()))
    except OrderState:
        return False
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 — logged with its traceback; one broken order must not keep the others' pieces
        _log.exception("order_not_expired", tenant=str(tenant_id), order=str(order_id))
        return False
    return True
