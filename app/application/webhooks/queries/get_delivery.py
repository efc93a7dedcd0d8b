from __future__ import annotations

from dataclasses import dataclass

from app.application.webhooks.views import DeliveryDetailView
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDelivery(Query[DeliveryDetailView]):
    """One delivery with its body and every attempt."""

    webhook_id: WebhookId
    delivery_id: DeliveryId
