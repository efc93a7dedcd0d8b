from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock, IdSource
from app.application.sealing import Sealer
from app.application.webhooks.ports import SigningSecrets
from app.application.webhooks.public_events import check_filters
from app.application.webhooks.signing import sealed_for
from app.application.webhooks.views import WebhookSecretView, secret_view_of
from app.domain.webhooks.endpoint import MOST_ENDPOINTS, WebhookEndpoint, WebhookLimit
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook(Command[WebhookSecretView]):
    """Be told of these events at this URL, which was checked before; the secret is shown this once."""

    url: str
    events: tuple[str, ...]
    description: str


@dataclass(slots=True)
class CreateWebhookHandler:
    webhooks: WebhookRepository
    secrets: SigningSecrets
    sealer: Sealer
    clock: Clock
    ids: IdSource

    async def handle(self, command: CreateWebhook) -> WebhookSecretView:
        events = check_filters(command.events)
        if await self.webhooks.count() >= MOST_ENDPOINTS:
            raise WebhookLimit(f"A tenant has at most {MOST_ENDPOINTS} webhooks; delete one first.")
        webhook_id, secret = WebhookId(self.ids.new()), self.secrets.new()
        endpoint = WebhookEndpoint.create(
            id=webhook_id,
            url=command.url,
            events=events,
            description=command.description,
            secret=sealed_for(self.sealer, webhook_id, secret),
            now=self.clock.now(),
        )
        self.webhooks.add(endpoint)
        return secret_view_of(endpoint, secret)
