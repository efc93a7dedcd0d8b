from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import DeliveryRepository, WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebhook(Command[None]):
    """Nothing more is sent there, and what waits is cancelled."""

    webhook_id: WebhookId
    expected_version: int | None = None


@dataclass(slots=True)
class DeleteWebhookHandler:
    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    clock: Clock

    async def handle(self, command: DeleteWebhook) -> None:
        await self.webhooks.lock_breaker(command.webhook_id)
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.expect_version(command.expected_version)
        endpoint.delete(now=self.clock.now())
        await self.deliveries.cancel_pending(command.webhook_id)
