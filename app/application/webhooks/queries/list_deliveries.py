from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page, PageRequest
from app.application.webhooks.views import DeliveryView
from app.domain.webhooks.delivery import DeliveryStatus
from app.domain.webhooks.ids import WebhookId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries(Query[Page[DeliveryView]]):
    """A page of what was, or is to be, sent to an endpoint."""

    webhook_id: WebhookId
    page: PageRequest
    status: DeliveryStatus | None = None
