from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.domain.webhooks.breaker import Breaker
from app.domain.webhooks.delivery import Answer, Delivery, Notice
from app.domain.webhooks.endpoint import WebhookEndpoint
from app.domain.webhooks.ids import DeliveryId, WebhookId


class WebhookRepository(Protocol):
    def add(self, endpoint: WebhookEndpoint) -> None: ...

    async def get(self, webhook_id: WebhookId) -> WebhookEndpoint:
        """Raises WebhookNotFound. What is loaded here is saved at commit."""
        ...

    async def count(self) -> int:
        """How many the tenant has; until the commit nobody else adds one."""
        ...

    async def lock_breaker(self, webhook_id: WebhookId) -> Breaker:
        """As it is now; until the commit nobody else changes it or the endpoint. A new one if there is no endpoint."""
        ...

    async def set_breaker(self, webhook_id: WebhookId, breaker: Breaker) -> None: ...


class DeliveryRepository(Protocol):
    async def get(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> Delivery:
        """Raises DeliveryNotFound. Nobody else changes it until the commit."""
        ...

    async def save(self, delivery: Delivery) -> None: ...

    async def log(self, delivery_id: DeliveryId, answer: Answer) -> None:
        """Puts an attempt into the delivery's log."""
        ...

    async def send(self, webhook_id: WebhookId, notice: Notice, *, now: datetime) -> DeliveryId:
        """Puts a new message in line for this endpoint, due `now`."""
        ...

    async def resend(self, delivery_ids: Sequence[DeliveryId], *, now: datetime) -> Sequence[DeliveryId]:
        """Puts the same messages in line again, each under its next replay number."""
        ...

    async def ended_unhappily(self, webhook_id: WebhookId, since: datetime, most: int) -> Sequence[DeliveryId]:
        """The newest of each message made since then and neither delivered nor pending, oldest first."""
        ...

    async def cancel_pending(self, webhook_id: WebhookId) -> None: ...
