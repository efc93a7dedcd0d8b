from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.application.ports import Clock
from app.domain.webhooks.delivery import Answer
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.domain.webhooks.ports import DeliveryRepository, WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAttempt(Command[None]):
    """Take down what came of an attempt that was made under this lease, and when the next one is due."""

    webhook_id: WebhookId
    delivery_id: DeliveryId
    lease: datetime
    answer: Answer


@dataclass(slots=True)
class RecordAttemptHandler:
    """`jitter` gives a number from -1 to 1."""

    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    clock: Clock
    jitter: Callable[[], float]

    async def handle(self, command: RecordAttempt) -> None:
        answer, now = command.answer, self.clock.now()
        before = await self.webhooks.lock_breaker(command.webhook_id)
        delivery = await self.deliveries.get(command.webhook_id, command.delivery_id)
        after = before.answered(answer, now=now)
        if after != before:
            await self.webhooks.set_breaker(command.webhook_id, after)
        await self.deliveries.save(delivery.answered(answer, lease=command.lease, now=now, jitter=self.jitter()))
        await self.deliveries.log(delivery.id, answer)
        reason = after.gives_up(answer, now=now)
        if reason is not None:
            endpoint = await self.webhooks.get(command.webhook_id)
            endpoint.disable(reason=reason, now=now)
            await self.deliveries.cancel_pending(command.webhook_id)
