"""Webhooks with a clock and a look-up of the test's own, on the system's database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from app.application.events import PublishedEvent
from app.application.webhooks.commands.create_webhook import CreateWebhook
from app.application.webhooks.views import WebhookSecretView
from app.container import SystemClock, TimeOrderedIds
from app.infrastructure.database.dispatch import Routes, build_mediator
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.security.sealing import load_sealer
from app.infrastructure.signals.local import LocalSignals
from app.infrastructure.webhooks.guard import Guard, Resolve, Resolver
from app.infrastructure.webhooks.sender import WebhookSender
from app.infrastructure.webhooks.wiring import WebhookParts, bind_webhooks, webhook_sender
from app.shared.ids import NOBODY, TenantId
from app.shared.mediator import Mediator
from app.shared.tenant_context import system_context
from tests.support.owner import rows
from tests.support.system import System


class AheadClock:
    """The machine's clock, as far ahead as a test moves it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Hooks:
    """A process that sends webhooks; it looks at one tenant's rows, whatever others left behind."""

    system: System
    clock: AheadClock
    routes: Routes
    bus: Mediator
    sender: WebhookSender
    ids: TimeOrderedIds = field(default_factory=TimeOrderedIds)

    async def create(self, tenant_id: TenantId, url: str, *events: str) -> WebhookSecretView:
        command = CreateWebhook(url=url, events=events or ("*",), description="")
        return await self.bus.send(command, system_context(tenant_id, "test"))

    async def publish(self, *events: PublishedEvent) -> None:
        """As the runner of policies does it: one transaction for all."""
        tenant_id = events[0].tenant_id
        async with self.system.application.database.transaction(tenant_id) as connection:
            work = UnitOfWork(connection, tenant_id, self.ids)
            make = self.routes.subscribers["webhooks"].policy
            assert make is not None
            for event in events:
                await make(Scope(work, system_context(tenant_id, event.request_id))).react(event)
            writes = Writes(connection)
            await work.flush(writes)
            await writes.send()

    async def turn(self, tenant_id: TenantId) -> int:
        """Claims once and sends what was claimed, one after the other. How many of the tenant's."""
        claims = [claim for claim in await self.sender.claim(500, ()) if claim.tenant_id == tenant_id]
        for claim in claims:
            await self.sender.send(claim)
        return len(claims)

    async def deliveries(self, tenant_id: UUID) -> Sequence[tuple[Any, ...]]:
        """Type, sequence, status, attempts, in the order in which they were put in line."""
        sql = "SELECT type, sequence, status, attempts FROM webhook_deliveries WHERE tenant_id = $1 ORDER BY id"
        return await rows(self.system, sql, tenant_id)

    async def log(self, tenant_id: UUID) -> Sequence[tuple[Any, ...]]:
        sql = "SELECT status_code, error FROM webhook_attempts WHERE tenant_id = $1 ORDER BY id"
        return await rows(self.system, sql, tenant_id)

    async def close(self) -> None:
        await self.sender.close()


@asynccontextmanager
async def hooking(
    system: System, *, resolve: Resolve | None = None, allow_private: bool = True, seconds: float = 5
) -> AsyncGenerator[Hooks]:
    clock, ids, routes = AheadClock(), TimeOrderedIds(), Routes()
    guard = Guard(resolve or Resolver(), allow_private=allow_private, allow_http=True)
    parts = WebhookParts(sealer=load_sealer(system.settings), guard=guard, clock=clock, ids=ids)
    bind_webhooks(routes, parts)
    database = system.application.database
    bus = build_mediator(routes, database, clock, ids, LocalSignals(), max_queued=1_000)
    settings = system.settings.model_copy(update={"webhook_timeout_seconds": seconds})
    hooks = Hooks(system, clock, routes, bus, webhook_sender(settings, database, bus, parts))
    try:
        yield hooks
    finally:
        await hooks.close()


def an_event(tenant_id: TenantId, **values: Any) -> PublishedEvent:
    usual: dict[str, Any] = {
        "id": TimeOrderedIds().new(),
        "type": "order.placed",
        "stream": "order",
        "stream_id": uuid4(),
        "version": 1,
        "occurred_at": SystemClock().now(),
        "request_id": f"request-{uuid4().hex}",
        "actor_id": NOBODY,
        "actor_kind": "user",
        "data": {"number": "HT-ABCDE-12345"},
    }
    return PublishedEvent(tenant_id=tenant_id, **(usual | values))
