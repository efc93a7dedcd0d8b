from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page, PageRequest
from app.application.webhooks.views import WebhookView
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks(Query[Page[WebhookView]]):
    """A page of the tenant's webhook endpoints."""

    page: PageRequest
