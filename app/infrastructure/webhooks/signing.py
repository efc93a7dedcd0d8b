"""Standard Webhooks (https://www.standardwebhooks.com): the headers, made by the official package."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32


class RandomSigningSecrets:
    def new(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(message_id: UUID, body: bytes, signing_secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """`now` is in UTC. One signature for each secret, separated by spaces: any of them verifies."""
    text = body.decode()
    signatures = [Webhook(secret).sign(str(message_id), now, text) for secret in signing_secrets]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
