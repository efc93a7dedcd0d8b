from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.webhooks.public_events import check_filters
from app.application.webhooks.views import WebhookView, view_of
from app.domain.webhooks.endpoint import EndpointStatus
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhook(Command[WebhookView]):
    """Set what is not None; a new URL was checked before. `expected_version` None changes whatever is there."""

    webhook_id: WebhookId
    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    status: EndpointStatus | None = None
    expected_version: int | None = None


@dataclass(slots=True)
class ChangeWebhookHandler:
    webhooks: WebhookRepository
    clock: Clock

    async def handle(self, command: ChangeWebhook) -> WebhookView:
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.expect_version(command.expected_version)
        endpoint.change(
            now=self.clock.now(),
            url=command.url,
            events=None if command.events is None else check_filters(command.events),
            description=command.description,
            status=command.status,
        )
        return view_of(endpoint)
