from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.webhooks.views import WebhookView, view_of
from app.domain.webhooks.breaker import Breaker
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableWebhook(Command[WebhookView]):
    """Send there again, with its failures forgotten."""

    webhook_id: WebhookId


@dataclass(slots=True)
class EnableWebhookHandler:
    webhooks: WebhookRepository
    clock: Clock

    async def handle(self, command: EnableWebhook) -> WebhookView:
        await self.webhooks.lock_breaker(command.webhook_id)
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.enable(now=self.clock.now())
        await self.webhooks.set_breaker(endpoint.id, Breaker())
        return view_of(endpoint)
