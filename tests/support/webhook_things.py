"""A webhook with one delivery, for tests that call every operation there is."""

from __future__ import annotations

from uuid import UUID

from app.application.webhooks.commands.change_webhook import ChangeWebhook
from app.application.webhooks.commands.create_webhook import CreateWebhook
from app.application.webhooks.commands.send_ping import SendPing
from app.domain.webhooks.endpoint import EndpointStatus
from tests.support.system import Organizer, System

URL = "https://93.184.215.14/hooks"
"""A number, so that no test looks a name up; nothing is sent without a sender."""
WEBHOOK = {"url": URL, "events": ["order.*"], "description": "Order desk"}


async def webhook_things(system: System, tenant: Organizer, *, paused: bool = False) -> dict[str, UUID]:
    mediator, context = system.application.mediator, tenant.owner.context
    webhook = await mediator.send(CreateWebhook(url=URL, events=("order.*",), description=""), context)
    ping = await mediator.send(SendPing(webhook_id=webhook.id), context)
    if paused:
        await mediator.send(ChangeWebhook(webhook_id=webhook.id, status=EndpointStatus.PAUSED), context)
    return {"webhook_id": webhook.id, "delivery_id": ping.delivery_id}
