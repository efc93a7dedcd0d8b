from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock, IdSource
from app.application.webhooks.payload import ping_of
from app.application.webhooks.ports import Render
from app.application.webhooks.views import QueuedView
from app.domain.webhooks.delivery import Notice
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import DeliveryRepository, WebhookRepository
from app.shared.mediator import Command
from app.shared.tenant_context import RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPing(Command[QueuedView]):
    """Try the endpoint out with a `webhook.ping`."""

    webhook_id: WebhookId


@dataclass(slots=True)
class SendPingHandler:
    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    render: Render
    clock: Clock
    ids: IdSource
    context: RequestContext

    async def handle(self, command: SendPing) -> QueuedView:
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.require_active()
        now = self.clock.now()
        ping = ping_of(endpoint.id, self.ids.new(), self.context, now=now)
        notice = Notice(
            message_id=ping.id,
            type=ping.type,
            stream_id=ping.id,  # in nobody's order: it waits for nothing
            sequence=ping.sequence,
            body=self.render(ping),
            request_id=ping.request_id,
        )
        return QueuedView(delivery_id=await self.deliveries.send(endpoint.id, notice, now=now))
