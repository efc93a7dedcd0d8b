from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.application.ports import Clock
from app.application.sealing import Sealer
from app.application.webhooks.ports import SigningSecrets
from app.application.webhooks.signing import sealed_for
from app.application.webhooks.views import WebhookSecretView, secret_view_of
from app.domain.webhooks.ids import WebhookId
from app.domain.webhooks.ports import WebhookRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecret(Command[WebhookSecretView]):
    """Get a new secret; the one before signs as well for `overlap`."""

    webhook_id: WebhookId
    overlap: timedelta


@dataclass(slots=True)
class RotateSecretHandler:
    webhooks: WebhookRepository
    secrets: SigningSecrets
    sealer: Sealer
    clock: Clock

    async def handle(self, command: RotateSecret) -> WebhookSecretView:
        now, secret = self.clock.now(), self.secrets.new()
        endpoint = await self.webhooks.get(command.webhook_id)
        endpoint.rotate(
            secret=sealed_for(self.sealer, endpoint.id, secret), previous_until=now + command.overlap, now=now
        )
        return secret_view_of(endpoint, secret)
