from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.application.ports import Clock
from app.application.webhooks.views import ReplayView
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import DeliveryRepository, WebhookRepository
from app.shared.mediator import Command

AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendFailed(Command[ReplayView]):
    """Send again what failed or was cancelled since then, oldest first, 1,000 at a time."""

    webhook_id: WebhookId
    since: datetime


@dataclass(slots=True)
class ResendFailedHandler:
    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    clock: Clock

    async def handle(self, command: ResendFailed) -> ReplayView:
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.require_active()
        found = await self.deliveries.ended_unhappily(endpoint.id, command.since, AT_ONCE + 1)
        again = await self.deliveries.resend(found[:AT_ONCE], now=self.clock.now())
        return ReplayView(queued=len(again), more=len(found) > AT_ONCE)
