"""A signing secret is sealed for its endpoint: copied to another row it does not open."""

from __future__ import annotations

from app.application.sealing import Sealer
from app.domain.webhooks.ids import WebhookId


def sealed_for(sealer: Sealer, webhook_id: WebhookId, secret: str) -> bytes:
    return sealer.seal(secret.encode(), purpose=_purpose(webhook_id))


def opened_for(sealer: Sealer, webhook_id: WebhookId, sealed: bytes) -> str:
    """Raises SealBroken."""
    return sealer.open(sealed, purpose=_purpose(webhook_id)).decode()


def _purpose(webhook_id: WebhookId) -> str:
    return f"webhook {webhook_id}"
