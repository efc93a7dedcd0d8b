from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.webhooks.views import QueuedView
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.domain.webhooks.ports import DeliveryRepository, WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendDelivery(Command[QueuedView]):
    """Send the same body under the same message id once more, whatever became of it before."""

    webhook_id: WebhookId
    delivery_id: DeliveryId


@dataclass(slots=True)
class ResendDeliveryHandler:
    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    clock: Clock

    async def handle(self, command: ResendDelivery) -> QueuedView:
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.require_active()
        delivery = await self.deliveries.get(endpoint.id, command.delivery_id)
        (again,) = await self.deliveries.resend([delivery.id], now=self.clock.now())
        return QueuedView(delivery_id=again)
