from __future__ import annotations

from dataclasses import dataclass

from app.application.webhooks.views import WebhookView
from app.domain.webhooks.ids import WebhookId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWebhook(Query[WebhookView]):
    """One webhook endpoint, without its secret."""

    webhook_id: WebhookId
